//! The census of `highwater status` as text.

use std::time::Duration;

use highwater_judge::{FamilyStatus, LastMeasured};
use highwater_model::CaseId;

use super::{
    counted,
    counted::grouped,
    escape,
    terminal::{Emphasis, in_words},
};

/// The most cases that a line names.
const MOST_NAMED: usize = 3;

/// The state of each family, by machine class. `older_than` is the age from which blessings are listed.
#[must_use]
pub fn status_text(families: &[FamilyStatus], older_than: Option<Duration>) -> String {
    let mut lines = Vec::new();
    let mut class = None;
    for state in families {
        if class != Some(&state.class) {
            lines.push(Emphasis::Heading.paint(state.class.to_string()));
            class = Some(&state.class);
        }
        lines.extend(family(state, older_than));
    }
    if lines.is_empty() {
        lines.push("no baseline and no record".to_owned());
    }
    lines.join("\n")
}

fn family(state: &FamilyStatus, older_than: Option<Duration>) -> Vec<String> {
    let day = |time: &str| escape::line(time.split('T').next().unwrap_or(time));
    let baseline = match &state.blessed {
        Some(blessed) => format!("{} in the baseline of {}", counted(state.baseline_cases, "case"), day(blessed)),
        None => "no baseline".to_owned(),
    };
    let run = state.last_run.as_ref().map_or("not measured here".to_owned(), last_run);
    let mut lines = vec![format!("  {}: {run}; {baseline}", Emphasis::Heading.paint(escape::line(&state.family)))];
    let mut add = |count: usize, what: &str, cases: Vec<&CaseId>| {
        if count > 0 {
            lines.push(format!("    {what}: {}", named(&cases)));
        }
    };
    // Where nothing was measured, all cases were not run.
    if state.last_run.is_some() {
        let what = format!("{} of the baseline not run", counted(state.not_run.len(), "case"));
        add(state.not_run.len(), &what, state.not_run.iter().collect());
    }
    let new = state.without_baseline.len();
    add(new, &format!("{} ran without a baseline", counted(new, "case")), state.without_baseline.iter().collect());
    let old = state.old.iter().map(|old| &old.case).collect::<Vec<_>>();
    let limit = age_in_words(older_than.unwrap_or_default().as_secs());
    let what = format!("{} blessed more than {limit} ago", counted(old.len(), "case"));
    add(old.len(), &what, old);
    let values: usize = state.without_owner.values().sum();
    let what = format!("{} without an owner", counted(values, "gated value"));
    add(values, &what, state.without_owner.keys().collect());
    lines
}

/// `measured 3 h ago at 0123456789ab (only slice:2/4)`.
fn last_run(run: &LastMeasured) -> String {
    let age = run.age_s.map_or("at an unknown time".to_owned(), |age| format!("{} ago", age_in_words(age)));
    let commit = run.commit.as_ref().map_or(String::new(), |commit| format!(" at {}", escape::line(commit)));
    let part = run.partition.map_or(String::new(), |partition| format!(" (only {partition})"));
    format!("measured {age}{commit}{part}")
}

/// From two days on, whole days are precise enough.
fn age_in_words(seconds: u64) -> String {
    match seconds / (24 * 3600) {
        0 | 1 => in_words(Duration::from_secs(seconds)),
        days => format!("{} days", grouped(days as usize)),
    }
}

fn named(cases: &[&CaseId]) -> String {
    let names: Vec<&str> = cases.iter().take(MOST_NAMED).map(|case| case.as_str()).collect();
    let more = match cases.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {} more", grouped(more)),
    };
    format!("{}{more}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::plain;

    #[test]
    fn the_census_is_grouped_by_machine_class() {
        let id = |text: &str| -> CaseId { text.parse().expect("an id") };
        let state = FamilyStatus {
            class: "linux-x86_64-4k-thp_madvise-glibc-aslr_off".parse().expect("a class"),
            family: "toy".into(),
            last_run: Some(LastMeasured {
                commit: Some("0123456789ab".into()),
                started: None,
                age_s: Some(3 * 24 * 3600),
                partition: Some("slice:2/4".parse().expect("a partition")),
            }),
            blessed: Some("2026-07-01T12:00:00Z".into()),
            baseline_cases: 6,
            not_run: ["toy/a", "toy/b", "toy/c", "toy/d"].map(id).into(),
            without_baseline: vec![id("toy/new")],
            old: vec![highwater_judge::OldCase { case: id("toy/a"), blessed: "2026-07-01T12:00:00Z".into() }],
            without_owner: [(id("toy/b"), 2)].into(),
        };
        let idle = FamilyStatus { family: "zoo".into(), last_run: None, blessed: None, ..state.clone() };
        let idle = FamilyStatus { without_baseline: vec![], old: vec![], without_owner: [].into(), ..idle };
        let expected = "\
linux-x86_64-4k-thp_madvise-glibc-aslr_off
  toy: measured 3 days ago at 0123456789ab (only slice:2/4); 6 cases in the baseline of 2026-07-01
    4 cases of the baseline not run: toy/a, toy/b, toy/c and 1 more
    1 case ran without a baseline: toy/new
    1 case blessed more than 30 days ago: toy/a
    2 gated values without an owner: toy/b
  zoo: not measured here; no baseline";
        assert_eq!(plain(&status_text(&[state, idle], Some(Duration::from_secs(30 * 24 * 3600)))), expected);
        assert_eq!(status_text(&[], None), "no baseline and no record");
    }
}
