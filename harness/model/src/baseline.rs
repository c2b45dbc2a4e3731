//! A baseline: the value of each gated quantity of a family when it was last blessed, on one machine class. It is
//! stored as text (`highwater-store`) and reviewed like code, so it contains summaries and no raw samples.

use std::collections::{BTreeMap, BTreeSet};

use super::{Aspect, CaseId, Category, Context, MachineClass, Metric, Quantity, Stage};

/// One family's baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    /// The family.
    pub family: String,
    /// The machine class it was measured on.
    pub class: MachineClass,
    /// What one unit of the ladder is: `sandbox`.
    pub unit: String,
    /// The stage that growth is measured from: `loaded`.
    pub baseline_stage: Stage,
    /// Machine, controls and context of the run, to explain differences; without times.
    pub context: Context,
    /// The reasons for its values, oldest first: one for the whole family, then one for each partial bless.
    pub blessings: Vec<Blessing>,
    /// The cases that were measured.
    pub cases: BTreeMap<CaseId, BaselineCase>,
}

/// An update of a baseline and its reason.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Blessing {
    /// The reason given to `bless`.
    pub reason: String,
    /// The time in UTC (RFC 3339).
    pub at: String,
    /// The cases that were updated, as a glob; all cases if `None`.
    pub cases: Option<String>,
}

/// One case of a baseline.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BaselineCase {
    /// The number of workers that completed, and so of values in every summary.
    pub samples: usize,
    /// The number of workers that did not complete.
    pub failed: usize,
    /// The distinct outcomes of workers that did not complete, as printed.
    pub failures: Vec<String>,
    /// The stages that workers reached, in their order. Empty in a baseline of the format before 3.
    pub stages: Vec<Stage>,
    /// The metrics that are gated by default and were not gated or not read in this case.
    pub without: BTreeSet<Metric>,
    /// The gated quantities. One that is gated by default and that is not here was 0 at each of the `stages`, unless
    /// `without` has it.
    pub values: BTreeMap<(Quantity, Aspect), Summary>,
}

/// A summary of the workers' values for one aspect of one quantity, in the quantity's unit (per unit of the ladder for
/// a slope).
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The median.
    pub median: f64,
    /// The lowest value.
    pub low: f64,
    /// The highest value.
    pub high: f64,
    /// The nonzero medians by category of mapping, if the quantity has categories.
    pub parts: BTreeMap<Category, f64>,
}

/// Values are rounded to a millionth, because slopes are quotients.
const PRECISION: f64 = 1e6;

impl Summary {
    /// Creates a summary, rounding its values with [`round_for_baseline`].
    #[must_use]
    pub fn new(median: f64, low: f64, high: f64, parts: BTreeMap<Category, f64>) -> Self {
        let [median, low, high] = [median, low, high].map(round_for_baseline);
        let parts = parts.into_iter().map(|(category, part)| (category, round_for_baseline(part)));
        Self { median, low, high, parts: parts.filter(|(_, part)| *part != 0.0).collect() }
    }

    /// The summary of workers that all had 0.
    #[must_use]
    pub fn zero() -> Self {
        Self::new(0.0, 0.0, 0.0, BTreeMap::new())
    }

    /// Whether it equals [`Summary::zero`].
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::zero()
    }

    /// The range: the highest value minus the lowest, 0 if all workers agree.
    #[must_use]
    pub fn width(&self) -> f64 {
        self.high - self.low
    }
}

/// Rounds a value to the precision of a baseline, a millionth.
#[must_use]
pub fn round_for_baseline(value: f64) -> f64 {
    // `+ 0.0` turns -0 into 0.
    (value * PRECISION).round() / PRECISION + 0.0
}

impl Baseline {
    /// The latest blessing of the whole family.
    #[must_use]
    pub fn blessed(&self) -> Option<&Blessing> {
        self.blessings.iter().rev().find(|blessing| blessing.cases.is_none())
    }
}
