//! Reads the files of one process in `/proc`. Names in them (of the process, of mapped files) may be any bytes: what is
//! not UTF-8 is replaced, because a name decides nothing but a category.
//!
//! A snapshot of a small worker takes a few hundred microseconds, most of it in the kernel, so the files are opened
//! relative to the folder of the process, read into one buffer, and parsed for the few fields that are needed.

use std::{
    borrow::Cow,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

use rustix::{
    buffer::spare_capacity,
    fs::{CWD, Mode, OFlags, openat, readlinkat},
};

/// A file of `/proc` could not be read or parsed.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// An I/O error, for example because the process has ended.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// A line has an unexpected format.
    #[error("{path}: cannot parse the line {line:?}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line.
        line: String,
    },
    /// A field is missing that all supported kernels have.
    #[error("{path}: no field {field}; Highwater requires Linux 4.14 or newer with smaps")]
    NoField {
        /// The file.
        path: PathBuf,
        /// The field.
        field: &'static str,
    },
}

/// The folder of a process in `/proc`, opened when it is first read.
#[derive(Debug)]
pub(super) struct ProcessFiles {
    path: PathBuf,
    folder: Option<OwnedFd>,
    /// The content of the last file that was read.
    buffer: Vec<u8>,
}

/// What `smaps_rollup` has for pages that processes share, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shares {
    /// Anonymous pages, each divided by the number of processes that share it; all of them before Linux 5.4.
    pub(super) anon: u64,
    /// The same of swapped out pages.
    pub(super) swap: u64,
}

/// The fields of `status`, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Status {
    pub(super) high_water_mark: u64,
    pub(super) page_tables: u64,
    pub(super) address_space: u64,
    pub(super) threads: u64,
}

/// Minor and major faults so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    pub(super) minor: u64,
    pub(super) major: u64,
}

impl ProcessFiles {
    pub(super) fn of(pid: u32) -> Self {
        Self::at(format!("/proc/{pid}"))
    }

    pub(super) fn at(folder: impl Into<PathBuf>) -> Self {
        Self { path: folder.into(), folder: None, buffer: Vec::new() }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The folder. It stays that of this process even if another one gets its pid.
    pub(super) fn folder(&mut self) -> rustix::io::Result<BorrowedFd<'_>> {
        let folder = match self.folder.take() {
            Some(folder) => folder,
            None => openat(CWD, &self.path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?,
        };
        let folder: &OwnedFd = self.folder.insert(folder);
        Ok(folder.as_fd())
    }

    /// The content of a file. Bytes that are not UTF-8 are replaced.
    pub(super) fn read(&mut self, name: &str) -> Result<Cow<'_, str>, ProbeError> {
        match self.try_read(name) {
            Ok(()) => Ok(String::from_utf8_lossy(&self.buffer)),
            Err(error) => Err(self.error(name, error)),
        }
    }

    fn error(&self, name: &str, error: rustix::io::Errno) -> ProbeError {
        ProbeError::Io { path: self.path(name), source: error.into() }
    }

    fn try_read(&mut self, name: &str) -> rustix::io::Result<()> {
        let file = openat(self.folder()?, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        self.buffer.clear();
        loop {
            // The kernel writes a few KiB at a time, and whole lines only.
            self.buffer.reserve(64 << 10);
            if rustix::io::read(&file, spare_capacity(&mut self.buffer))? == 0 {
                return Ok(());
            }
        }
    }

    /// The program that the process executes.
    pub(super) fn program(&mut self) -> Result<PathBuf, ProbeError> {
        let target = self.folder().and_then(|folder| readlinkat(folder, "exe", Vec::new()));
        match target {
            Ok(target) => Ok(Path::new(&*target.to_string_lossy()).to_owned()),
            Err(error) => Err(self.error("exe", error)),
        }
    }

    /// The shares of `smaps_rollup`.
    pub(super) fn shares(&mut self) -> Result<Shares, ProbeError> {
        let text = self.read("smaps_rollup")?;
        let anon = kib_of(&text, "Pss_Anon:").or_else(|| kib_of(&text, "Anonymous:"));
        let shares = (anon, kib_of(&text, "SwapPss:"));
        match shares {
            (Some(anon), Some(swap)) => Ok(Shares { anon, swap }),
            _ => Err(ProbeError::NoField { path: self.path("smaps_rollup"), field: "Anonymous or SwapPss" }),
        }
    }

    pub(super) fn status(&mut self) -> Result<Status, ProbeError> {
        let text = self.read("status")?;
        let fields = status_fields(&text);
        fields.map_err(|field| ProbeError::NoField { path: self.path("status"), field })
    }

    pub(super) fn faults(&mut self) -> Result<Faults, ProbeError> {
        let text = self.read("stat")?;
        // The second field is the name in parentheses, which may contain both.
        let fields: Vec<&str> = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse().ok();
        let faults = (field(10), field(12));
        match faults {
            (Some(minor), Some(major)) => Ok(Faults { minor, major }),
            _ => Err(ProbeError::NoField { path: self.path("stat"), field: "minflt or majflt" }),
        }
    }

    /// Resets `VmHWM` to the current RSS.
    pub(super) fn reset_high_water_mark(&mut self) -> Result<(), ProbeError> {
        let write = |folder: BorrowedFd<'_>| {
            let file = openat(folder, "clear_refs", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
            // 5 resets the high-water mark without touching pages (proc_pid_clear_refs(5)).
            rustix::io::write(&file, b"5")
        };
        let written = self.folder().and_then(write);
        written.map(drop).map_err(|error| self.error("clear_refs", error))
    }

    /// The name of the process, of at most 15 bytes.
    pub(super) fn name(&mut self) -> Option<String> {
        self.read("comm").ok().map(|name| name.trim_end().to_owned())
    }
}

/// The error is a field that is missing.
fn status_fields(text: &str) -> Result<Status, &'static str> {
    let kib = |field: &'static str| kib_of(text, field).ok_or(field);
    let threads = text.lines().find_map(|line| line.strip_prefix("Threads:")?.trim().parse().ok());
    Ok(Status {
        high_water_mark: kib("VmHWM:")?,
        page_tables: kib("VmPTE:")?,
        address_space: kib("VmSize:")?,
        threads: threads.ok_or("Threads:")?,
    })
}

/// The value of the line `FIELD    12 kB`, in bytes.
fn kib_of(text: &str, field: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(field))?;
    value.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use procfs::process::Process;

    use super::*;

    fn own() -> ProcessFiles {
        ProcessFiles::of(std::process::id())
    }

    /// Values that other threads of the test change are not compared.
    #[test]
    fn status_and_stat_are_parsed_like_procfs_parses_them() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/proc/worker-pooling-image");
        let (ours, theirs) = (ProcessFiles::at(folder).status().expect("captured"), {
            let text = std::fs::read(Path::new(folder).join("status")).expect("captured");
            <procfs::process::Status as procfs::FromBufRead>::from_buf_read(&text[..]).expect("well formed")
        });
        let kib = |bytes: u64| Some(bytes / 1024);
        assert_eq!((kib(ours.high_water_mark), kib(ours.page_tables)), (theirs.vmhwm, theirs.vmpte));
        assert_eq!((kib(ours.address_space), ours.threads), (theirs.vmsize, theirs.threads));
        let before = own().faults().expect("Linux").minor;
        let theirs = Process::myself().and_then(|process| process.stat()).expect("Linux").minflt;
        assert!(before <= theirs && theirs <= own().faults().expect("Linux").minor);
    }

    #[test]
    fn a_process_alone_shares_nothing() {
        let shares = own().shares().expect("Linux");
        assert!(shares.anon > 0 && shares.anon.is_multiple_of(1024), "{shares:?}");
        assert!(ProcessFiles::of(0).shares().is_err());
    }

    #[test]
    fn a_missing_field_is_named() {
        assert_eq!(status_fields("VmHWM:\t 12 kB\nThreads:\t1\n").map(|_| ()), Err("VmPTE:"));
    }
}
