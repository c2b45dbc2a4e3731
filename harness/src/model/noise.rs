//! How noisy an aspect of a quantity is when nothing changes, as `highwater calibrate` found it and
//! `bless` keeps it in the baseline.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CaseId, MachineClass};

/// What the values of workers of an unchanged program look like ([`crate::stats::classify`]), from the
/// quiet to the noisy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoiseClass {
    /// One value.
    Exact,
    /// Few values; the lowest is common.
    Lattice,
    /// Anything else.
    Spread,
}

impl std::fmt::Display for NoiseClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Exact => "exact",
            Self::Lattice => "lattice",
            Self::Spread => "spread",
        })
    }
}

/// The noise of one aspect of one quantity of a case, where it has any.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Noise {
    /// The class of all workers taken together.
    pub class: NoiseClass,
    /// How many workers.
    pub workers: usize,
    /// In how many batches, each by a process of its own.
    pub batches: usize,
    /// How far the medians of two batches lay apart at most, in the unit of the quantity (per unit of
    /// the ladder, for a slope): a change within it is none.
    pub envelope: f64,
}

/// What `highwater calibrate` writes and `bless` takes over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationRecord {
    /// The version of records ([`super::SCHEMA_VERSION`]).
    pub schema: u32,
    /// The family.
    pub family: String,
    /// The machine class that was calibrated.
    pub class: MachineClass,
    /// What is noisy, by case and by quantity and aspect.
    pub cases: BTreeMap<CaseId, BTreeMap<String, Noise>>,
}
