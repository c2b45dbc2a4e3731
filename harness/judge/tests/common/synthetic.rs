//! Synthetic histories with known changes, and what a judge of them gets right.
//!
//! The noise is that of real records. Most quantities are exactly constant. Some have two or three values, which differ by
//! worker or by build, and a few are continuous. The value of a revision is the median of five workers, and the noise
//! floor is their range and the tolerance, as in a record.

use fastrand::Rng;
use highwater_judge::{ChangePoint, Creep, Series, Trend};

const WORKERS: usize = 5;
const PAGE: f64 = 4096.0;
/// Seconds between two commits.
const BETWEEN_COMMITS: i64 = 4 * 3600;
/// A step counts as found if it is reported within this many revisions.
const NEAR: usize = 5;

/// What happens in a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Change {
    /// Nothing.
    None,
    /// The level changes at a revision by this multiple of the noise floor.
    Step { at: usize, by: f64 },
    /// The level rises from one revision to another by three times the noise floor, in steps below it.
    Ramp { from: usize, to: usize },
}

/// A series and the truth about it.
#[derive(Clone, Debug)]
pub(crate) struct Synthetic {
    pub(crate) series: Series,
    pub(crate) change: Change,
}

/// How much of a history changes: the sizes of steps in multiples of the noise floor (both directions), and ramps.
pub(crate) const STEPS: [f64; 3] = [1.0, 2.0, 5.0];

/// A history of `count` series over `commits` revisions, of which the share `changed` has a change.
pub(crate) fn history(seed: u64, commits: usize, count: usize, changed: f64) -> Vec<Synthetic> {
    let mut random = Rng::with_seed(seed);
    (0..count).map(|_| synthetic(&mut random, commits, changed)).collect()
}

fn synthetic(random: &mut Rng, commits: usize, changed: f64) -> Synthetic {
    let (mut values, widths, tolerance) = noise(random, commits);
    let mut sorted = widths;
    sorted.sort_by(f64::total_cmp);
    let noise = tolerance + sorted[commits / 2];
    // Where nothing is tolerated, the smallest step is an allocation.
    let unit = if noise > 0.0 { noise } else { 16.0 };
    let change = if random.f64() < changed { change(random, commits, noise) } else { Change::None };
    for (index, value) in values.iter_mut().enumerate() {
        *value += unit * change.at(index);
    }
    let times = (0..commits as i64).map(|index| 1_700_000_000 + index * BETWEEN_COMMITS).collect();
    Synthetic { series: Series { values, times, noise }, change }
}

/// The values, the range of the workers at each revision, and the tolerance.
fn noise(random: &mut Rng, commits: usize) -> (Vec<f64>, Vec<f64>, f64) {
    let base = (random.u32(1..100_000) as f64) * 16.0;
    let kind = random.f64();
    let tolerance = if random.f64() < 0.5 { 0.0 } else { 2.0 * PAGE };
    let (rate, spread) = (random.f64() * 0.5, 100.0 + 5000.0 * random.f64());
    let revision = |random: &mut Rng| -> (f64, f64) {
        let worker = |random: &mut Rng| match kind {
            // Some workers have another value.
            kind if kind < 0.87 => {
                if random.f64() < rate {
                    PAGE * f64::from(random.u8(1..=2))
                } else {
                    0.0
                }
            }
            // Continuous: about normal.
            _ => spread * ((0..12).map(|_| random.f64()).sum::<f64>() - 6.0),
        };
        let mut workers: Vec<f64> = (0..WORKERS).map(|_| worker(random)).collect();
        workers.sort_by(f64::total_cmp);
        (workers[WORKERS / 2], workers[WORKERS - 1] - workers[0])
    };
    match kind {
        kind if kind < 0.75 => (vec![base; commits], vec![0.0; commits], tolerance),
        // The layout of each build moves all of its workers by up to two pages, which the tolerance covers.
        kind if kind < 0.82 => {
            let moved = (0..commits).map(|_| base + PAGE * f64::from(random.u8(0..=2)));
            (moved.collect(), vec![0.0; commits], 2.0 * PAGE)
        }
        _ => {
            let (values, widths): (Vec<f64>, Vec<f64>) = (0..commits).map(|_| revision(random)).unzip();
            (values.into_iter().map(|value| base + value).collect(), widths, tolerance)
        }
    }
}

fn change(random: &mut Rng, commits: usize, noise: f64) -> Change {
    let margin = commits / 50;
    if noise > 0.0 && random.u8(0..4) == 0 {
        let length = commits / 5 + random.usize(..commits / 2);
        let from = random.usize(margin..commits - length);
        return Change::Ramp { from, to: from + length };
    }
    let size = STEPS[random.usize(..STEPS.len())];
    Change::Step { at: random.usize(margin..commits - margin), by: if random.bool() { size } else { -size } }
}

impl Change {
    /// The change of the level at a revision, in noise floors.
    fn at(self, index: usize) -> f64 {
        match self {
            Self::Step { at, by } if index >= at => by,
            // Twenty steps of 0.15 each.
            Self::Ramp { from, to } if index >= from => 0.15 * (20 * (index.min(to) - from) / (to - from)) as f64,
            _ => 0.0,
        }
    }

    /// Whether a change point is this change.
    pub(crate) fn is_point(self, index: usize, rises: bool) -> bool {
        matches!(self, Self::Step { at, by } if index.abs_diff(at) <= NEAR && rises == (by > 0.0))
    }

    /// Whether creep is this change.
    pub(crate) fn is_creep(self, first: usize, last: usize, rises: bool) -> bool {
        matches!(self, Self::Ramp { from, to } if rises && first < to && last > from)
    }
}

/// How often the judge was right.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Score {
    /// Findings, and those of them that are real.
    pub(crate) findings: usize,
    pub(crate) real: usize,
    /// Steps of each of [`STEPS`]: found, and all.
    pub(crate) steps: [(usize, usize); 3],
    /// Ramps: found, and all.
    pub(crate) ramps: (usize, usize),
}

impl Score {
    pub(crate) fn add(&mut self, history: &[Synthetic], trends: &[Trend]) {
        for (Synthetic { change, .. }, Trend { change_points, creep }) in history.iter().zip(trends) {
            let is_point = |point: &&ChangePoint| change.is_point(point.index, point.change() > 0.0);
            let is_creep = |creep: &&Creep| change.is_creep(creep.first, creep.last, creep.total() > 0.0);
            self.findings += change_points.len() + creep.len();
            // A change that is reported twice is found once.
            let points = usize::from(change_points.iter().any(|point| is_point(&point)));
            let ramps = usize::from(creep.iter().any(|creep| is_creep(&creep)));
            self.real += points + ramps;
            let tally = match change {
                Change::None => continue,
                Change::Step { by, .. } => &mut self.steps[usize::from(by.abs() > 1.0) + usize::from(by.abs() > 2.0)],
                Change::Ramp { .. } => &mut self.ramps,
            };
            *tally = (tally.0 + points.max(ramps), tally.1 + 1);
        }
    }

    /// The share of the findings that are real.
    pub(crate) fn precision(&self) -> f64 {
        self.real as f64 / self.findings.max(1) as f64
    }
}
