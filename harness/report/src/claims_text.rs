//! The claims of a run as a list with marks.

use highwater_model::{Decision, Record};

use super::{escape, terminal::Emphasis};

/// The claims with a mark. Those that a run confirms have one line; the others state their figures, too.
pub(super) fn claims(record: &Record, is_verbose: bool) -> Vec<String> {
    let count = |decision| record.claims.iter().filter(|claim| claim.decision == decision).count();
    if record.claims.is_empty() {
        return Vec::new();
    }
    let decisions = [Decision::Confirmed, Decision::Refuted, Decision::Undecided];
    let counts = decisions.map(|decision| format!("{} {decision}", count(decision)));
    let mut lines = vec![format!("{} {}", Emphasis::Heading.paint("claims:"), counts.join(", "))];
    for claim in &record.claims {
        let (mark, emphasis) = match claim.decision {
            Decision::Confirmed => ('✓', Emphasis::Passed),
            // Nothing failed: the run has shown that people are wrong.
            Decision::Refuted => ('✗', Emphasis::Heading),
            Decision::Undecided => ('?', Emphasis::Open),
        };
        let text = escape::line(&format!("{}: {}", claim.id, claim.statement));
        lines.push(format!("  {} {text}", emphasis.paint(mark)));
        if claim.decision != Decision::Confirmed || is_verbose {
            lines.push(format!("      {}", escape::line(&claim.figures)));
        }
    }
    lines
}
