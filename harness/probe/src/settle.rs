//! Kernel memory that is about to be released. The kernel frees page tables, nodes of its tree of mappings and inodes
//! after a grace period of RCU, some of them later than a stage ends: 2,000 mappings that a worker made and removed left
//! 3.5 MiB of charge, and none of it 20 ms later. How much is left depends on the load of the machine, so a reading that
//! is higher than what the worker can account for is repeated until it no longer falls.

use std::{fmt, thread, time::Duration};

use rustix::thread::{MembarrierCommand, membarrier};

/// Kernel memory may rise by this much from one stage to the next, beyond page tables and mappings, without a wait. It
/// is far below the tolerance of kernel memory, so that less cannot change a verdict.
const SLACK: u64 = 256 << 10;
/// An upper bound of what the kernel holds for a mapping besides page tables: its descriptor, its lock, and its share of
/// a node of the tree of mappings.
const PER_MAPPING: u64 = 512;
/// The reading is final if it has not fallen for this many grace periods. The callbacks that free memory run some time
/// after their grace period; on a machine whose CPUs are busy both take longer.
const STILL: u32 = 2;
/// At most this many grace periods. One takes 10 to 30 ms (Linux 6.18, 250 Hz).
const MOST: u32 = 20;
/// Where the kernel refuses to wait for one.
const INSTEAD: Duration = Duration::from_millis(20);

/// Calls the function that waits for a grace period. A runner with other workers lets one of them run meanwhile.
pub type WhileWaiting = Box<dyn Fn(&dyn Fn()) + Send>;

/// What the kernel holds for a worker beyond its page tables and mappings.
#[derive(Default)]
pub(super) struct Settled {
    beyond: u64,
    pub(super) while_waiting: Option<WhileWaiting>,
}

impl fmt::Debug for Settled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settled").field("beyond", &self.beyond).finish_non_exhaustive()
    }
}

/// Kernel memory, bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct KernelMemory {
    /// What stays.
    pub(super) settled: u64,
    /// What was released while it was read.
    pub(super) released: u64,
}

impl Settled {
    /// Reads kernel memory, repeatedly while it is higher than before by more than the worker's page tables and mappings
    /// explain.
    pub(super) fn read(
        &mut self,
        page_tables: u64,
        mappings: u64,
        mut read: impl FnMut() -> Option<u64>,
    ) -> Option<KernelMemory> {
        let known = page_tables + mappings * PER_MAPPING;
        let first = read()?;
        let (mut settled, mut still) = (first, 0);
        for _ in 0..MOST {
            if settled.saturating_sub(known) <= self.beyond + SLACK || still == STILL {
                break;
            }
            match &self.while_waiting {
                Some(while_waiting) => while_waiting(&wait_for_grace_period),
                None => wait_for_grace_period(),
            }
            let now = read()?;
            still = if now < settled { 0 } else { still + 1 };
            settled = settled.min(now);
        }
        self.beyond = settled.saturating_sub(known);
        Some(KernelMemory { settled, released: first.saturating_sub(settled) })
    }
}

/// Waits until what was released so far may be freed: this command of the system call is defined as a grace period.
fn wait_for_grace_period() {
    if membarrier(MembarrierCommand::Global).is_err() {
        thread::sleep(INSTEAD);
    }
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
        let readings = [4 << 20, 3 << 20, 3 << 20, 1 << 20, 64 << 10, 32 << 10];
        let (kernel, count) = read(&mut Settled::default(), 8 << 10, 20, &readings);
        assert_eq!(kernel, KernelMemory { settled: 64 << 10, released: (4 << 20) - (64 << 10) });
        assert_eq!(count, 5);
    }

    #[test]
    fn what_page_tables_and_mappings_explain_is_read_once() {
        assert_eq!(read(&mut Settled::default(), 8 << 20, 2_000, &[9 << 20]), (stays(9 << 20), 1));
    }

    #[test]
    fn memory_that_stays_is_counted_and_waited_for_once() {
        let mut settled = Settled::default();
        assert_eq!(read(&mut settled, 0, 0, &[4 << 20]), (stays(4 << 20), 3));
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
