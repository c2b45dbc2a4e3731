//! A comparison as text: context that differs first, then what moved and why, then the counts. A log is
//! read from its end, so what is worst stands there: families that fail below those that hold, and in each
//! the failures below the rest.

use highwater_judge::{Comparison, FamilyComparison, Verdict};

use super::{
    counted, printable,
    summary::Summary,
    told::{self, no_baseline},
};

/// The whole comparison.
#[must_use]
pub fn comparison_text(comparison: &Comparison) -> String {
    let mut families: Vec<&FamilyComparison> = comparison.families.iter().collect();
    families.sort_by_key(|family| family.verdicts.iter().any(Verdict::fails));
    let mut text: Vec<String> = families.into_iter().map(family_text).collect();
    for absent in &comparison.without_baseline {
        text.push(format!(
            "{}: {}\n  measure here and `highwater bless --reason TEXT` to make one",
            absent.family,
            no_baseline(absent)
        ));
    }
    text.push(Summary::of(comparison).to_string());
    text.join("\n\n")
}

/// One family's part of it.
#[must_use]
pub fn family_text(family: &FamilyComparison) -> String {
    let mut text = format!("{} on {}", family.family, family.class);
    for remark in remarks(family) {
        text.push_str(&format!("\n  {remark}"));
    }
    for (name, before, now) in &family.differences {
        text.push_str(&format!("\n  {}", printable::line(&format!("{name}: {before} -> {now}"))));
    }
    if family.not_selected > 0 {
        text.push_str(&format!("\n  {}", left_out(family.not_selected)));
    }
    // Worst kinds come first there.
    let mut lines = told::lines(&family.verdicts);
    lines.sort_by_key(|line| line.verdict.kind);
    for line in lines {
        text.push_str(&format!("\n  {:<14} {}: {}", line.verdict.kind, line.subject(), line.sentence));
    }
    text
}

/// What is to be known of the two sides before their verdicts are read.
pub(super) fn remarks(family: &FamilyComparison) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Some(blessed) = &family.blessed {
        remarks.push(printable::line(&format!("baseline of {}: {}", blessed.at, blessed.reason)));
    }
    if family.class != family.baseline_class {
        remarks.push(format!(
            "baseline is of {}: only growth of anon_mapped and of heap bytes is judged",
            family.baseline_class
        ));
    }
    remarks.extend(altered(family));
    remarks
}

/// What was changed about the run's workers on purpose.
pub(super) fn altered(family: &FamilyComparison) -> impl Iterator<Item = String> {
    family.worker_options.sentences(&family.unit).map(|sentence| format!("in this run, {sentence}"))
}

/// What is told of cases that the run's filter left out.
pub(super) fn left_out(cases: usize) -> String {
    format!("{} of the baseline left out by the run's filter", counted(cases, "case"))
}
