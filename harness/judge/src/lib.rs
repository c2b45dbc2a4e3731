//! Judges a run against its baseline and a policy. This crate measures nothing. The only files it reads are policies
//! and baselines.

mod amounts;
pub mod baselines;
mod calibration;
mod capacity;
mod case_view;
mod categories;
mod claim;
mod compare;
mod compare_case;
mod compare_samples;
mod confirmation;
mod differences;
mod expectation;
mod history;
mod moves;
mod over_time;
mod policy;
mod presence;
mod resolution;
mod scaling_model;
mod sentence;
mod status;
mod time;
mod verdict;
mod verification;

pub use amounts::{amount, amounts, change, signed_amount};
pub use baselines::Keep;
pub use calibration::{Arm, AspectKind, Batches, Calibration, CaseTally, Tally, calibrate};
pub use capacity::{Capacity, Ceilings, Limit, LimitCapacity, UnitEstimate, capacity};
pub use case_view::{CaseView, ladders};
pub use claim::{Claim, Finding};
pub use compare::{
    Comparison, FamilyComparison, JudgedPart, NoBaseline, compare_family, compare_runs, confirm_family,
    needs_more_workers,
};
pub use compare_case::exact_where_gated;
pub use confirmation::FRESH_WORKERS;
pub use expectation::expected;
pub use highwater_model::Aspect;
pub use history::{ChangePoint, Creep, FALSE_DISCOVERIES, GatedValue, Series, Trend, gated_values, judge_history};
pub use over_time::{ChargePeak, OverTime, TimedReading};
pub use policy::{Applied, Mode, Policy, PolicyError};
pub use resolution::{Unresolved, unresolved};
pub use sentence::subject;
pub use status::{FamilyStatus, LastMeasured, OldCase, StatusOptions, status};
pub use time::judge_time;
pub use verdict::{Kind, NoiseClass, Subject, Verdict};
pub use verification::{Search, Verification};
