//! Bencher Metric Format: `{benchmark: {measure: {value, lower_value, upper_value}}}`
//! (<https://bencher.dev/docs/reference/bencher-metric-format/>). Each case is a benchmark with a measure for each
//! gated value: the median of the workers, with their range as the bounds. Each routine is a benchmark with Bencher's
//! built-in measure `latency` in nanoseconds.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use highwater_judge::Aspect;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{
    Exporter, Results,
    measures::{Measure, measures, timings},
};
use crate::escape;

#[derive(Debug)]
pub(super) struct Bmf;

/// Bencher's built-in measure of time, in nanoseconds.
const LATENCY: &str = "latency";
/// The longest slug that Bencher accepts.
const MAX_SLUG: usize = 64;

#[derive(Serialize)]
struct Metric {
    value: f64,
    lower_value: f64,
    upper_value: f64,
}

impl Exporter for Bmf {
    fn name(&self) -> &'static str {
        "bmf"
    }

    fn help(&self) -> &'static str {
        "Bencher Metric Format, for `bencher run --adapter json`"
    }

    fn extension(&self) -> &'static str {
        "json"
    }

    fn write(&self, results: &Results<'_>, out: &mut dyn Write) -> io::Result<()> {
        let mut benchmarks: BTreeMap<String, BTreeMap<String, Metric>> = BTreeMap::new();
        for measure in measures(results) {
            let metric = Metric { value: measure.median, lower_value: measure.low, upper_value: measure.high };
            benchmarks.entry(measure.case.id.to_string()).or_default().insert(slug(&measure), metric);
        }
        for timing in timings(results) {
            let time = timing.time;
            let metric = Metric { value: time.ns, lower_value: time.low_ns, upper_value: time.high_ns };
            let name = escape::line(&format!("{}/{}", timing.case.id, timing.routine));
            benchmarks.entry(name).or_default().insert(LATENCY.to_owned(), metric);
        }
        writeln!(out, "{}", escape::json(&serde_json::to_string_pretty(&benchmarks)?))
    }
}

/// `anon-slope-live`, `page-tables-growth-live-100`.
fn slug(measure: &Measure<'_>) -> String {
    let place = match &measure.aspect {
        Aspect::Level(stage) | Aspect::Growth(stage) => stage.to_string(),
        Aspect::Slope(name) => name.clone(),
    };
    shortened(&format!("{}-{}-{place}", measure.quantity, measure.aspect.word()).replace(['.', '_', '@'], "-"))
}

/// A slug that is too long is cut and ends in a hash of the whole, so that different slugs stay different.
fn shortened(slug: &str) -> String {
    if slug.len() <= MAX_SLUG {
        return slug.to_owned();
    }
    let hash: String = Sha256::digest(slug.as_bytes()).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let kept: String = slug.chars().take(MAX_SLUG - hash.len() - 1).collect();
    format!("{kept}-{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_slugs_fit_and_stay_different() {
        let (a, b) = ("a".repeat(80), format!("{}b", "a".repeat(79)));
        assert_eq!(shortened(&a).len(), MAX_SLUG);
        assert_ne!(shortened(&a), shortened(&b));
        assert_eq!(shortened("anon-slope-live"), "anon-slope-live");
    }
}
