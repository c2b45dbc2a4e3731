//! JSON lines: an object per verdict (`"type": "verdict"`) and a summary on the last line (`"type": "summary"`). A file
//! without the summary is truncated.

use std::io::{self, Write};

use highwater_judge::{NoBaseline, Verdict};
use highwater_model::MachineClass;
use serde::Serialize;
use serde_json::{Map, json};

use super::{Exporter, Results};
use crate::{escape, summary::Summary};

#[derive(Debug)]
pub(super) struct Jsonl;

#[derive(Serialize)]
#[serde(rename_all = "snake_case", tag = "type")]
enum Line<'a> {
    Verdict {
        family: &'a str,
        class: &'a MachineClass,
        baseline_class: &'a MachineClass,
        #[serde(flatten)]
        verdict: &'a Verdict,
    },
    Summary {
        exit_status: u8,
        strict: bool,
        cases: usize,
        gated: Map<String, serde_json::Value>,
        without_baseline: &'a [NoBaseline],
    },
}

impl Exporter for Jsonl {
    fn name(&self) -> &'static str {
        "jsonl"
    }

    fn help(&self) -> &'static str {
        "JSON lines: one object per verdict, a summary last"
    }

    fn extension(&self) -> &'static str {
        "jsonl"
    }

    fn write(&self, results: &Results<'_>, out: &mut dyn Write) -> io::Result<()> {
        let comparison = results.comparison;
        let mut line =
            |line: &Line<'_>| -> io::Result<()> { writeln!(out, "{}", escape::json(&serde_json::to_string(line)?)) };
        for family in &comparison.families {
            let (class, baseline_class) = (&family.class, &family.baseline_class);
            for verdict in &family.verdicts {
                line(&Line::Verdict { family: &family.family, class, baseline_class, verdict })?;
            }
        }
        let summary = Summary::of(comparison);
        line(&Line::Summary {
            exit_status: summary.exit,
            strict: comparison.strict,
            cases: summary.cases,
            gated: summary.gated.iter().map(|(kind, count)| (kind.id().to_owned(), json!(count))).collect(),
            without_baseline: &comparison.without_baseline,
        })
    }
}
