//! What a commit can at best take on this machine, measured in the same worker: the kernel has to clear each page
//! that it hands out, and a program could not fill them faster than by a memset of pages that it has already.
//!
//! ```text
//!  each round     clearing   a fresh mapping in huge pages, populated by 1, 2, 4, ... threads with one system call
//!                            each: no library, no guest, no checks. Unmapped again
//!                 commit     a new instance, committed by the strategy
//!                 memset     of its memory, now resident, by one thread. The instance is dropped
//! ```
//!
//! The fastest of all rounds counts, on each side: other load on the machine only adds time, and in a virtual machine
//! the first round may find pages that its host has to allocate again. A forked child measures, so that neither
//! threads nor heap of the measurement show in the worker's memory.

use std::{
    io::{Read, Write},
    time::Instant,
};

use highwater_worker::CaseResult;
use linear_memory::{Error, Target, pin_thread};

use crate::{
    GuestCommit, Live,
    sys::{Child, Ended, Fresh},
};

/// Number of rounds: a few, so that each side has a quiet moment and warm pages.
const ROUNDS: usize = 5;
/// The same for large memories, which take seconds where pages are slow.
const FEW: usize = 2;
const LARGE: usize = 2 << 30;

/// The least wall time of each side, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// The kernel's own clearing of as many bytes, with as many threads as are fastest.
    pub(super) clearing: u64,
    /// The strategy, instantiation included.
    pub(super) commit: u64,
    /// A memset of the resident memory.
    pub(super) memset: u64,
}

impl Bounds {
    const NONE: Self = Self { clearing: u64::MAX, commit: u64::MAX, memset: u64::MAX };

    /// Measures in a child.
    pub(super) fn measure(strategy: &dyn GuestCommit, live: Live, bytes: u64) -> CaseResult<Self> {
        let (child, mut pipe) = Child::fork(|mut pipe| match Self::here(strategy, live, bytes as usize) {
            Ok(Self { clearing, commit, memset }) => i32::from(write!(pipe, "{clearing} {commit} {memset}").is_err()),
            Err(error) => {
                // If the parent is gone, there is no one to report to.
                let _ = write!(pipe, "{error}");
                1
            }
        })?;
        let mut heard = String::new();
        pipe.read_to_string(&mut heard)?;
        let ended = child.wait()?;
        let figures: Option<Vec<u64>> = heard.split(' ').map(|figure| figure.parse().ok()).collect();
        match (ended, figures.as_deref()) {
            (Ended::Exited(0), Some(&[clearing, commit, memset])) => Ok(Self { clearing, commit, memset }),
            _ => Err(format!("the child that measures what this machine allows {ended:?}: {heard}").into()),
        }
    }

    fn here(strategy: &dyn GuestCommit, mut live: Live, bytes: usize) -> Result<Self, Error> {
        let most = std::thread::available_parallelism().map_or(1, usize::from);
        let mut least = Self::NONE;
        for _ in 0..if bytes < LARGE { ROUNDS } else { FEW } {
            for threads in doublings(most) {
                least.clearing = least.clearing.min(clear(bytes, threads)?);
            }
            let begun = Instant::now();
            live.renew()?;
            strategy.commit(&mut live)?;
            least.commit = least.commit.min(begun.elapsed().as_nanos() as u64);
            let begun = Instant::now();
            live.memory().fill(0);
            least.memset = least.memset.min(begun.elapsed().as_nanos() as u64);
            live.stop();
        }
        Ok(least)
    }
}

/// 1, 2, 4, ... and the maximum.
fn doublings(most: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(1), move |threads| (*threads < most).then_some((threads * 2).min(most)))
}

/// The time that the kernel takes to provide as many fresh bytes in huge pages on this many threads.
fn clear(bytes: usize, threads: usize) -> Result<u64, Error> {
    let mut fresh = Fresh::map(bytes).map_err(Error::system("map memory"))?;
    let populate = Error::system("populate a fresh mapping");
    let begun = Instant::now();
    let populated = fresh.populate(threads, |number| {
        // If pinning fails, threads may share a CPU, and the figure shows it.
        let _ = pin_thread(number);
    });
    populated.map_err(populate)?;
    Ok(begun.elapsed().as_nanos() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_doubled_up_to_the_maximum() {
        for (most, expected) in [(1, vec![1]), (2, vec![1, 2]), (6, vec![1, 2, 4, 6]), (8, vec![1, 2, 4, 8])] {
            assert_eq!(doublings(most).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn clearing_more_takes_longer() {
        let least = |bytes| (0..5).map(|_| clear(bytes, 1).expect("populates")).min().expect("five");
        assert!(least(64 << 20) > least(4 << 20));
    }
}
