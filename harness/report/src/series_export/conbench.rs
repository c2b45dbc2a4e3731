//! Results as Conbench accepts them at `POST /api/benchmark-results/`, one JSON object a line
//! (<https://github.com/conbench/conbench>, `_BenchmarkResultCreateSchema`). A store has the machine class and not the
//! hardware, so that the class is the "cluster". Conbench has no unit for counts, so that they are left out.

use highwater_model::Unit;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{ExportedHistory, ExportedSeries};
use crate::escape;

/// The lines, and what is not in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConbenchExport {
    /// One result a line.
    pub lines: String,
    /// The number of series whose unit Conbench does not have.
    pub left_out: usize,
}

#[derive(Serialize)]
struct BenchmarkResult<'a> {
    run_id: String,
    run_tags: Value,
    run_reason: &'a str,
    batch_id: String,
    timestamp: &'a str,
    cluster_info: Value,
    stats: Stats,
    tags: Map<String, Value>,
    context: Value,
    info: Value,
    github: Github<'a>,
}

#[derive(Serialize)]
struct Stats {
    data: [f64; 1],
    unit: &'static str,
}

#[derive(Serialize)]
struct Github<'a> {
    repository: &'a str,
    commit: &'a str,
}

/// The results of a history. `repository` is the address of the repository on GitHub, without which Conbench accepts no
/// result.
///
/// # Errors
/// If a value cannot be written as JSON.
pub fn conbench(history: &ExportedHistory, repository: &str) -> serde_json::Result<ConbenchExport> {
    let mut lines = String::new();
    let mut left_out = 0;
    for series in &history.series {
        let Some(unit) = unit(series.quantity.unit()) else {
            left_out += 1;
            continue;
        };
        let class = series.class.to_string();
        for (revision, value) in series.revisions.iter().zip(&series.values) {
            let revision = &history.revisions[*revision];
            let run_id = format!("{}-{class}", revision.commit);
            let result = BenchmarkResult {
                batch_id: format!("{run_id}-{}", series.case.family()),
                run_id,
                run_tags: json!({ "name": format!("commit: {}", revision.commit) }),
                run_reason: "commit",
                timestamp: &revision.at,
                cluster_info: json!({ "name": class, "info": { "class": class }, "optional_info": {} }),
                stats: Stats { data: [*value], unit },
                tags: tags(series),
                context: json!({ "benchmark_language": "Rust" }),
                info: json!({ "highwater": env!("CARGO_PKG_VERSION") }),
                github: Github { repository, commit: &revision.commit },
            };
            lines.push_str(&escape::json(&serde_json::to_string(&result)?));
            lines.push('\n');
        }
    }
    Ok(ConbenchExport { lines, left_out })
}

/// The symbols of Conbench's units.
fn unit(unit: Unit) -> Option<&'static str> {
    match unit {
        Unit::Bytes => Some("B"),
        Unit::Nanoseconds => Some("ns"),
        Unit::Count => None,
    }
}

/// The conceptual benchmark, and what distinguishes its series: the parameters of the case, and what was
/// measured.
fn tags(series: &ExportedSeries) -> Map<String, Value> {
    let id = series.case.as_str();
    let (name, parameters) = id.rsplit_once('/').filter(|(_, last)| last.contains('=')).unwrap_or((id, ""));
    let of_case = parameters.split(',').filter_map(|pair| pair.split_once('='));
    let own = [
        ("name", name.to_owned()),
        ("metric", series.quantity.to_string()),
        ("aspect", series.aspect.to_string()),
        ("per", series.per.clone()),
    ];
    let of_case = of_case.map(|(key, value)| (format!("case.{key}"), value.to_owned()));
    let own = own.into_iter().map(|(key, value)| (key.to_owned(), value));
    // Conbench drops tags without a value.
    own.chain(of_case).filter(|(_, value)| !value.is_empty()).map(|(key, value)| (key, value.into())).collect()
}
