//! Tracks the peaks of a process from one snapshot to the next. The kernel has a single high-water mark (`VmHWM`) for all
//! kinds of pages, and its value can drop below an RSS that an earlier snapshot has seen.

/// The memory of a process at a snapshot, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Level {
    /// Anonymous and shared pages.
    pub(super) others: u64,
    /// Pages of files on disks.
    pub(super) file: u64,
    /// `VmHWM`, after it was reset.
    pub(super) mark: u64,
}

/// The peaks up to a snapshot, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peaks {
    /// All kinds of pages, since the baseline stage or the start.
    pub(super) all: u64,
    /// Without file pages, since the previous snapshot.
    pub(super) without_files: u64,
    /// At the baseline stage: how far a peak without file pages, of any snapshot so far, exceeds the memory now.
    pub(super) before: Option<u64>,
}

/// What a process has had so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PeakTracker {
    last: Option<Level>,
    all: u64,
    /// The highest peak without file pages of any snapshot.
    highest: u64,
}

impl PeakTracker {
    /// Updates the peaks with a snapshot. `high_water_mark` is `VmHWM` as it was before it was reset for `now`.
    ///
    /// The kernel reports the higher of the current RSS and a value that it stores when memory is released. It computes
    /// the latter from batched counters, which lag behind by what each CPU has not added yet, so the mark may be lower
    /// after a snapshot than at the snapshot.
    ///
    /// If the mark rose since the last snapshot, its file pages are not known. The larger number of file pages of the
    /// two snapshots is subtracted, so that a file that was unmapped between them does not count as anonymous. A file that
    /// was both mapped and unmapped between them does.
    pub(super) fn update(&mut self, now: Level, high_water_mark: u64, is_baseline: bool) -> Peaks {
        let last = self.last.unwrap_or_default();
        let risen = match high_water_mark > last.mark {
            true => high_water_mark.saturating_sub(now.file.max(last.file)),
            false => 0,
        };
        let without_files = last.others.max(now.others).max(risen);
        self.highest = self.highest.max(without_files);
        self.last = Some(now);
        if is_baseline {
            self.all = now.mark;
            return Peaks {
                all: now.mark,
                without_files: now.others,
                before: Some(self.highest.saturating_sub(now.others)),
            };
        }
        self.all = self.all.max(high_water_mark);
        Peaks { all: self.all, without_files, before: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASELINE: Level = Level { others: 10, file: 30, mark: 40 };

    /// The peaks after snapshots of (others, file, mark before, mark after), from [`BASELINE`] on.
    fn peaks<const N: usize>(snapshots: [(u64, u64, u64, u64); N]) -> [(u64, u64); N] {
        let mut tracker = PeakTracker::default();
        tracker.update(BASELINE, BASELINE.mark, true);
        snapshots.map(|(others, file, high_water_mark, mark)| {
            let peaks = tracker.update(Level { others, file, mark }, high_water_mark, false);
            (peaks.all, peaks.without_files)
        })
    }

    #[test]
    fn memory_released_between_two_snapshots_is_in_the_peak_of_its_stage() {
        assert_eq!(peaks([(10, 30, 90, 40), (12, 30, 42, 42), (11, 30, 42, 41)]), [(90, 60), (90, 12), (90, 12)]);
    }

    #[test]
    fn an_unmapped_file_does_not_count_as_anonymous() {
        assert_eq!(peaks([(11, 1, 41, 12), (11, 1, 12, 12)]), [(41, 11), (41, 11)]);
    }

    #[test]
    fn memory_that_replaces_a_file_counts_as_anonymous() {
        assert_eq!(peaks([(20, 20, 40, 40)]), [(40, 20)]);
    }

    /// Without a reset, the mark keeps the highest value.
    #[test]
    fn a_mark_that_is_not_reset_counts_once() {
        assert_eq!(peaks([(10, 30, 90, 90), (12, 30, 90, 90)]), [(90, 60), (90, 12)]);
    }

    #[test]
    fn a_peak_while_loading_is_known_at_the_baseline_stage() {
        let mut tracker = PeakTracker::default();
        let start = tracker.update(Level { others: 5, file: 10, mark: 15 }, 15, false);
        assert_eq!((start.without_files, start.before), (5, None));
        let baseline = tracker.update(BASELINE, 100, true);
        assert_eq!(baseline, Peaks { all: 40, without_files: 10, before: Some(60) });
    }
}
