//! Kernel memory that is about to be released. The kernel frees page tables, nodes of its tree of mappings and inodes
//! after a grace period of RCU, some of them later than a stage ends: 2,000 mappings that a worker made and removed left
//! 3.5 MiB of charge, and none of it 20 ms later. How much is left depends on the load of the machine, so a reading that
//! is higher than what the worker can account for is repeated until it no longer falls.

use std::{
    thread,
    time::{Duration, Instant},
};

use rustix::thread::{MembarrierCommand, membarrier};

/// Kernel memory may rise by this much from one stage to the next, beyond page tables and mappings, without a wait. It
/// is far below the tolerance of kernel memory, so that less cannot change a verdict.
const SLACK: u64 = 256 << 10;
/// An upper bound of what the kernel holds for a mapping besides page tables: its descriptor, its lock, and its share of
/// a node of the tree of mappings.
const PER_MAPPING: u64 = 512;
/// The reading is final if it has not fallen for this long.
const STILL: Duration = Duration::from_millis(10);
/// At most this long after the grace period.
const LIMIT: Duration = Duration::from_millis(200);
const PAUSE: Duration = Duration::from_millis(1);

/// What the kernel holds for a worker beyond its page tables and mappings.
#[derive(Debug, Default)]
pub(super) struct Settled {
    beyond: u64,
}

/// Kernel memory, bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct KernelMemory {
    /// What stays.
    pub(super) settled: u64,
    /// What was released while it was read.
    pub(super) released: u64,
}

impl Settled {
    /// Reads kernel memory, repeatedly if it rose by more than the worker's page tables and mappings explain.
    pub(super) fn read(
        &mut self,
        page_tables: u64,
        mappings: u64,
        mut read: impl FnMut() -> Option<u64>,
    ) -> Option<KernelMemory> {
        let known = page_tables + mappings * PER_MAPPING;
        let first = read()?;
        let mut settled = first;
        if first.saturating_sub(known) > self.beyond + SLACK {
            wait_for_grace_period();
            settled = until_still(&mut read)?;
        }
        self.beyond = settled.saturating_sub(known);
        Some(KernelMemory { settled, released: first.saturating_sub(settled) })
    }
}

/// Waits until what was released so far may be freed. This command of the system call is defined as a grace period;
/// where it is refused, the readings alone decide.
fn wait_for_grace_period() {
    let _ = membarrier(MembarrierCommand::Global);
}

/// The reading once it no longer falls.
fn until_still(read: &mut impl FnMut() -> Option<u64>) -> Option<u64> {
    let started = Instant::now();
    let (mut lowest, mut fell) = (read()?, started);
    while fell.elapsed() < STILL && started.elapsed() < LIMIT {
        thread::sleep(PAUSE);
        let now = read()?;
        if now < lowest {
            (lowest, fell) = (now, Instant::now());
        }
    }
    Some(lowest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Readings one after another, the last one for ever, and how many were read.
    fn read(settled: &mut Settled, page_tables: u64, mappings: u64, readings: &[u64]) -> (KernelMemory, usize) {
        let mut count = 0;
        let kernel = settled.read(page_tables, mappings, || {
            count += 1;
            Some(readings[(count - 1).min(readings.len() - 1)])
        });
        (kernel.expect("read"), count)
    }

    fn stays(settled: u64) -> KernelMemory {
        KernelMemory { settled, released: 0 }
    }

    #[test]
    fn memory_that_is_being_released_is_not_counted() {
        let (kernel, count) = read(&mut Settled::default(), 8 << 10, 20, &[4 << 20, 3 << 20, 1 << 20, 64 << 10]);
        assert_eq!(kernel, KernelMemory { settled: 64 << 10, released: (4 << 20) - (64 << 10) });
        assert!(count >= 4, "{count}");
    }

    #[test]
    fn what_page_tables_and_mappings_explain_is_read_once() {
        assert_eq!(read(&mut Settled::default(), 8 << 20, 2_000, &[9 << 20]), (stays(9 << 20), 1));
    }

    #[test]
    fn memory_that_stays_is_counted_and_waited_for_once() {
        let mut settled = Settled::default();
        assert_eq!(read(&mut settled, 0, 0, &[4 << 20]).0, stays(4 << 20));
        assert_eq!(read(&mut settled, 0, 0, &[4 << 20]), (stays(4 << 20), 1));
        // It rises again after it fell.
        assert_eq!(read(&mut settled, 0, 0, &[60 << 10]), (stays(60 << 10), 1));
        assert!(read(&mut settled, 0, 0, &[4 << 20]).1 > 1);
    }

    #[test]
    fn without_a_reading_there_is_none() {
        assert_eq!(Settled::default().read(0, 0, || None), None);
    }
}
