//! Storage of records, baselines and durations: safe reading of untrusted files, one-line errors, and atomic writes.

mod baseline_parser;
mod baseline_text;
mod case_stacks;
mod durations;
mod file;
mod json;
mod last_run;
mod lock;
mod merge;
mod record_file;

pub use baseline_parser::parse_baseline;
pub use baseline_text::baseline_text;
pub use case_stacks::{read_stacks, write_stacks};
pub use durations::{CaseDuration, Durations};
pub use file::{one_line, read_file};
pub use last_run::{LastRun, Progress};
pub use lock::FolderLock;
pub use merge::{Absent, Difference, MergeError, PartRecord, merge};
pub use record_file::{Staged, StoreError, read_baseline, read_record, stage_baseline, write_atomically, write_record};
