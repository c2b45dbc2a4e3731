//! Reads the files of one process in `/proc`. Names in them (of the process, of mapped files) may be any bytes: what is
//! not UTF-8 is replaced, because a name decides nothing but a category.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::PathBuf,
};

use procfs::{
    FromBufRead, FromRead,
    process::{SmapsRollup, Stat, Status},
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
    /// The file has an unexpected format.
    #[error("{path}: {source}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// The parser's error.
        source: procfs::ProcError,
    },
    /// A line of `smaps` has an unexpected format.
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

/// The folder of a process in `/proc`.
#[derive(Clone, Debug)]
pub(super) struct ProcessFiles(PathBuf);

/// The totals of a process, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rollup {
    pub(super) anon: u64,
    /// `anon` with each page divided by the number of processes that share it; `None` before Linux 5.4.
    pub(super) pss_anon: Option<u64>,
    pub(super) rss: u64,
    pub(super) pss: u64,
    pub(super) uss: u64,
    pub(super) swap: u64,
    pub(super) swap_pss: u64,
    pub(super) lazy_free: u64,
    pub(super) anon_huge: u64,
}

impl ProcessFiles {
    pub(super) fn of(pid: u32) -> Self {
        Self(PathBuf::from(format!("/proc/{pid}")))
    }

    #[cfg(test)]
    pub(super) fn at(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(super) fn read(&self, name: &str) -> Result<(PathBuf, String), ProbeError> {
        let path = self.path(name);
        match fs::read(&path) {
            Ok(bytes) => {
                let text = String::from_utf8(bytes);
                Ok((path, text.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())))
            }
            Err(source) => Err(ProbeError::Io { path, source }),
        }
    }

    fn parse<T>(&self, name: &str, parse: impl Fn(&[u8]) -> procfs::ProcResult<T>) -> Result<(PathBuf, T), ProbeError> {
        let (path, text) = self.read(name)?;
        match parse(text.as_bytes()) {
            Ok(value) => Ok((path, value)),
            Err(source) => Err(ProbeError::Parse { path, source }),
        }
    }

    /// The totals of `smaps_rollup`.
    pub(super) fn rollup(&self) -> Result<Rollup, ProbeError> {
        let (path, rollup) = self.parse("smaps_rollup", |text| SmapsRollup::from_buf_read(text))?;
        let fields = rollup.memory_map_rollup.0.first().map(|map| &map.extension.map);
        let find = |field: &str| fields.and_then(|fields| fields.get(field)).copied();
        let get = |field: &'static str| find(field).ok_or_else(|| ProbeError::NoField { path: path.clone(), field });
        Ok(Rollup {
            anon: get("Anonymous")?,
            pss_anon: find("Pss_Anon"),
            rss: get("Rss")?,
            pss: get("Pss")?,
            uss: get("Private_Clean")? + get("Private_Dirty")?,
            swap: get("Swap")?,
            swap_pss: get("SwapPss")?,
            lazy_free: get("LazyFree")?,
            anon_huge: get("AnonHugePages")?,
        })
    }

    pub(super) fn status(&self) -> Result<(PathBuf, Status), ProbeError> {
        self.parse("status", |text| Status::from_buf_read(text))
    }

    pub(super) fn stat(&self) -> Result<Stat, ProbeError> {
        Ok(self.parse("stat", |text| Stat::from_read(text))?.1)
    }

    /// `VmHWM` of `status` in bytes; 0 if the kernel has none.
    pub(super) fn high_water_mark(&self) -> Result<u64, ProbeError> {
        let (_, text) = self.read("status")?;
        let kib = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        Ok(kib.map_or(0, |kib: u64| kib.saturating_mul(1024)))
    }

    /// Resets `VmHWM` to the current RSS.
    pub(super) fn reset_high_water_mark(&self) -> Result<(), ProbeError> {
        let path = self.path("clear_refs");
        // 5 resets the high-water mark without touching pages (proc_pid_clear_refs(5)).
        let written = File::options().write(true).open(&path).and_then(|mut file| file.write_all(b"5"));
        written.map_err(|source| ProbeError::Io { path, source })
    }

    /// The name of the process, of at most 15 bytes.
    pub(super) fn name(&self) -> Option<String> {
        self.read("comm").ok().map(|(_, name)| name.trim_end().to_owned())
    }
}
