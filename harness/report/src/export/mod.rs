//! The output formats of a comparison. Each is an [`Exporter`] in a file here, and [`EXPORTERS`] lists them all.

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

use super::escape;

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

/// The name of the format for people.
pub const FOR_PEOPLE: &str = "table";

/// The format with this name.
#[must_use]
pub fn exporter(name: &str) -> Option<&'static dyn Exporter> {
    EXPORTERS.into_iter().find(|exporter| exporter.name() == name)
}

/// An output format.
pub trait Exporter: fmt::Debug + Sync {
    /// The name on the command line.
    fn name(&self) -> &'static str;

    /// The purpose, in one line.
    fn help(&self) -> &'static str;

    /// The usual file name extension, without the dot.
    fn extension(&self) -> &'static str;

    /// Writes the results.
    ///
    /// # Errors
    /// If `out` cannot be written to.
    fn write(&self, results: &Results<'_>, out: &mut dyn Write) -> io::Result<()>;
}

/// The input of an exporter: the verdicts, and the measurements whether or not there is a baseline.
#[derive(Clone, Copy, Debug)]
pub struct Results<'a> {
    /// The verdicts.
    pub comparison: &'a Comparison,
    /// The run, one record per family.
    pub runs: &'a [Record],
    /// The policy that the verdicts are based on.
    pub policy: &'a Policy,
    /// The file that findings point to, by family and relative to the working directory: the baseline, whether or not
    /// it exists, or the source of the bench if two revisions are compared.
    pub files: &'a BTreeMap<String, PathBuf>,
}

impl<'a> Results<'a> {
    fn case(&self, id: &CaseId) -> Option<&'a CaseRecord> {
        self.runs.iter().filter(|run| run.family == id.family()).find_map(|run| run.case(id.as_str()))
    }

    fn file(&self, family: &str) -> Option<&'a Path> {
        self.files.get(family).map(PathBuf::as_path)
    }

    /// The last output of the failed workers of a case, without duplicates.
    fn failure_output(&self, id: &CaseId) -> Vec<String> {
        let mut texts = Vec::new();
        for failure in self.case(id).into_iter().flat_map(|case| &case.failures) {
            let text = escape::lines(&failure.output_tail);
            if !text.is_empty() && !texts.contains(&text) {
                texts.push(text);
            }
        }
        texts
    }
}

/// The kind as an identifier: `over-budget`.
fn slug(kind: Kind) -> String {
    kind.id().replace('_', "-")
}

/// The unit of the numbers of a quantity.
fn unit(quantity: Quantity) -> &'static str {
    match quantity.unit() {
        Unit::Bytes => "bytes",
        Unit::Nanoseconds => "ns",
        Unit::Count => "count",
    }
}
