//! Reading of untrusted files: without blocking and with a size limit.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use highwater_model::{Bytes, is_raw};
use rustix::fs::OFlags;

/// Reads a regular file of at most `max` bytes.
///
/// # Errors
/// If the system cannot read it, if it is a folder, FIFO, socket or device, or if it is larger.
pub fn read_file(path: &Path, max: Bytes) -> io::Result<Vec<u8>> {
    // Without the flag, opening a FIFO would block until there is a writer.
    let file = File::options().read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder, not a file"));
    }
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let too_large = || io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {max}"));
    if metadata.len() > max.0 {
        return Err(too_large());
    }
    let mut content = Vec::new();
    // The file may grow while it is read.
    file.take(max.0 + 1).read_to_end(&mut content)?;
    if content.len() as u64 > max.0 { Err(too_large()) } else { Ok(content) }
}

/// Makes untrusted text fit for one line of a message: control characters and those that change the direction of text
/// are escaped, and a long text is shortened in the middle.
pub fn one_line(text: &str) -> String {
    const HALF: usize = 150;
    let escaped = |c: char| if is_raw(c) { c.escape_default().to_string() } else { c.to_string() };
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
    fn a_file_above_the_size_limit_is_rejected() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x");
        std::fs::write(&path, b"12345").expect("written");
        assert_eq!(read_file(&path, Bytes(5)).expect("five bytes"), b"12345");
        let error = read_file(&path, Bytes(4)).expect_err("one too many");
        assert_eq!(error.to_string(), "it is larger than 4 B");
        // Files below /proc report a size of 0.
        let error = read_file(Path::new("/proc/self/status"), Bytes(4)).expect_err("longer");
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_file_that_is_not_regular_is_rejected_without_blocking() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = read_file(folder.path(), Bytes(5)).expect_err("a folder");
        assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
        let fifo = folder.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).expect("made");
        for path in [fifo.as_path(), Path::new("/dev/zero")] {
            let error = read_file(path, Bytes(5)).expect_err("not a regular file");
            assert_eq!(error.to_string(), "it is not a regular file");
        }
    }

    #[test]
    fn untrusted_text_becomes_one_short_line() {
        assert_eq!(one_line("a\nb\u{1b}[31m é"), "a\\nb\\u{1b}[31m é");
        assert_eq!(one_line("a\u{202e}b\u{2028}"), "a\\u{202e}b\\u{2028}");
        assert_eq!(one_line(&"é".repeat(1000)), format!("{0} ... {0}", "é".repeat(150)));
    }
}
