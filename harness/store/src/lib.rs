//! Records and baselines on disk: read with one clear error for whatever is wrong, written whole or not at all.

mod baseline_text;
mod file;
mod json;
mod last_run;
mod lock;
mod record_file;

pub use baseline_text::{baseline_text, parse_baseline};
pub use file::{one_line, read_file};
pub use last_run::{LastRun, Progress};
pub use lock::FolderLock;
pub use record_file::{Staged, StoreError, read_baseline, read_record, stage_baseline, write_atomically, write_record};
