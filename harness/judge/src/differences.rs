//! What differs between the surroundings of two runs: printed above the verdicts, and never judged.

use std::collections::BTreeSet;

use highwater_model::{Baseline, Record};

use super::baselines::surroundings;

/// Context and controls that differ.
pub(super) fn differences(baseline: &Baseline, run: &Record) -> Vec<(String, String, String)> {
    let (before, now) = (&baseline.context, surroundings(&run.fingerprint));
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let value =
        |side: &highwater_model::Context, name: &String| side.get(name).cloned().unwrap_or("unknown".to_owned());
    names
        .into_iter()
        .map(|name| (name.clone(), value(before, name), value(&now, name)))
        .filter(|(_, before, now)| before != now)
        .collect()
}
