//! Files that others made: read whole or not at all, never waited for, and never larger than stated.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use highwater_model::Bytes;
use rustix::fs::OFlags;

/// The content of a regular file of at most `most` bytes.
///
/// # Errors
/// What the system refuses; a folder, FIFO, socket or device; a file that is larger.
pub fn read_file(path: &Path, most: Bytes) -> io::Result<Vec<u8>> {
    // Without the flag, opening a FIFO waits for somebody to write into it.
    let file = File::options().read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path)?;
    let about = file.metadata()?;
    if about.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder and has to be a file"));
    }
    if !about.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let too_large = || io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {most}"));
    if about.len() > most.0 {
        return Err(too_large());
    }
    let mut content = Vec::new();
    // It may grow while it is read.
    file.take(most.0 + 1).read_to_end(&mut content)?;
    if content.len() as u64 > most.0 { Err(too_large()) } else { Ok(content) }
}

/// A text from outside made fit for one line of a message: control characters are escaped, and of a
/// long text the middle is left out.
pub fn one_line(text: &str) -> String {
    const HALF: usize = 150;
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    match text.chars().count() {
        few if few <= 2 * HALF => text.chars().map(escaped).collect(),
        many => {
            let part = |from, to| text.chars().skip(from).take(to - from).map(escaped).collect::<String>();
            format!("{} ... {}", part(0, HALF), part(many - HALF, many))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit_and_refused_beyond() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x");
        std::fs::write(&path, b"12345").expect("written");
        assert_eq!(read_file(&path, Bytes(5)).expect("five bytes"), b"12345");
        let error = read_file(&path, Bytes(4)).expect_err("one too many");
        assert_eq!(error.to_string(), "it is larger than 4 B");
        // Files below /proc say that they are empty.
        let error = read_file(Path::new("/proc/self/status"), Bytes(4)).expect_err("longer");
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn what_is_no_regular_file_is_refused_without_waiting() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = read_file(folder.path(), Bytes(5)).expect_err("a folder");
        assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
        let fifo = folder.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).expect("made");
        for path in [fifo.as_path(), Path::new("/dev/zero")] {
            let error = read_file(path, Bytes(5)).expect_err("no regular file");
            assert_eq!(error.to_string(), "it is no regular file");
        }
    }

    #[test]
    fn a_message_stays_one_line_whatever_it_quotes() {
        assert_eq!(one_line("a\nb\u{1b}[31m é"), "a\\nb\\u{1b}[31m é");
        assert_eq!(one_line(&"é".repeat(1000)), format!("{0} ... {0}", "é".repeat(150)));
    }
}
