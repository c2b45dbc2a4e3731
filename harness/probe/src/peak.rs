//! Tracks the peaks of a process across snapshots. The kernel has a single high-water mark (`VmHWM`) for all kinds of
//! pages, and its value can drop below an RSS that an earlier snapshot has seen.

/// The peaks since the reset, or since the first snapshot. All in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PeakTracker {
    last: Option<Peaks>,
    /// `RssFile` at the last snapshot.
    file: u64,
}

/// The maximum of resident memory so far, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peaks {
    /// All kinds of pages.
    pub(super) all: u64,
    /// Without file pages.
    pub(super) without_files: u64,
}

impl PeakTracker {
    /// Updates the peaks with a snapshot: `file` bytes of file pages, `others` bytes of other pages, and `VmHWM`.
    ///
    /// The kernel reports the higher of the current RSS and a value that it stores when memory is released. It computes
    /// the latter from batched counters, which lag behind by what each CPU has not added yet, so the mark may be lower
    /// after a snapshot than at the snapshot.
    ///
    /// If the peak rose since the last snapshot, its file pages are not known. The larger `RssFile` of the two
    /// snapshots is subtracted, so that a file that was unmapped between them does not count as anonymous. A file that
    /// was both mapped and unmapped between them does.
    pub(super) fn update(&mut self, others: u64, file: u64, high_water_mark: u64) -> Peaks {
        let peaks = match self.last {
            None => Peaks { all: high_water_mark, without_files: others },
            Some(last) => {
                let risen = match high_water_mark > last.all {
                    true => high_water_mark.saturating_sub(file.max(self.file)),
                    false => 0,
                };
                Peaks { all: high_water_mark.max(last.all), without_files: last.without_files.max(others).max(risen) }
            }
        };
        *self = Self { last: Some(peaks), file };
        peaks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The peaks after each snapshot of (others, file, high-water mark).
    fn peaks<const N: usize>(snapshots: [(u64, u64, u64); N]) -> [(u64, u64); N] {
        let mut tracker = PeakTracker::default();
        snapshots.map(|(others, file, high_water_mark)| {
            let peaks = tracker.update(others, file, high_water_mark);
            (peaks.all, peaks.without_files)
        })
    }

    #[test]
    fn memory_released_between_two_snapshots_is_in_the_peak() {
        assert_eq!(peaks([(6, 4, 10), (6, 4, 50), (8, 4, 50)]), [(10, 6), (50, 46), (50, 46)]);
    }

    #[test]
    fn an_unmapped_file_does_not_count_as_anonymous() {
        assert_eq!(peaks([(10, 30, 40), (11, 1, 41), (11, 1, 41)]), [(40, 10), (41, 11), (41, 11)]);
    }

    #[test]
    fn memory_that_replaces_a_file_counts_as_anonymous() {
        assert_eq!(peaks([(10, 30, 40), (20, 20, 40)]), [(40, 10), (40, 20)]);
    }

    #[test]
    fn a_falling_high_water_mark_does_not_lower_the_peak() {
        assert_eq!(peaks([(10, 64, 74), (12, 0, 50)]), [(74, 10), (74, 12)]);
    }
}
