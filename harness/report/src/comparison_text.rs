//! A comparison as text. The answer is in the first line and, as a log is read from its end, with the exit status in the
//! last one. Families that fail precede those that pass, and the worst findings of a family precede the others.

use highwater_judge::{Comparison, FamilyComparison, JudgedPart, Kind, Verdict};
use highwater_model::CaseId;

use super::{
    counted,
    counted::grouped,
    escape,
    findings::{FindingLine, no_baseline, worst_lines},
    stacks::explanation_stacks,
    summary::Summary,
    terminal::Emphasis,
    verdict_lines::{emphasis, finding_line},
};

/// The most lines of findings of one kind in a family, unless everything is printed.
const MOST_FINDINGS: usize = 10;
/// The most cases that the first line names.
const MOST_NAMED: usize = 3;

/// The text of a comparison. Unless `is_verbose`, each kind of finding has few lines, and the commands that explain
/// findings are left out.
#[must_use]
pub fn comparison_text(comparison: &Comparison, is_verbose: bool) -> String {
    let mut families: Vec<&FamilyComparison> = comparison.families.iter().collect();
    families.sort_by_key(|family| !family.verdicts.iter().any(Verdict::fails));
    let summary = Summary::of(comparison);
    let mut text = vec![format!("{}: {}", summary.painted_outcome(), answer(comparison))];
    for absent in &comparison.without_baseline {
        let family = Emphasis::Heading.paint(escape::line(&absent.family));
        text.push(format!("{family}: {}", no_baseline(absent)));
    }
    text.extend(families.into_iter().map(|family| family_text(family, is_verbose)));
    text.push(format!("{}: {}", summary.painted_outcome(), summary.counts()));
    text.join("\n\n")
}

/// Which cases fail, or are above their baseline, or that none is.
fn answer(comparison: &Comparison) -> String {
    let is_open = |verdict: &&Verdict| verdict.gated && verdict.kind == Kind::Unconfirmed;
    let failing: Vec<&Verdict> = comparison.verdicts().filter(|verdict| verdict.fails()).collect();
    let open: Vec<&Verdict> = comparison.verdicts().filter(is_open).collect();
    let gated = comparison.verdicts().filter(|it| it.gated && it.subject.is_some()).count();
    let absent: Vec<String> = comparison.without_baseline.iter().map(|it| escape::line(&it.family)).collect();
    match (failing.is_empty(), open.is_empty()) {
        (false, _) => cases(&failing),
        (_, false) if comparison.strict => cases(&open),
        _ if gated == 0 && !absent.is_empty() => absent.join(", "),
        _ => {
            let open = if open.is_empty() { String::new() } else { format!("; {}", cases(&open)) };
            let absent =
                if absent.is_empty() { String::new() } else { format!("; no baseline: {}", absent.join(", ")) };
            format!("no regression in {}{open}{absent}", counted(gated, "gated value"))
        }
    }
}

/// `2 cases regressed, 1 case missing: a, b and c`.
fn cases(verdicts: &[&Verdict]) -> String {
    let mut worst: Vec<(&CaseId, Kind)> = Vec::new();
    for verdict in verdicts {
        match worst.iter_mut().find(|(case, _)| **case == verdict.case) {
            Some((_, kind)) => *kind = verdict.kind.max(*kind),
            None => worst.push((&verdict.case, verdict.kind)),
        }
    }
    worst.sort_by_key(|(_, kind)| std::cmp::Reverse(*kind));
    let kinds: Vec<String> = Kind::ALL
        .iter()
        .rev()
        .map(|kind| (kind, worst.iter().filter(|(_, other)| other == kind).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(kind, count)| format!("{} {kind}", counted(count, "case")))
        .collect();
    let names: Vec<String> = worst.iter().take(MOST_NAMED).map(|(case, _)| case.to_string()).collect();
    let more = match worst.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {} more", grouped(more)),
    };
    format!("{}: {}{more}", kinds.join(", "), names.join(", "))
}

/// The text of one family.
fn family_text(family: &FamilyComparison, is_verbose: bool) -> String {
    let mut text = format!("{} on {}", Emphasis::Heading.paint(escape::line(&family.family)), family.class);
    let lines = worst_lines(&family.verdicts, family.class.page_size);
    for kind in Kind::ALL.iter().rev() {
        let of_kind: Vec<&FindingLine<'_>> = lines.iter().filter(|line| line.verdict.kind == *kind).collect();
        let shown = if is_verbose { of_kind.len() } else { of_kind.len().min(MOST_FINDINGS) };
        for line in &of_kind[..shown] {
            text.push_str(&format!("\n{}", finding_line(line)));
            let stacks = || line.verdict.explanation.as_ref().map(explanation_stacks).unwrap_or_default();
            let details = if is_verbose { line.details.clone() } else { stacks() };
            details.iter().for_each(|detail| text.push_str(&format!("\n    {detail}")));
        }
        if shown < of_kind.len() {
            let word = format!("{kind:<14}");
            let word = emphasis(*kind).map_or(word.clone(), |it| it.paint(&word));
            let more = counted(of_kind.len() - shown, "more finding");
            text.push_str(&format!("\n  {word} {more}, shown with --verbose"));
        }
    }
    for remark in remarks(family) {
        text.push_str(&format!("\n  {}", escape::line(&remark)));
    }
    for (name, before, after) in &family.differences {
        text.push_str(&format!("\n  {}", escape::line(&format!("{name}: {before} -> {after}"))));
    }
    if family.not_selected > 0 {
        text.push_str(&format!("\n  {}", left_out(family.not_selected)));
    }
    text
}

/// Remarks on baseline and run that the reader needs to interpret the verdicts.
pub(super) fn remarks(family: &FamilyComparison) -> Vec<String> {
    let mut remarks: Vec<String> = family.part.iter().map(part).collect();
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

/// `part 2 of 4: 71 of 298 cases`.
pub(super) fn part(judged: &JudgedPart) -> String {
    let JudgedPart { partition, cases, of } = judged;
    format!("part {} of {}: {} of {}", partition.number(), partition.count(), grouped(*cases), counted(*of, "case"))
}

/// Options that changed the run's workers on purpose.
pub(super) fn altered(family: &FamilyComparison) -> impl Iterator<Item = String> {
    family.worker_options.sentences(&family.unit).map(|sentence| format!("in this run, {sentence}"))
}

/// The remark on cases that the run's filter left out.
pub(super) fn left_out(cases: usize) -> String {
    format!("{} of the baseline left out by the run's filter", counted(cases, "case"))
}
