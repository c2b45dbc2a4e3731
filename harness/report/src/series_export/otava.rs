//! The files that Apache Otava reads: a CSV for each case with the time, the commit and a column for each series, and
//! `otava.yaml`, in which each case is a test (<https://otava.apache.org/docs/csv>). Paths in it are relative to its
//! folder, in which Otava must run.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use csv::Writer;
use highwater_model::{Aspect, CaseId, MachineClass};
use serde::Serialize;

use super::{ExportedHistory, ExportedSeries};
use crate::escape::csv_cell;

/// The characters of a commit hash, which Otava prints in a column.
const HASH: usize = 12;

/// The configuration. JSON is YAML.
#[derive(Serialize)]
struct Config {
    tests: BTreeMap<String, Test>,
    test_groups: BTreeMap<&'static str, Vec<String>>,
}

#[derive(Serialize)]
struct Test {
    r#type: &'static str,
    file: PathBuf,
    time_column: &'static str,
    attributes: [&'static str; 1],
    metrics: BTreeMap<String, Metric>,
}

#[derive(Serialize)]
struct Metric {
    column: String,
    /// Less is better.
    direction: i32,
}

/// What one file has: Otava wants a number in each cell, so that series of other revisions are in another file.
type Key<'a> = (&'a MachineClass, &'a CaseId, &'a [usize]);

/// The files, by their paths relative to the folder.
///
/// # Errors
/// If a value cannot be written as CSV or JSON.
pub fn otava(history: &ExportedHistory) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut tables: BTreeMap<Key<'_>, Vec<&ExportedSeries>> = BTreeMap::new();
    for series in &history.series {
        tables.entry((&series.class, &series.case, &series.revisions)).or_default().push(series);
    }
    let has_classes = history.series.windows(2).any(|pair| pair[0].class != pair[1].class);
    let mut files = Vec::new();
    let mut tests = BTreeMap::new();
    for ((class, case, revisions), series) in tables {
        let mut name = if has_classes { format!("{case} on {class}") } else { case.to_string() };
        let parts = (2..).map(|part| format!("{name} ({part})"));
        if let Some(other) = std::iter::once(name.clone()).chain(parts).find(|name| !tests.contains_key(name)) {
            name = other;
        }
        let file = Path::new("series").join(format!("{:04}.csv", files.len() + 1));
        files.push((file.clone(), table(history, revisions, &series)?));
        let metric = |series: &&ExportedSeries| {
            let column = column(series);
            (column.clone(), Metric { column, direction: -1 })
        };
        let metrics = series.iter().map(metric).collect();
        let test = Test { r#type: "csv", file, time_column: "time", attributes: ["commit"], metrics };
        tests.insert(name, test);
    }
    let test_groups = [("all", tests.keys().cloned().collect())].into();
    let config = serde_json::to_string_pretty(&Config { tests, test_groups })?;
    files.push(("otava.yaml".into(), format!("{config}\n").into_bytes()));
    Ok(files)
}

/// `heap_live slope of live per buffer`, `heap_live growth at live@10`.
fn column(series: &ExportedSeries) -> String {
    let per = match &series.aspect {
        Aspect::Slope(_) => format!(" per {}", series.per),
        _ => String::new(),
    };
    csv_cell(&format!("{} {}{per}", series.quantity, series.aspect))
}

fn table(history: &ExportedHistory, revisions: &[usize], series: &[&ExportedSeries]) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let mut csv = Writer::from_writer(&mut content);
    let headings = ["time", "commit"].map(str::to_owned).into_iter().chain(series.iter().map(|it| column(it)));
    csv.write_record(headings)?;
    for (place, revision) in revisions.iter().enumerate() {
        let revision = &history.revisions[*revision];
        let fixed = [revision.at.clone(), revision.commit.chars().take(HASH).collect()];
        csv.write_record(fixed.into_iter().chain(series.iter().map(|it| it.values[place].to_string())))?;
    }
    csv.flush()?;
    drop(csv);
    Ok(content)
}
