//! A comparison as text: differences in context, then the findings, then the counts. A log is read from its end, so the
//! worst comes last: families that fail follow those that pass, and failures follow the other findings of a family.

use highwater_judge::{Comparison, FamilyComparison, Verdict};

use super::{
    counted, escape,
    findings::{finding_lines, no_baseline},
    summary::Summary,
};

/// The text of a comparison.
#[must_use]
pub fn comparison_text(comparison: &Comparison) -> String {
    let mut families: Vec<&FamilyComparison> = comparison.families.iter().collect();
    families.sort_by_key(|family| family.verdicts.iter().any(Verdict::fails));
    let mut text: Vec<String> = families.into_iter().map(family_text).collect();
    for absent in &comparison.without_baseline {
        text.push(format!(
            "{}: {}\n  to create one, measure here and run `highwater bless --reason TEXT`",
            escape::line(&absent.family),
            no_baseline(absent)
        ));
    }
    text.push(Summary::of(comparison).to_string());
    text.join("\n\n")
}

/// The text of one family.
#[must_use]
pub fn family_text(family: &FamilyComparison) -> String {
    let mut text = format!("{} on {}", escape::line(&family.family), family.class);
    for remark in remarks(family) {
        text.push_str(&format!("\n  {}", escape::line(&remark)));
    }
    for (name, before, after) in &family.differences {
        text.push_str(&format!("\n  {}", escape::line(&format!("{name}: {before} -> {after}"))));
    }
    if family.not_selected > 0 {
        text.push_str(&format!("\n  {}", left_out(family.not_selected)));
    }
    let mut lines = finding_lines(&family.verdicts);
    lines.sort_by_key(|line| line.verdict.kind);
    for line in lines {
        text.push_str(&format!("\n  {:<14} {}: {}", line.verdict.kind, line.subject(), line.sentence));
        line.details.iter().for_each(|detail| text.push_str(&format!("\n    {detail}")));
    }
    text
}

/// Remarks on baseline and run that the reader needs to interpret the verdicts.
pub(super) fn remarks(family: &FamilyComparison) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Some(blessed) = &family.blessed {
        remarks.push(format!("baseline of {}: {}", blessed.at, blessed.reason));
    }
    if family.class != family.baseline_class {
        remarks.push(format!(
            "the baseline is from {}: only growth of anon_mapped and of heap bytes is judged",
            family.baseline_class
        ));
    }
    remarks.extend(altered(family));
    remarks
}

/// Options that changed the run's workers on purpose.
pub(super) fn altered(family: &FamilyComparison) -> impl Iterator<Item = String> {
    family.worker_options.sentences(&family.unit).map(|sentence| format!("in this run, {sentence}"))
}

/// The remark on cases that the run's filter left out.
pub(super) fn left_out(cases: usize) -> String {
    format!("{} of the baseline left out by the run's filter", counted(cases, "case"))
}
