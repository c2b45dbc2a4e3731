//! What a comparison found, in a few lines for the beginning of a text: how many gated values are above the baseline,
//! and the worst of them.

use highwater_judge::{FamilyComparison, Kind, Verdict};

use super::{
    counted,
    counted::grouped,
    escape,
    findings::{FindingLine, worst_lines},
    stacks::explanation_stacks,
    terminal::Emphasis,
};

/// The most findings that have a line, unless everything is printed.
const MOST_FINDINGS: usize = 3;

/// The colour of a kind of verdict.
pub(super) fn emphasis(kind: Kind) -> Option<Emphasis> {
    match kind {
        Kind::Same => Some(Emphasis::Passed),
        Kind::Improved => Some(Emphasis::Passed),
        Kind::Regressed | Kind::OverBudget | Kind::Failed | Kind::Missing => Some(Emphasis::Failed),
        Kind::Unconfirmed => Some(Emphasis::Open),
        Kind::Moved | Kind::New | Kind::NotRun | Kind::NotComparable => None,
    }
}

/// The verdicts of a run that fresh workers have not confirmed. `name` is what it was compared with.
pub(super) fn verdict_lines(name: &str, family: &FamilyComparison, is_verbose: bool) -> Vec<String> {
    let name = escape::line(name);
    let gated = || family.verdicts.iter().filter(|verdict| verdict.gated);
    let is_finding = |verdict: &Verdict| {
        verdict.kind.is_flagged() || matches!(verdict.kind, Kind::Failed | Kind::Missing | Kind::NotComparable)
    };
    let compared = gated().filter(|verdict| verdict.subject.is_some()).count();
    let improved = gated().filter(|verdict| verdict.kind == Kind::Improved).count();
    let improved = match improved {
        0 => String::new(),
        count => format!("; {}", Emphasis::Passed.paint(format!("{} improved", grouped(count)))),
    };
    let found: Vec<Verdict> = gated().filter(|verdict| is_finding(verdict)).cloned().collect();
    if found.is_empty() {
        let passed = Emphasis::Passed.paint("no regression");
        return vec![format!("{passed} in {} against {name}{improved}", counted(compared, "gated value"))];
    }
    let mut cases: Vec<_> = found.iter().map(|verdict| &verdict.case).collect();
    cases.sort_unstable();
    cases.dedup();
    let all = worst_lines(&found, family.class.page_size);
    let not_yet = Emphasis::Open.paint("not confirmed yet");
    let head = format!(
        "{not_yet}: {} of {} against {name}{improved}",
        counted(all.len(), "finding"),
        counted(cases.len(), "case")
    );
    let mut lines = vec![head];
    let shown = if is_verbose { all.len() } else { all.len().min(MOST_FINDINGS) };
    lines.extend(all[..shown].iter().map(finding_line));
    if shown < all.len() {
        lines.push(format!("  {}", counted(all.len() - shown, "more finding")));
    }
    lines
}

/// One finding as text: its kind, its case and the reason, and below them the stacks that explain it.
#[must_use]
pub fn finding_text(verdict: &Verdict) -> String {
    let word = verdict.kind.to_string();
    let painted = emphasis(verdict.kind).map_or(word.clone(), |it| it.paint(&word));
    let line = format!("{painted}: {}: {}", verdict.case, escape::line(&verdict.sentence));
    let stacks = verdict.explanation.as_ref().map(explanation_stacks).unwrap_or_default();
    let stacks = stacks.into_iter().map(|line| format!("  {line}"));
    [line].into_iter().chain(stacks).collect::<Vec<_>>().join("\n")
}

/// A finding as a line: its kind, its case, and the reason.
pub(super) fn finding_line(line: &FindingLine<'_>) -> String {
    let kind = line.verdict.kind;
    // Padded before it is painted, because colours have characters.
    let word = format!("{kind:<14}");
    let painted = emphasis(kind).filter(|_| line.verdict.gated).map_or(word.clone(), |it| it.paint(&word));
    format!("  {painted} {}: {}", line.subject(), line.sentence)
}
