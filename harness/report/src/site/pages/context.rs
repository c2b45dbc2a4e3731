//! The machine and the conditions of the records. Facts that differ between records are listed with their
//! families.

use std::collections::BTreeMap;

use highwater_model::{ControlState, Record};

use crate::counted;

/// A fact about the environment.
#[derive(Debug)]
pub(super) struct Fact {
    pub(super) name: String,
    pub(super) value: String,
}

/// The facts of the records by name. Controls that were refused come first, because they limit the precision.
pub(super) fn facts(records: &[&Record]) -> Vec<Fact> {
    let mut by_name: BTreeMap<(u8, String), BTreeMap<String, Vec<String>>> = BTreeMap::new();
    for record in records {
        let controls =
            record.fingerprint.controls.iter().filter(|(_, state)| !state.is_granted()).map(|(control, state)| {
                let name = serde_json::to_value(control).ok().and_then(|name| name.as_str().map(str::to_owned));
                let rank = u8::from(*state == ControlState::NotAsked);
                ((rank, name.unwrap_or_default()), state.to_string())
            });
        let class = ((2, "machine class".to_owned()), record.fingerprint.class.to_string());
        let context = &record.fingerprint.context;
        let context = context
            .iter()
            .filter(|(name, _)| *name != "started")
            .map(|(name, value)| ((3, name.clone()), value.clone()));
        for (name, value) in controls.chain([class]).chain(context) {
            by_name.entry(name).or_default().entry(value).or_default().push(record.family.clone());
        }
    }
    let fact = |((_, name), values): ((u8, String), BTreeMap<String, Vec<String>>)| {
        let is_one = values.len() == 1 && values.values().all(|families| families.len() == records.len());
        let value = if is_one {
            values.into_keys().next().unwrap_or_default()
        } else {
            let each = values.into_iter().map(|(value, families)| format!("{value} ({})", families.join(", ")));
            each.collect::<Vec<_>>().join("; ")
        };
        Fact { name: name.replace('_', " "), value }
    };
    by_name.into_iter().map(fact).collect()
}

/// How a run differs from a plain full run, as sentences.
pub(super) fn unusual(record: &Record) -> Vec<String> {
    let selection = &record.selection;
    let mut unusual: Vec<String> = selection.worker_options.sentences(&record.unit).collect();
    if let Some(filter) = &selection.filter {
        unusual.push(format!("only cases that match {filter}"));
    }
    unusual.extend(selection.parameters.iter().map(|filter| format!("only cases with {filter}")));
    if let Some(part) = &selection.part {
        unusual.push(format!("only {}, a part of {}", part.partition, counted(part.cases.len(), "case")));
    }
    if let Some(ladder) = &selection.ladder {
        let scales: Vec<String> = ladder.iter().map(ToString::to_string).collect();
        unusual.push(format!("scales {} (--ladder)", scales.join(", ")));
    }
    unusual
}
