//! Benchmarks of the memory cost of parsing a large YAML file, and a document representation that minimises it.
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

mod claims;
pub mod generate;
mod growth;
pub mod hostile;
pub mod libfyaml;
mod line;
mod matrix;
pub mod peers;
pub mod program;
pub mod region;
pub mod subject;
pub mod tape;
mod tape_subject;
pub mod trees;

use highwater_model::Context;
use highwater_worker::{Family, locked_version};

pub use line::{Ladder, Line};
pub use tape_subject::SpanTape;

/// Returns the family with all strategies, peers and hostile inputs.
#[must_use]
pub fn family() -> Family {
    let lock = include_str!("../../../Cargo.lock");
    let packages = peers::Peer::ALL.map(peers::Peer::package).into_iter().chain(["granit-parser", "fyaml-sys"]);
    let versions = packages.filter_map(|package| Some((package.to_owned(), locked_version(lock, package)?)));
    Family {
        name: "yaml-parse",
        unit: "document",
        baseline_stage: "ready",
        context: Context::from_iter(versions),
        cases: matrix::cases(),
        claims: claims::CLAIMS.to_vec(),
    }
}

/// The `main` of the bench target and of the binary.
#[must_use]
pub fn main() -> std::process::ExitCode {
    hostile::child().unwrap_or_else(|| highwater::main(family))
}
