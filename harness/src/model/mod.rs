//! What is written down: ids, metrics, snapshots, samples, records and the fingerprint of the
//! machine. Plain data with serde, no measuring and no decisions; every other room speaks in these.

mod aspect;
mod baseline;
mod baseline_text;
mod case_id;
mod claim;
mod figure;
mod file;
mod fingerprint;
mod json;
mod last_run;
mod lock;
mod quantity;
mod record;
mod sample;
mod soundness;
mod stage;
mod store;
mod unique;
mod units;
mod worker_options;

pub use aspect::Aspect;
pub use baseline::{Baseline, BaselineCase, Blessing, Summary, kept};
pub use baseline_text::{baseline_text, parse_baseline};
pub use case_id::{CaseId, IdError};
pub use claim::{ClaimRecord, Decision};
pub use figure::{FigureName, FigureNameError};
pub(crate) use file::{one_line, read_file};
pub use fingerprint::{Context, Control, ControlState, Fingerprint, MachineClass};
pub use last_run::{LastRun, Progress};
pub use lock::FolderLock;
pub use quantity::{Category, Clock, Metric, Quantity, QuantityError, Unit};
pub use record::{
    CaseRecord, Death, Record, SCHEMA_VERSION, Selection, Series, StageColumns, TimeEstimate, json_schema,
};
pub use sample::{Outcome, Reading, Sample, Snapshot};
pub use soundness::MOST_SAMPLES;
pub use stage::{Scale, ScaleError, Stage, StageParseError};
pub use store::{Staged, StoreError, read_baseline, read_record, stage_baseline, write_atomically, write_record};
pub use units::{Bytes, BytesParseError, nanoseconds, signed_bytes};
pub use worker_options::{WorkerOption, WorkerOptions};
