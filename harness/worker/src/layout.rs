//! Sampled memory layouts. Where a heap block, a stack frame or the environment lies is decided by everything before
//! it: one more case, a longer path, another compiler. Which page comes next then differs though the program asks for
//! the same, so each worker of a case takes another layout, and baseline and run are samples of the same distribution
//! (the idea of STABILIZER: C. Curtsinger and E. Berger, "STABILIZER: statistically sound performance evaluation",
//! ASPLOS 2013).

use std::fmt;

/// Sixteen bytes: the alignment of malloc's blocks and of stack frames.
const GRAIN: usize = 16;
/// Grains in a page of 4 KiB, the smallest page: one layout differs from another by less than a page.
const GRAINS: u32 = 256;

/// One of 256 layouts, by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout(u8);

impl Layout {
    /// That of a case's n-th worker. Numbers go up with their bits reversed (van der Corput's sequence), so that few
    /// workers cover a page as evenly as many: 0, 1/2, 1/4, 3/4, 1/8, ...
    #[must_use]
    pub fn of_worker(number: usize) -> Self {
        Self((number as u8).reverse_bits())
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    /// Bytes by which the case's heap is shifted.
    pub(crate) fn heap(self) -> usize {
        usize::from(self.0) * GRAIN
    }

    /// Bytes by which its stack is. The steps are coprime to the number of grains: three independent shifts.
    pub(crate) fn stack(self) -> usize {
        self.scattered(101)
    }

    /// Bytes by which its environment is longer.
    #[must_use]
    pub fn environment(self) -> usize {
        self.scattered(59)
    }

    fn scattered(self, step: u32) -> usize {
        (u32::from(self.0) * step % GRAINS) as usize * GRAIN
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
    fn the_first_workers_spread_over_the_page() {
        let heaps: Vec<usize> = (0..4).map(|worker| Layout::of_worker(worker).heap()).collect();
        assert_eq!(heaps, [0, 2048, 1024, 3072]);
    }

    #[test]
    fn no_layout_comes_twice_among_256() {
        let shift = |layout: Layout| (layout.heap(), layout.stack(), layout.environment());
        let mut all: Vec<_> = (0..256).map(|worker| shift(Layout::of_worker(worker))).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 256);
        assert!(all.iter().all(|(heap, stack, environment)| *heap.max(stack).max(environment) < 4096));
    }
}
