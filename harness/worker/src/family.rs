//! A family: the cases of one bench crate.

use crate::Case;

/// The cases of one bench crate.
pub struct Family {
    /// The name, which is the first part of each case id.
    pub name: &'static str,
    /// The name of one unit of a ladder, in the singular: `sandbox`.
    pub unit: &'static str,
    /// The stage that growth is measured from: everything shared is loaded, and there are no units yet.
    pub baseline_stage: &'static str,
    /// The cases.
    pub cases: Vec<Box<dyn Case>>,
}
