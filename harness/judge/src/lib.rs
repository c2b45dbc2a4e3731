//! Run, baseline and policy in; verdicts out. No measuring, and no files but the policy's and
//! those of the baselines.

mod aspect;
pub mod baselines;
mod calibration;
mod capacity;
mod compare;
mod differences;
mod pair;
mod policy;
mod sentence;
mod time;
mod values;
mod verdict;
mod verification;

pub use aspect::View;
pub use baselines::Keep;
pub use calibration::{Arm, AspectKind, Batches, Calibration, CaseTally, Tally, calibrate};
pub use capacity::{Capacity, Ceilings, Fits, Limit, Room, capacity};
pub use compare::{Comparison, FamilyComparison, NoBaseline, compare_family, compare_runs, confirm_family};
pub use highwater_model::Aspect;
pub use pair::exact_where_gated;
pub use policy::{Applied, Mode, Policy, PolicyError};
pub use sentence::{amount, amounts, change};
pub use time::judge_time;
pub use verdict::{Kind, NoiseClass, Subject, Verdict};
pub use verification::{Search, Verification};
