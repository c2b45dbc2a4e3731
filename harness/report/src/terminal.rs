//! What commands write: results to stdout, and errors, warnings, notes and progress, escaped for the terminal, to stderr.
//! The reader of a pipe may have gone (`highwater ... | head`), which is not an error. The crates with commands shadow
//! `println!`, because that of the standard library panics.

use std::{
    env,
    fmt::{Arguments, Display},
    io::{self, ErrorKind, Write},
    process,
};

use highwater_model::exit;

use super::escape;

/// Prints to stdout. If the reader of the pipe has gone, the command continues: its files are complete, and its exit
/// status is that of its result. Any other error ends the process with one line on stderr and an internal error.
pub fn print(text: Arguments<'_>) {
    if let Err(error) = line(io::stdout(), text) {
        note(format_args!("error: stdout: {error}"));
        process::exit(exit::INTERNAL.into());
    }
}

/// The width of lines on stdout: that of the terminal, else `COLUMNS`, else 100 characters.
#[must_use]
pub fn width() -> usize {
    let terminal = terminal_size::terminal_size_of(io::stdout()).map(|(terminal_size::Width(width), _)| width.into());
    let variable = || env::var("COLUMNS").ok()?.parse().ok();
    terminal.or_else(variable).filter(|width| *width > 0).unwrap_or(100)
}

/// Writes one line to stderr. If that fails, there is nowhere to report it.
pub fn note(text: impl Display) {
    let _ = line(io::stderr(), format_args!("{}", escape::line(&text.to_string())));
}

/// Writes a message that may have several lines, such as that of an invalid regular expression, to stderr.
pub fn message(lines: impl Display) {
    let _ = line(io::stderr(), format_args!("{}", escape::lines(&lines.to_string())));
}

fn line(mut out: impl Write, text: Arguments<'_>) -> io::Result<()> {
    // One write, so that lines of several processes do not mix.
    match out.write_all(format!("{text}\n").as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_without_a_reader_is_no_error() {
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        line(writer, format_args!("a line")).expect("quiet");
        let mut text = Vec::new();
        line(&mut text, format_args!("{}", 1)).expect("memory");
        assert_eq!(text, b"1\n");
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let full = std::fs::File::options().write(true).open("/dev/full").expect("a device");
        assert!(line(full, format_args!("a line")).is_err());
    }
}
