//! The forms in which a comparison leaves the program: one file each behind [`Exporter`], all of them
//! listed in [`EXPORTERS`]. A new one is a file here and a line there.

mod bmf;
mod csv;
mod github;
mod github_action_benchmark;
mod json;
mod jsonl;
mod junit;
mod level;
mod markdown;
mod measures;
mod sarif;
mod table;

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, Write},
    path::{Path, PathBuf},
};

use highwater_judge::{Comparison, Kind, Policy};
use highwater_model::{CaseId, CaseRecord, Quantity, Record, Unit};

use super::printable;

/// Every format, in the order of the help page.
pub static EXPORTERS: [&dyn Exporter; 10] = [
    &table::Table,
    &json::Json,
    &jsonl::Jsonl,
    &markdown::Markdown,
    &github::Github,
    &junit::Junit,
    &sarif::Sarif,
    &csv::Csv,
    &bmf::Bmf,
    &github_action_benchmark::GithubActionBenchmark,
];

/// The one of a name.
#[must_use]
pub fn exporter(name: &str) -> Option<&'static dyn Exporter> {
    EXPORTERS.into_iter().find(|exporter| exporter.name() == name)
}

/// One form of a result.
pub trait Exporter: fmt::Debug + Sync {
    /// What it is called on the command line.
    fn name(&self) -> &'static str;

    /// What it is for, in one line.
    fn help(&self) -> &'static str;

    /// What a file of it is usually called after the dot.
    fn extension(&self) -> &'static str;

    /// Writes it.
    ///
    /// # Errors
    /// When `out` cannot be written to.
    fn write(&self, results: &Results<'_>, out: &mut dyn Write) -> io::Result<()>;
}

/// All that an exporter may tell of: what was judged, and what was measured whether or not there was
/// anything to judge it by.
#[derive(Clone, Copy, Debug)]
pub struct Results<'a> {
    /// The verdicts.
    pub comparison: &'a Comparison,
    /// The run, one record per family.
    pub runs: &'a [Record],
    /// What is gated.
    pub policy: &'a Policy,
    /// By family, the file that findings point to, seen from the working directory: its baseline, or
    /// where that would be; where two revisions are compared, the source of its bench.
    pub files: &'a BTreeMap<String, PathBuf>,
}

impl<'a> Results<'a> {
    fn case(&self, id: &CaseId) -> Option<&'a CaseRecord> {
        self.runs.iter().filter(|run| run.family == id.family()).find_map(|run| run.case(id.as_str()))
    }

    fn file(&self, family: &str) -> Option<&'a Path> {
        self.files.get(family).map(PathBuf::as_path)
    }

    /// The ends of what the dead workers of a case wrote, each different text once.
    fn last_words(&self, id: &CaseId) -> Vec<String> {
        let mut texts = Vec::new();
        for death in self.case(id).into_iter().flat_map(|case| &case.died) {
            let text = printable::lines(&death.output_tail);
            if !text.is_empty() && !texts.contains(&text) {
                texts.push(text);
            }
        }
        texts
    }
}

/// The kind as an identifier: `over-budget`.
fn slug(kind: Kind) -> String {
    kind.to_string().replace(' ', "-")
}

/// What the numbers of a quantity count.
fn unit(quantity: Quantity) -> &'static str {
    match quantity.unit() {
        Unit::Bytes => "bytes",
        Unit::Nanoseconds => "ns",
        Unit::Count => "count",
    }
}
