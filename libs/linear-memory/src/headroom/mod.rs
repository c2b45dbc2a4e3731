//! How much more memory this process can allocate before the kernel kills something: the minimum of what
//! every memory cgroup above it and the machine have left.
//!
//! ```text
//!  cgroup         limit - usage + inactive file pages         each level up to the root
//!  machine        MemAvailable                                /proc/meminfo
//! ```
//!
//! Inactive file pages are counted as free, since the kernel drops them first. Swap is not counted:
//! committed memory is meant to be resident.

mod cgroup;

use std::{fmt, fs, path::Path, sync::Arc};

use crate::{Error, NoHeadroom, Source};

pub use cgroup::Level;
pub(crate) use cgroup::{locate_own, read_amount};

/// Bytes kept in reserve for allocations by other processes between a check and the commit that it allows,
/// and for the kernel's own allocations (page tables are charged too: 2 MiB per GiB in 4 KiB pages).
pub const MARGIN: u64 = 32 << 20;

/// The memory limits that apply to this process.
#[derive(Clone, Debug)]
pub struct Headroom {
    levels: Vec<Level>,
    machine: Machine,
    margin: u64,
}

/// Where the machine's available memory is read from.
#[derive(Clone)]
enum Machine {
    Meminfo,
    Budget(Arc<dyn Fn() -> u64 + Send + Sync>),
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Meminfo => "Meminfo",
            Self::Budget(_) => "Budget",
        })
    }
}

impl Headroom {
    /// The current limits of this process. Usage is read at every check.
    ///
    /// # Errors
    /// When /proc cannot be read. A process outside any memory cgroup is not an error: the machine is then
    /// the only limit.
    pub fn of_this_process() -> Result<Self, Error> {
        Ok(Self { levels: Level::of_this_process()?, machine: Machine::Meminfo, margin: MARGIN })
    }

    /// For a host that keeps its own memory budget: `budget` returns the remaining bytes at every check and
    /// replaces the machine's available memory.
    #[must_use]
    pub fn with_budget(levels: Vec<Level>, budget: impl Fn() -> u64 + Send + Sync + 'static, margin: u64) -> Self {
        Self { levels, machine: Machine::Budget(Arc::new(budget)), margin }
    }

    /// Available bytes, minus the margin, and the limit that determines them.
    ///
    /// # Errors
    /// When a value cannot be read.
    pub fn available(&self) -> Result<(u64, Source), Error> {
        let machine = match &self.machine {
            Machine::Meminfo => read("/proc/meminfo".as_ref(), mem_available)?,
            Machine::Budget(left) => left(),
        };
        let mut least = (machine, Source::Machine);
        for level in &self.levels {
            let left = level.left()?;
            if left < least.0 {
                least = (left, Source::Cgroup(level.folder().to_owned()));
            }
        }
        Ok((least.0.saturating_sub(self.margin), least.1))
    }

    /// Checks whether `needed` more bytes are available.
    ///
    /// # Errors
    /// [`Error::NoHeadroom`] when they are not.
    pub fn check(&self, needed: u64) -> Result<(), Error> {
        self.spare(needed).map(drop)
    }

    /// What is left over, the margin included, when `needed` more bytes have been committed.
    ///
    /// # Errors
    /// As [`Headroom::check`].
    pub(crate) fn spare(&self, needed: u64) -> Result<u64, Error> {
        let (available, limited_by) = self.available()?;
        match available.checked_sub(needed) {
            Some(spare) => Ok(spare.saturating_add(self.margin)),
            None => Err(NoHeadroom { needed, available, limited_by, kept: 0 }.into()),
        }
    }
}

/// `MemAvailable` of a meminfo file, in bytes.
fn mem_available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}

/// Reads a value from a file. Errors name the file.
fn read<T>(path: &Path, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, Error> {
    let failed = |source: std::io::Error| Error::System {
        what: "read how much memory is left",
        source: std::io::Error::new(source.kind(), format!("{}: {source}", path.display())),
    };
    let text = fs::read_to_string(path).map_err(failed)?;
    parse(&text).ok_or_else(|| failed(std::io::Error::other("unexpected format")))
}

#[cfg(test)]
mod tests;
