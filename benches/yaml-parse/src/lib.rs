//! Benchmarks of the memory cost of parsing a large YAML file: common representations, parsers, and the span tape.
//!
//! ```text
//!  start            the bare process
//!  ready            + the family, nothing of the file yet               (growth is measured from here)
//!  loaded           + the input in the form the parser takes: read, mapped or open
//!  parsed           + the document, - the input if the document does not refer to it
//!  walked           the text of every scalar was read
//!  dropped          - everything
//!  trimmed          - memory returned by malloc_trim
//! ```
//!
//! Growth at `parsed` and `walked` is therefore the full cost of keeping the file in memory, including its text.

pub mod claims;
pub mod generate;
mod growth;
pub mod hostile;
mod kept;
pub mod libfyaml;
mod line;
mod matrix;
pub mod peers;
pub mod program;
pub mod questions;
pub mod region;
pub mod subject;
mod tape_subject;
pub mod trees;

use highwater_worker::Family;

pub use kept::KeptTape;
pub use line::{Ladder, Line, check};
pub use tape_subject::SpanTape;

/// Returns the family with all strategies, peers and hostile inputs.
#[must_use]
pub fn family() -> Family {
    Family { name: "yaml-parse", unit: "document", baseline_stage: "ready", cases: matrix::cases() }
}
