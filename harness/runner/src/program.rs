//! Checks of a program before it is executed, for what the kernel and the C library do not report as an error.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// The offset and size of the fields of an ELF header: its magic, its byte order (`EI_DATA`), and its machine type
/// (`e_machine`). [elf(5)](https://man7.org/linux/man-pages/man5/elf.5.html)
const MAGIC: &[u8] = b"\x7fELF";
const BYTE_ORDER: usize = 5;
const MACHINE: std::ops::Range<usize> = 18..20;
const HEADER: usize = 20;

/// Checks that a program is not an executable of another architecture. The C library passes a file that the kernel
/// rejects to the shell, so that scripts need no first line `#!`; the shell would then read the executable as a script.
///
/// # Errors
/// If the file cannot be opened, or is an executable of another architecture.
pub(super) fn check(path: &Path) -> io::Result<()> {
    let start = |path: &Path| {
        let mut header = [0; HEADER];
        let file = File::open(path)?;
        let count = file.take(HEADER as u64).read(&mut header)?;
        Ok::<_, io::Error>((header, count))
    };
    // A program that can be executed need not be readable.
    match std::fs::metadata(path)?.is_file().then(|| start(path)) {
        Some(Ok((header, HEADER)))
            if header.starts_with(MAGIC) && machine(&header) != machine(&start(Path::new(OWN))?.0) =>
        {
            Err(io::Error::other("it is an executable of another architecture"))
        }
        _ => Ok(()),
    }
}

/// The executable of this process.
const OWN: &str = "/proc/self/exe";

/// The byte order and the machine type.
fn machine(header: &[u8; HEADER]) -> (u8, &[u8]) {
    (header[BYTE_ORDER], &header[MACHINE])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_of_another_architecture_are_rejected() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("program");
        let mut program = std::fs::read(OWN).expect("this test");
        let check = |bytes: &[u8]| {
            std::fs::write(&path, bytes).expect("written");
            check(&path)
        };
        assert!(check(&program).is_ok());
        assert!(check(b"#!/bin/sh\n").is_ok(), "a script");
        assert!(check(b"").is_ok(), "the shell runs an empty file");
        program[MACHINE.start] ^= 1;
        assert!(check(&program).is_err());
        assert!(super::check(Path::new("/nonexistent/program")).is_err());
    }
}
