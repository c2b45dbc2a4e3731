//! `customSmallerIsBetter` of github-action-benchmark: a list of `{name, unit, value, range, extra}`
//! (<https://github.com/benchmark-action/github-action-benchmark>), with an entry for each gated value and for each
//! estimate of criterion.

use std::io::{self, Write};

use highwater_judge::Aspect;
use serde::Serialize;

use super::{
    Exporter, Results,
    measures::{measures, timings},
    unit,
};
use crate::escape;

#[derive(Debug)]
pub(super) struct GithubActionBenchmark;

#[derive(Serialize)]
struct Entry {
    name: String,
    unit: String,
    value: f64,
    range: String,
    extra: String,
}

impl Exporter for GithubActionBenchmark {
    fn name(&self) -> &'static str {
        "github-action-benchmark"
    }

    fn help(&self) -> &'static str {
        "customSmallerIsBetter of github-action-benchmark"
    }

    fn extension(&self) -> &'static str {
        "json"
    }

    fn write(&self, results: &Results<'_>, out: &mut dyn Write) -> io::Result<()> {
        let figures = measures(results).into_iter().map(|measure| {
            let per = match measure.aspect {
                Aspect::Slope(_) => format!("/{}", measure.record.unit),
                Aspect::Level(_) | Aspect::Growth(_) => String::new(),
            };
            Entry {
                name: format!("{}: {}, {}", measure.case.id, measure.quantity, measure.aspect),
                unit: escape::line(&format!("{}{per}", unit(measure.quantity))),
                value: measure.median,
                range: range(measure.median, measure.low, measure.high),
                extra: format!("{} workers\n{}", measure.case.samples, measure.record.fingerprint.class),
            }
        });
        let times = timings(results).into_iter().map(|timing| Entry {
            name: escape::line(&format!("{}: {}", timing.case.id, timing.routine)),
            unit: "ns".to_owned(),
            value: timing.time.ns,
            range: range(timing.time.ns, timing.time.low_ns, timing.time.high_ns),
            extra: escape::line(&format!(
                "criterion's {}, confidence {}",
                timing.time.estimator, timing.time.confidence
            )),
        });
        let entries: Vec<Entry> = figures.chain(times).collect();
        writeln!(out, "{}", escape::json(&serde_json::to_string_pretty(&entries)?))
    }
}

/// The largest distance of the bounds from the value.
fn range(value: f64, low: f64, high: f64) -> String {
    format!("± {}", (high - value).max(value - low))
}
