//! What is written down: ids, metrics, snapshots, samples, records and the fingerprint of the
//! machine. Plain data with serde, no measuring and no decisions; every other crate speaks in these.

mod aspect;
mod baseline;
mod case_id;
mod claim;
pub mod exit;
mod figure;
mod fingerprint;
mod quantity;
mod record;
mod sample;
mod soundness;
mod stage;
mod unique;
mod units;
mod worker_options;

pub use aspect::Aspect;
pub use baseline::{Baseline, BaselineCase, Blessing, Summary, kept};
pub use case_id::{CaseId, IdError, is_part as is_id_part};
pub use claim::{ClaimRecord, Decision};
pub use figure::{FigureName, FigureNameError};
pub use fingerprint::{ClassParseError, Context, Control, ControlState, Fingerprint, MachineClass};
pub use quantity::{Category, Clock, Metric, Quantity, QuantityError, Unit};
#[cfg(feature = "schema")]
pub use record::json_schema;
pub use record::{CaseRecord, Death, Record, SCHEMA_VERSION, Selection, Series, StageColumns, TimeEstimate};
pub use sample::{Outcome, Reading, Sample, Snapshot};
pub use soundness::MOST_SAMPLES;
pub use stage::{Scale, ScaleError, Stage, StageParseError};
pub use units::{Bytes, BytesParseError, nanoseconds, signed_bytes};
pub use worker_options::{WorkerOption, WorkerOptions};
