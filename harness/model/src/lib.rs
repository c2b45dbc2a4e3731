//! The data types shared by all crates: ids, metrics, snapshots, samples, records, baselines and the fingerprint of the
//! machine. Plain data with serde; this crate measures nothing and decides nothing.

mod aspect;
mod baseline;
mod case_id;
mod case_stacks;
mod category;
mod claim;
pub mod exit;
mod figure;
mod fingerprint;
mod hash;
mod metric;
mod parameter_filter;
mod partition;
mod quantity;
mod question;
mod raw;
mod record;
mod sample;
mod stack;
mod stage;
mod timeline;
mod unique;
mod units;
mod validation;
mod words;
mod worker_options;

pub use aspect::Aspect;
pub use baseline::{Baseline, BaselineCase, Blessing, Summary, round_for_baseline};
pub use case_id::{CaseId, IdError, is_part as is_id_part};
pub use case_stacks::{BaseStacks, CaseStacks, RunKey, STACKS_VERSION, StageStacks};
pub use category::Category;
pub use claim::{ClaimRecord, Decision};
pub use figure::{FigureName, FigureNameError};
pub use fingerprint::{ClassParseError, Context, Control, ControlState, Fingerprint, MachineClass};
pub use hash::fnv1a;
pub use metric::{Metric, Unit};
pub use parameter_filter::{ParameterFilter, ParameterFilterError};
pub use partition::{MAX_PARTS, Part, Partition, PartitionError, PartitionKind, PartitionKindError};
pub use quantity::{Clock, Quantity, QuantityError};
pub use question::{ComparedCase, Measure, Question, unknown_cases};
pub use raw::is_raw;
#[cfg(feature = "schema")]
pub use record::json_schema;
pub use record::{CaseRecord, Failure, Record, SCHEMA_VERSION, Selection, Series, StageColumns, TimeEstimate};
pub use sample::{Outcome, Reading, Sample, Snapshot};
pub use stack::{Explanation, Frame, Moment, Place, StackGrowth};
pub use stage::{END_STAGE, Scale, ScaleError, Stage, StageParseError};
pub use timeline::{CaseTimeline, MAX_READINGS, Timeline};
pub use units::{Bytes, BytesParseError, bytes, nanoseconds, signed_bytes};
pub use validation::{MAX_SAMPLES, MAX_STAGES, MAX_VALUE};
pub use worker_options::{WorkerOption, WorkerOptions};
