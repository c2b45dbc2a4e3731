//! Context and controls that differ between baseline and run. They are printed above the verdicts and never judged.

use std::collections::BTreeSet;

use highwater_model::{Baseline, Record};

use super::baselines::surroundings;

/// The name of each difference, its value in the baseline, and its value in the run.
pub(super) fn differences(baseline: &Baseline, run: &Record) -> Vec<(String, String, String)> {
    let (before, after) = (&baseline.context, surroundings(&run.fingerprint));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let value =
        |side: &highwater_model::Context, name: &String| side.get(name).cloned().unwrap_or("unknown".to_owned());
    names
        .into_iter()
        .map(|name| (name.clone(), value(before, name), value(&after, name)))
        .filter(|(_, before, after)| before != after)
        .collect()
}
