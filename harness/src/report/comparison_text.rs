//! A comparison as text: context that differs first, then what moved and why, then the counts.

use std::collections::BTreeMap;

use crate::{
    judge::{Comparison, FamilyComparison, Kind, Subject, Verdict},
    model::{CaseId, Quantity},
};

/// The whole comparison.
#[must_use]
pub fn comparison_text(comparison: &Comparison) -> String {
    let mut text: Vec<String> = comparison.families.iter().map(family_text).collect();
    for absent in &comparison.without_baseline {
        let others: Vec<String> = absent.other_classes.iter().map(ToString::to_string).collect();
        let others = match others.len() {
            0 => "there is none for any other either".to_owned(),
            _ => format!("there is one for {}", others.join(", ")),
        };
        text.push(format!(
            "{}: no baseline for machine class {}; {others}\n  measure here and `highwater bless --reason TEXT` to make one",
            absent.family, absent.class
        ));
    }
    text.push(summary(comparison.verdicts(), comparison.exit_status()));
    text.join("\n\n")
}

/// One family's part of it.
#[must_use]
pub fn family_text(family: &FamilyComparison) -> String {
    let mut text = format!("{} on {}", family.family, family.class);
    if let Some(blessed) = &family.blessed {
        text.push_str(&format!("\n  baseline of {}: {}", blessed.at, blessed.reason));
    }
    if family.class != family.baseline_class {
        text.push_str(&format!("\n  baseline is of {}: only growth of anon is judged", family.baseline_class));
    }
    if let Some(bytes) = family.injected {
        text.push_str(&format!("\n  this run was made to dirty {bytes} B more per unit (--inject)"));
    }
    for (name, before, now) in &family.differences {
        text.push_str(&format!("\n  {name}: {before} -> {now}"));
    }
    if family.not_selected > 0 {
        text.push_str(&format!(
            "\n  {} of the baseline left out by the run's filter",
            counted(family.not_selected, "case")
        ));
    }
    for (kind, lines) in told(&family.verdicts) {
        for line in lines {
            text.push_str(&format!("\n  {kind:<14} {line}"));
        }
    }
    text
}

/// One line for each case and quantity that did not just hold, worst kinds first. Of the aspects
/// of one quantity that moved alike, the first (the slope, where there is one) speaks for all.
fn told(verdicts: &[Verdict]) -> Vec<(Kind, Vec<String>)> {
    let mut by_kind = Vec::new();
    for &kind in Kind::ALL.iter().rev() {
        let mut leads: BTreeMap<(&CaseId, Option<Quantity>), (&Verdict, usize)> = BTreeMap::new();
        // What is only reported is left to the JSON, unless it says something about a whole case or about
        // time, which is judged only where it can be.
        let of_time = |subject: &Subject| matches!(subject.quantity, Quantity::Time(_));
        let told = |verdict: &&Verdict| {
            verdict.kind == kind && (verdict.gated || verdict.subject.as_ref().is_none_or(of_time))
        };
        for verdict in verdicts.iter().filter(told).filter(|_| kind != Kind::Same) {
            let key = (&verdict.case, verdict.subject.as_ref().map(|subject| subject.quantity));
            let (lead, count) = leads.entry(key).or_insert((verdict, 0));
            *count += 1;
            if rank(verdict) > rank(lead) {
                *lead = verdict;
            }
        }
        let lines = leads.into_values().map(|(lead, count)| {
            let more =
                if count > 1 { format!(" (and {} of it)", counted(count - 1, "more aspect")) } else { String::new() };
            format!("{}: {}{more}", lead.case, lead.sentence)
        });
        by_kind.push((kind, lines.collect::<Vec<_>>()));
    }
    by_kind.retain(|(_, lines)| !lines.is_empty());
    by_kind
}

/// A slope says more than growth at one rung; among growths the largest speaks.
pub(super) fn rank(verdict: &Verdict) -> (u8, u64) {
    let Some(subject) = &verdict.subject else { return (0, 0) };
    let word = match subject.aspect.word() {
        "slope" => 2,
        "growth" => 1,
        _ => 0,
    };
    (word, (subject.run - subject.baseline.unwrap_or(0.0)).abs() as u64)
}

/// Counts of every kind and what they come to.
fn summary<'a>(verdicts: impl Iterator<Item = &'a Verdict>, exit: u8) -> String {
    let mut counts: BTreeMap<Kind, usize> = BTreeMap::new();
    let mut cases: Vec<&CaseId> = Vec::new();
    for verdict in verdicts {
        if verdict.gated {
            *counts.entry(verdict.kind).or_default() += 1;
        }
        cases.push(&verdict.case);
    }
    cases.sort_unstable();
    cases.dedup();
    let counts: Vec<String> = counts.iter().rev().map(|(kind, count)| format!("{count} {kind}")).collect();
    let outcome = match exit {
        crate::exit::HELD => "held",
        crate::exit::REGRESSED => "FAILED",
        crate::exit::UNCONFIRMED => "UNCONFIRMED",
        _ => "NO BASELINE",
    };
    let counts = if counts.is_empty() { "nothing compared".to_owned() } else { counts.join(", ") };
    format!("{outcome}: {}; gated: {counts}; exit status {exit}", counted(cases.len(), "case"))
}

/// `1 case`, `2 cases`.
fn counted(count: usize, word: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {word}{ending}")
}
