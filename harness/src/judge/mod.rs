//! Run, baseline and policy in; verdicts out. No measuring and no files but the policy's.

mod aspect;
mod compare;
mod policy;
mod sentence;
mod verdict;

pub use aspect::{Aspect, View};
pub use compare::{Comparison, FamilyComparison, NoBaseline, compare_family};
pub use policy::{Applied, Mode, Policy, PolicyError};
pub use verdict::{Kind, Subject, Verdict};
