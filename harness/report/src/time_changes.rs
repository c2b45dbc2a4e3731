//! How criterion's times changed since a run that it compared with. The intervals are criterion's; this decides nothing.

use std::cmp::Ordering;

use super::{counted, counted::grouped, escape, terminal::Emphasis};

/// The most changes that have a line, unless everything is printed.
const MOST_CHANGES: usize = 3;

/// The change of one routine.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeChange {
    /// The case and the routine: `toy/heap/size=64k/fill`.
    pub benchmark: String,
    /// The change of the mean, relative to the time before: 0.1 is 10 % more.
    pub change: f64,
    /// The lower end of criterion's confidence interval.
    pub low: f64,
    /// The upper end of it.
    pub high: f64,
}

impl TimeChange {
    /// Whether all of the interval is above or below what criterion counts as noise. `Equal` if it is not.
    fn direction(&self, noise: f64) -> Ordering {
        match (self.low > noise, self.high < -noise) {
            (true, _) => Ordering::Greater,
            (_, true) => Ordering::Less,
            _ => Ordering::Equal,
        }
    }
}

/// The changes of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeChanges {
    /// The run that criterion compared with: `the previous run`.
    pub since: String,
    /// Changes up to this one are noise (`--noise-threshold`).
    pub noise: f64,
    /// The changes.
    pub changes: Vec<TimeChange>,
}

impl TimeChanges {
    /// The counts, and the largest changes.
    pub(super) fn lines(&self, is_verbose: bool) -> Vec<String> {
        if self.changes.is_empty() {
            return Vec::new();
        }
        let of = |direction| self.changes.iter().filter(move |it| it.direction(self.noise) == direction);
        let (slower, faster) = (of(Ordering::Greater).count(), of(Ordering::Less).count());
        let painted = |count: usize, word: &str, emphasis: Emphasis| match count {
            0 => format!("0 {word}"),
            count => emphasis.paint(format!("{} {word}", grouped(count))),
        };
        let mut lines = vec![format!(
            "{} against {}: {}, {}, of {}",
            Emphasis::Heading.paint("times"),
            escape::line(&self.since),
            painted(slower, "slower", Emphasis::Failed),
            painted(faster, "faster", Emphasis::Passed),
            counted(self.changes.len(), "routine"),
        )];
        let mut changed: Vec<&TimeChange> = of(Ordering::Greater).chain(of(Ordering::Less)).collect();
        changed.sort_by(|a, b| b.change.abs().total_cmp(&a.change.abs()));
        let shown = if is_verbose { changed.len() } else { changed.len().min(MOST_CHANGES) };
        for it in &changed[..shown] {
            let percent = |value: f64| format!("{:+.1} %", value * 100.0);
            let (change, low, high) = (percent(it.change), percent(it.low), percent(it.high));
            lines.push(format!("  {change} [{low}, {high}]  {}", escape::line(&it.benchmark)));
        }
        if shown < changed.len() {
            lines.push(format!("  {} with --verbose", counted(changed.len() - shown, "more change")));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::plain;

    fn changes(list: &[(f64, f64, f64)]) -> TimeChanges {
        let change = |(index, (change, low, high)): (usize, &(f64, f64, f64))| TimeChange {
            benchmark: format!("toy/case={index}/run"),
            change: *change,
            low: *low,
            high: *high,
        };
        let changes = list.iter().enumerate().map(change).collect();
        TimeChanges { since: "the previous run".into(), noise: 0.01, changes }
    }

    #[test]
    fn only_intervals_beyond_the_noise_are_changes() {
        let list = [(0.2, 0.1, 0.3), (0.02, 0.005, 0.03), (-0.5, -0.6, -0.4), (0.0, -0.1, 0.1)];
        let lines: Vec<String> = changes(&list).lines(false).iter().map(|line| plain(line)).collect();
        assert_eq!(
            lines,
            [
                "times against the previous run: 1 slower, 1 faster, of 4 routines",
                "  -50.0 % [-60.0 %, -40.0 %]  toy/case=2/run",
                "  +20.0 % [+10.0 %, +30.0 %]  toy/case=0/run",
            ]
        );
        assert!(changes(&[]).lines(false).is_empty());
    }

    #[test]
    fn few_of_many_changes_have_a_line() {
        let many = changes(&[(0.2, 0.1, 0.3); 10]);
        let [short, full] = [false, true].map(|is_verbose| many.lines(is_verbose).len());
        assert_eq!((short, full), (1 + MOST_CHANGES + 1, 11));
    }
}
