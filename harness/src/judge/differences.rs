//! What differs between the surroundings of two runs: printed above the verdicts, and never judged.

use std::collections::BTreeMap;

use crate::model::Record;

/// Context and controls that differ; the time of the run always does and is left out.
pub(super) fn differences(baseline: &Record, run: &Record) -> Vec<(String, String, String)> {
    let flat = |record: &Record| {
        let controls = record.fingerprint.controls.iter().map(|(control, state)| {
            let name = serde_json::to_value(control).ok().and_then(|name| name.as_str().map(str::to_owned));
            (name.unwrap_or_default(), state.to_string())
        });
        let context = record.fingerprint.context.clone();
        context.into_iter().filter(|(name, _)| name != "started").chain(controls).collect::<BTreeMap<_, _>>()
    };
    let (before, now) = (flat(baseline), flat(run));
    let mut names: Vec<&String> = before.keys().chain(now.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let value = |side: &BTreeMap<String, String>, name: &String| {
        side.get(name).cloned().unwrap_or_else(|| "unknown".to_owned())
    };
    names
        .into_iter()
        .map(|name| (name.clone(), value(&before, name), value(&now, name)))
        .filter(|(_, before, now)| before != now)
        .collect()
}
