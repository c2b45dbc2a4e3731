//! Renders records and verdicts: as text and web pages for people, and in the formats that CI systems read. This crate
//! neither measures nor judges.

mod backfill_text;
mod blessing;
mod calibration_text;
mod capacity;
mod claims_text;
mod comparison_text;
mod counted;
pub mod escape;
mod exactness;
#[cfg(feature = "exports")]
pub mod export;
mod figure_tables;
mod findings;
mod fitted_table;
mod over_time_text;
mod run_table;
mod run_text;
#[cfg(feature = "exports")]
pub mod series_export;
pub mod site;
mod stacks;
mod status_text;
mod summary;
mod table;
pub mod terminal;
mod time_changes;
mod tree_tables;
mod trend;
mod trend_groups;
mod unmeasured_conditions;
mod verdict_groups;
mod verdict_lines;

pub use backfill_text::{Backfilled, BackfilledRevision, backfill_text};
pub use blessing::blessing_text;
pub use calibration_text::calibration_text;
pub use capacity::{CapacityReport, CaseCapacity, FamilyCapacity, Verified, capacity_json, capacity_table};
pub use comparison_text::comparison_text;
pub use counted::counted;
pub use exactness::exactness_table;
pub use run_text::{Reference, RunView, program_text, run_text};
pub use stacks::{signed, stack_line};
pub use status_text::status_text;
pub use table::{TextCell, print_words};
pub use time_changes::{TimeChange, TimeChanges};
pub use trend::{CreepRate, TrendFinding, TrendReport, TrendRevision, TrendSeries, trend_json, trend_text};
pub use verdict_groups::of_noise;
pub use verdict_lines::finding_text;
