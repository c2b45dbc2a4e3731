//! The peaks of a process, followed from look to look: the kernel keeps one high-water mark for all kinds of
//! pages together, and forgets at times what a look has seen.

/// What is followed since the reset, or the first look. All in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Follower {
    last: Option<Peaks>,
    /// `RssFile` at the last look.
    file: u64,
}

/// The most that was resident so far, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peaks {
    /// Of all kinds of pages.
    pub(super) all: u64,
    /// Without pages of files.
    pub(super) without_files: u64,
}

impl Follower {
    /// After a look that found `others` beside `file`, and `VmHWM` of both.
    ///
    /// The mark is the higher of the RSS and of what was written down when memory was last given back, by
    /// counters that are short by what each CPU keeps to itself: after a look it may be lower than at it.
    ///
    /// Where the peak rose since the last look, how much of it were files' pages is not known: the more of
    /// what the two looks found is taken off, so that a file that was unmapped between them does not count as
    /// anonymous. Where files were mapped and unmapped between two looks, they do.
    pub(super) fn look(&mut self, others: u64, file: u64, mark: u64) -> Peaks {
        let peaks = match self.last {
            None => Peaks { all: mark, without_files: others },
            Some(last) => {
                let risen = if mark > last.all { mark.saturating_sub(file.max(self.file)) } else { 0 };
                Peaks { all: mark.max(last.all), without_files: last.without_files.max(others).max(risen) }
            }
        };
        *self = Self { last: Some(peaks), file };
        peaks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The peaks after each look at (others, files, mark).
    fn peaks<const N: usize>(looks: [(u64, u64, u64); N]) -> [(u64, u64); N] {
        let mut follower = Follower::default();
        looks.map(|(others, file, mark)| {
            let peaks = follower.look(others, file, mark);
            (peaks.all, peaks.without_files)
        })
    }

    #[test]
    fn what_was_written_and_given_back_between_two_looks_is_seen() {
        assert_eq!(peaks([(6, 4, 10), (6, 4, 50), (8, 4, 50)]), [(10, 6), (50, 46), (50, 46)]);
    }

    #[test]
    fn a_file_that_is_no_longer_mapped_is_not_anonymous() {
        assert_eq!(peaks([(10, 30, 40), (11, 1, 41), (11, 1, 41)]), [(40, 10), (41, 11), (41, 11)]);
    }

    #[test]
    fn what_takes_a_files_place_is_anonymous_though_the_peak_stands() {
        assert_eq!(peaks([(10, 30, 40), (20, 20, 40)]), [(40, 10), (40, 20)]);
    }

    #[test]
    fn a_mark_that_falls_behind_what_a_look_has_seen_is_no_lower_peak() {
        assert_eq!(peaks([(10, 64, 74), (12, 0, 50)]), [(74, 10), (74, 12)]);
    }
}
