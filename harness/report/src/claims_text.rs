//! The claims of a run as a list with marks.

use highwater_model::{ClaimRecord, Decision, Record};

use super::{escape, terminal::Emphasis};

/// More undecided claims than this have one line for each reason, unless everything is printed.
const MAX_UNDECIDED: usize = 2;

/// At most this many reasons have a line.
const MAX_REASONS: usize = 3;

/// The claims with a mark. Those that a run confirms have one line; the others state their figures, too. Many that are
/// undecided, such as those of a run with a filter, are only counted.
pub(super) fn claims(record: &Record, is_verbose: bool) -> Vec<String> {
    listed(&record.claims, is_verbose)
}

fn listed(claims: &[ClaimRecord], is_verbose: bool) -> Vec<String> {
    let count = |decision| claims.iter().filter(|claim| claim.decision == decision).count();
    if claims.is_empty() {
        return Vec::new();
    }
    let decisions = [Decision::Confirmed, Decision::Refuted, Decision::Undecided];
    let counts = decisions.map(|decision| format!("{} {decision}", count(decision)));
    let mut lines = vec![format!("{} {}", Emphasis::Heading.paint("claims:"), counts.join(", "))];
    let is_undecided = |claim: &&ClaimRecord| claim.decision == Decision::Undecided;
    let counts_undecided = !is_verbose && count(Decision::Undecided) > MAX_UNDECIDED;
    for claim in claims.iter().filter(|claim| !(counts_undecided && is_undecided(claim))) {
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
    if counts_undecided {
        let mut reasons: Vec<(&str, usize)> = Vec::new();
        for claim in claims.iter().filter(is_undecided) {
            match reasons.iter_mut().find(|(reason, _)| *reason == claim.figures) {
                Some((_, count)) => *count += 1,
                None => reasons.push((&claim.figures, 1)),
            }
        }
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let mark = Emphasis::Open.paint('?');
        let shown = if reasons.len() > MAX_REASONS + 1 { MAX_REASONS } else { reasons.len() };
        let line = |(reason, count): &(&str, usize)| format!("  {mark} {count} undecided: {}", escape::line(reason));
        lines.extend(reasons[..shown].iter().map(line));
        let rest: usize = reasons[shown..].iter().map(|(_, count)| count).sum();
        if rest > 0 {
            lines.push(format!("  {mark} {rest} undecided for other reasons, shown with --verbose"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(id: &str, decision: Decision, figures: &str) -> ClaimRecord {
        let [id, figures] = [id, figures].map(str::to_owned);
        let [source, refuted_if] = [String::new(), String::new()];
        ClaimRecord {
            statement: format!("{id} holds"),
            id,
            source,
            refuted_if,
            decision,
            figures,
            rests_on: Vec::new(),
        }
    }

    #[test]
    fn many_undecided_claims_are_counted_by_reason() {
        let mut all = vec![claim("a", Decision::Confirmed, "1 B")];
        all.extend(["b", "c"].map(|id| claim(id, Decision::Undecided, "not selected")));
        assert_eq!(listed(&all, false).len(), 1 + 1 + 2 * 2);
        all.push(claim("d", Decision::Undecided, "too short"));
        let lines = listed(&all, false);
        assert_eq!(lines.len(), 1 + 1 + 2);
        assert!(lines[2].ends_with("2 undecided: not selected") && lines[3].ends_with("1 undecided: too short"));
        assert_eq!(listed(&all, true).len(), 1 + 2 + 2 * 3);
        all.extend(["e", "f", "g"].map(|id| claim(id, Decision::Undecided, id)));
        let lines = listed(&all, false);
        assert_eq!(lines.len(), 1 + 1 + 3 + 1);
        assert!(lines[5].ends_with("2 undecided for other reasons, shown with --verbose"), "{lines:?}");
    }
}
