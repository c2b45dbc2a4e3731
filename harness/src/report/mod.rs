//! Records and verdicts as text for people. It measures and decides nothing.

mod blessing;
mod calibration_text;
mod comparison_text;
mod diagnosis;
mod exactness;
mod run_table;
mod table;

use crate::judge::Comparison;

pub use blessing::blessing_table;
pub use calibration_text::calibration_text;
pub use comparison_text::{comparison_text, family_text};
pub use diagnosis::{diagnosis_json, diagnosis_table};
pub use exactness::exactness_table;
pub use run_table::run_table;

/// A comparison as indented JSON, with the exit status it comes to.
#[must_use]
pub fn comparison_json(comparison: &Comparison) -> String {
    format!("{:#}", serde_json::json!({"exit_status": comparison.exit_status(), "comparison": comparison}))
}
