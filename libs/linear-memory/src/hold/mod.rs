//! Holding committed memory: protection from being swapped out or reclaimed, where the process has the rights.
//!
//! | | protects from | needs |
//! |---|---|---|
//! | [`Held`], [`lock`] | swapping, for these pages | `RLIMIT_MEMLOCK` or `CAP_IPC_LOCK` |
//! | [`protect`] | reclaim, for the whole cgroup | cgroup version 2, write access to `memory.min` |
//!
//! Neither protects from the OOM killer. Committed memory counts towards the limits of its cgroups, so when neighbours
//! exceed a limit that they share with this process, the kernel kills a process of that cgroup: usually the largest,
//! which is a process with much committed memory. The README says what helps.

mod minimum;
mod rights;

pub use minimum::{Protected, protect};

use crate::{Commit, Error, Target, sys};
use rights::Rights;

/// Commits with another strategy and locks the memory. Locking committed memory allocates nothing.
///
/// Checks the right to lock first: a process that lacks it gets [`Error::NotHeld`], and nothing is committed. If
/// locking fails in spite of that, the memory stays committed. A memory stays locked until it is unmapped or
/// [`unlock`]ed; a reset cannot discard it.
///
/// ```
/// use linear_memory::{Commit, Error, best, hold::Held};
///
/// # fn main() -> Result<(), Error> {
/// let mut map = memmap2::MmapMut::map_anon(1 << 20).expect("maps");
/// let mut memory = &mut map[..];
/// match Held(best()).commit(&mut memory) {
///     Err(Error::NotHeld(refusal)) => {
///         eprintln!("{refusal}");
///         best().commit(&mut memory)
///     }
///     done => done,
/// }
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Held<C>(pub C);

impl<C: Commit> Commit for Held<C> {
    fn supported(&self) -> Result<(), Error> {
        self.0.supported()
    }

    fn commit(&self, target: &mut dyn Target) -> Result<(), Error> {
        Rights::for_memory(target.memory())?.allow()?;
        self.0.commit(target)?;
        lock(target.memory())
    }
}

/// Locks a memory (mlock(2)): commits pages that are not committed yet, and keeps all of them in memory.
///
/// # Errors
/// [`Error::NotHeld`] when the process may not lock as many bytes, [`Error::System`] otherwise. Part of the memory may
/// then be committed and locked.
pub fn lock(memory: &mut [u8]) -> Result<(), Error> {
    sys::lock(memory).map_err(|error| {
        let refused = Rights::for_memory(memory).and_then(|rights| rights.allow());
        refused.err().unwrap_or_else(|| Error::system("lock the memory")(error))
    })
}

/// Unlocks a memory. It stays committed, but may be swapped out.
///
/// # Errors
/// When the memory is not whole pages of a mapping.
pub fn unlock(memory: &mut [u8]) -> Result<(), Error> {
    sys::unlock(memory).map_err(Error::system("unlock the memory"))
}
