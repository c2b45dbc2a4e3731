//! Which stack filled which range of pages with one system call.

use std::{collections::BTreeMap, ops::Range};

/// Ranges of page numbers that do not overlap, by their first page, with their end and the stack.
#[derive(Debug, Default)]
pub(super) struct Ranges(BTreeMap<u64, (u64, usize)>);

impl Ranges {
    /// A stack filled the pages of a range that nobody filled before.
    pub(super) fn fill(&mut self, range: Range<u64>, stack: usize) {
        let mut start = range.start;
        for known in self.overlapping(&range) {
            if start < known.start {
                self.0.insert(start, (known.start, stack));
            }
            start = known.end;
        }
        if start < range.end {
            self.0.insert(start, (range.end, stack));
        }
    }

    /// The pages of a range have no content any more.
    pub(super) fn drop_range(&mut self, range: &Range<u64>) {
        for known in self.overlapping(range) {
            let Some((end, stack)) = self.0.remove(&known.start) else { continue };
            if known.start < range.start {
                self.0.insert(known.start, (range.start, stack));
            }
            if range.end < end {
                self.0.insert(range.end, (end, stack));
            }
        }
    }

    /// The stack that filled a page.
    pub(super) fn owner(&self, page: u64) -> Option<usize> {
        let (_, (end, stack)) = self.0.range(..=page).next_back()?;
        (page < *end).then_some(*stack)
    }

    /// The first page from `page` on that a stack filled.
    pub(super) fn next_from(&self, page: u64) -> Option<u64> {
        match self.owner(page) {
            Some(_) => Some(page),
            None => self.0.range(page..).next().map(|(start, _)| *start),
        }
    }

    /// The ranges that overlap a range, in order.
    fn overlapping(&self, range: &Range<u64>) -> Vec<Range<u64>> {
        if range.is_empty() {
            return Vec::new();
        }
        let before = self.0.range(..range.start).next_back().filter(|(_, (end, _))| *end > range.start);
        before.into_iter().chain(self.0.range(range.clone())).map(|(start, (end, _))| *start..*end).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners(ranges: &Ranges) -> Vec<usize> {
        (0..10).map(|page| ranges.owner(page).unwrap_or(0)).collect()
    }

    #[test]
    fn the_first_to_fill_a_page_owns_it_until_it_is_dropped() {
        let mut ranges = Ranges::default();
        ranges.fill(2..4, 1);
        ranges.fill(6..7, 2);
        ranges.fill(1..9, 3);
        assert_eq!(owners(&ranges), [0, 3, 1, 1, 3, 3, 2, 3, 3, 0]);
        ranges.drop_range(&(3..7));
        assert_eq!(owners(&ranges), [0, 3, 1, 0, 0, 0, 0, 3, 3, 0]);
        ranges.fill(0..5, 4);
        assert_eq!(owners(&ranges), [4, 3, 1, 4, 4, 0, 0, 3, 3, 0]);
        ranges.drop_range(&(0..u64::MAX));
        assert_eq!(owners(&ranges), [0; 10]);
    }

    #[test]
    fn a_range_is_split_where_its_middle_is_dropped() {
        let mut ranges = Ranges::default();
        ranges.fill(0..10, 5);
        ranges.drop_range(&(4..6));
        assert_eq!(owners(&ranges), [5, 5, 5, 5, 0, 0, 5, 5, 5, 5]);
        assert_eq!([0, 4, 6, 10].map(|page| ranges.next_from(page)), [Some(0), Some(6), Some(6), None]);
    }

    #[test]
    fn empty_ranges_change_nothing() {
        let mut ranges = Ranges::default();
        ranges.fill(3..3, 1);
        ranges.fill(0..2, 1);
        ranges.drop_range(&(1..1));
        assert_eq!(owners(&ranges)[..3], [1, 1, 0]);
    }
}
