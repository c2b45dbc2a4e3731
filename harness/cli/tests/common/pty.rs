//! Programs on a terminal of a given width, and the colours that they print as readable marks.

use std::{
    fs::File,
    io::{ErrorKind, Read},
    os::fd::{FromRawFd, OwnedFd},
    process::{Command, Stdio},
    ptr,
};

/// The variables that decide on colours and widths.
const VARIABLES: [&str; 6] = ["CI", "COLUMNS", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM"];

/// A command without variables that decide on colours and widths, for a terminal that has colours.
pub(crate) fn unbiased(mut command: Command) -> Command {
    VARIABLES.iter().for_each(|name| {
        command.env_remove(name);
    });
    command.env("TERM", "xterm");
    command
}

/// Runs a command on a terminal with `columns` columns. Returns all that it printed, and its exit status.
pub(crate) fn on_terminal(mut command: Command, columns: u16) -> (String, Option<i32>) {
    let size = libc::winsize { ws_row: 50, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let (mut ours, mut its) = (-1, -1);
    // SAFETY: all pointers are valid or null, as openpty(3) permits. It opens both descriptors or none.
    let (ours, its) = unsafe {
        assert_eq!(libc::openpty(&mut ours, &mut its, ptr::null_mut(), ptr::null(), &size), 0, "no terminal");
        (OwnedFd::from_raw_fd(ours), OwnedFd::from_raw_fd(its))
    };
    let end = || Stdio::from(its.try_clone().expect("a descriptor"));
    let mut child = command.stdin(end()).stdout(end()).stderr(end()).spawn().expect("started");
    // Only the child's ends are left, so that reading ends with the child.
    drop((command, its));
    let (mut text, mut terminal) = (Vec::new(), File::from(ours));
    let mut read = || match terminal.read_to_end(&mut text) {
        // Linux reports the end of a terminal as an error.
        Err(error) if error.raw_os_error() != Some(libc::EIO) && error.kind() != ErrorKind::Interrupted => {
            panic!("{error}")
        }
        _ => {}
    };
    read();
    let status = child.wait().expect("it ends");
    // The kernel may report the end although the last lines, written at the same moment, can still be read.
    read();
    (String::from_utf8(text).expect("UTF-8").replace("\r\n", "\n"), status.code())
}

/// The text with marks for its colours: `⟨red⟩FAILED⟨/⟩`. There are no colours other than the standard ones.
pub(crate) fn marked(text: &str) -> String {
    let mut marked = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        let (code, after) = after.split_once('m').expect("the end of a colour");
        marked.push_str(before);
        marked.push_str(match code {
            "0" | "39" => "⟨/⟩",
            "1" => "⟨bold⟩",
            "31" | "38;5;1" => "⟨red⟩",
            "32" | "38;5;2" => "⟨green⟩",
            "33" | "38;5;3" => "⟨yellow⟩",
            other => panic!("the code {other} is not a standard colour"),
        });
        rest = after;
    }
    marked.push_str(rest);
    // A reset of the colour and one of everything.
    marked.replace("⟨/⟩⟨/⟩", "⟨/⟩").replace("⟨bold⟩⟨red⟩", "⟨red⟩").replace("⟨red⟩⟨bold⟩", "⟨red⟩")
}
