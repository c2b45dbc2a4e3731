//! Sampled memory layouts. The address of a heap block, a stack frame or the environment depends on everything that is
//! allocated before it, so that one more case, a longer path or another compiler can change the number of pages that
//! the same allocations touch. Each worker of a case therefore has a different layout, so that a baseline and a run are
//! samples of the same distribution (the idea of STABILIZER: C. Curtsinger and E. Berger, "STABILIZER: statistically
//! sound performance evaluation", ASPLOS 2013).

use std::fmt;

/// The alignment of malloc's blocks and of stack frames.
const ALIGNMENT: usize = 16;
/// The number of aligned offsets in a page of 4 KiB, the smallest page: layouts differ by less than a page.
const OFFSETS: u32 = 256;

/// One of 256 layouts, identified by a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout(u8);

impl Layout {
    /// The layout of the n-th worker of a case. The bits of the number are reversed (van der Corput sequence), so that
    /// any number of workers covers a page evenly: 0, 1/2, 1/4, 3/4, 1/8, ...
    #[must_use]
    pub fn of_worker(number: usize) -> Self {
        Self((number as u8).reverse_bits())
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    /// The shift of the case's heap, in bytes.
    pub(crate) fn heap(self) -> usize {
        usize::from(self.0) * ALIGNMENT
    }

    /// The shift of the case's stack, in bytes. The steps are coprime to the number of offsets, so that the three
    /// shifts are different permutations.
    pub(crate) fn stack(self) -> usize {
        self.scattered(101)
    }

    /// The number of bytes by which the environment is extended.
    #[must_use]
    pub fn environment(self) -> usize {
        self.scattered(59)
    }

    fn scattered(self, step: u32) -> usize {
        (u32::from(self.0) * step % OFFSETS) as usize * ALIGNMENT
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_layouts_are_spread_over_a_page() {
        let heaps: Vec<usize> = (0..4).map(|worker| Layout::of_worker(worker).heap()).collect();
        assert_eq!(heaps, [0, 2048, 1024, 3072]);
    }

    #[test]
    fn all_256_layouts_are_distinct() {
        let shift = |layout: Layout| (layout.heap(), layout.stack(), layout.environment());
        let mut all: Vec<_> = (0..256).map(|worker| shift(Layout::of_worker(worker))).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 256);
        assert!(all.iter().all(|(heap, stack, environment)| *heap.max(stack).max(environment) < 4096));
    }
}
