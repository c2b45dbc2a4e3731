//! A baseline: what each gated quantity of a family was when it was last blessed, on one machine class. It is written
//! as text ([`super::baseline_text`]) and reviewed like code, so it holds what is judged and no raw samples.

use std::collections::BTreeMap;

use super::{Aspect, CaseId, Category, Context, MachineClass, Quantity, Stage};

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
    pub reference: Stage,
    /// Machine, controls and context of the run, for those who ask what differs. Without times.
    pub context: Context,
    /// Why its values are what they are, oldest first: one for the whole family, then one for each partial bless.
    pub blessings: Vec<Blessing>,
    /// The cases that were measured.
    pub cases: BTreeMap<CaseId, BaselineCase>,
}

/// Why values became the baseline.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Blessing {
    /// The reason given to `bless`.
    pub reason: String,
    /// When, in UTC (RFC 3339).
    pub at: String,
    /// The cases that were updated, as a glob; all where there is none.
    pub cases: Option<String>,
}

/// One case of a baseline.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BaselineCase {
    /// Workers that completed: the number of values behind every summary.
    pub samples: usize,
    /// How workers that did not complete ended, as the outcome is printed; without repetition.
    pub failures: Vec<String>,
    /// The gated quantities.
    pub values: BTreeMap<(Quantity, Aspect), Summary>,
}

/// The values that a case's workers gave for one aspect of one quantity, in the quantity's unit (per unit of the ladder
/// for a slope).
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The median.
    pub median: f64,
    /// The lowest value.
    pub low: f64,
    /// The highest value.
    pub high: f64,
    /// The medians by category of mapping, where the quantity has categories: those that are not 0.
    pub parts: BTreeMap<Category, f64>,
}

/// Values are kept to a millionth: slopes are quotients.
const DECIMALS: f64 = 1e6;

impl Summary {
    /// Keeps the values to a millionth.
    #[must_use]
    pub fn new(median: f64, low: f64, high: f64, parts: BTreeMap<Category, f64>) -> Self {
        let [median, low, high] = [median, low, high].map(kept);
        let parts = parts.into_iter().map(|(category, part)| (category, kept(part))).filter(|(_, part)| *part != 0.0);
        Self { median, low, high, parts: parts.collect() }
    }

    /// From the lowest value to the highest: 0 where all workers agree.
    #[must_use]
    pub fn width(&self) -> f64 {
        self.high - self.low
    }
}

/// A value as a baseline keeps it.
#[must_use]
pub fn kept(value: f64) -> f64 {
    // `+ 0.0` turns -0 into 0.
    (value * DECIMALS).round() / DECIMALS + 0.0
}

impl Baseline {
    /// The latest blessing that covers the whole family.
    #[must_use]
    pub fn blessed(&self) -> Option<&Blessing> {
        self.blessings.iter().rev().find(|blessing| blessing.cases.is_none())
    }
}
