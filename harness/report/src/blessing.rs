//! What blessing a run would change: one line for each case and gated quantity that changed, and the cases that are
//! added or removed.

use highwater_judge::{FamilyComparison, Kind, Verdict, amount, amounts, change};
use highwater_model::Record;

use super::{
    counted, escape,
    terminal::Emphasis,
    verdict_groups::{VerdictGroup, group_verdicts},
    verdict_lines::emphasis,
};

/// Up to this many cases that are added or removed are named.
const MOST_NAMED: usize = 3;

/// The changes of one family. `changes` is the comparison of `run` with the baseline that it replaces, or with an empty
/// one for a first baseline.
#[must_use]
pub fn blessing_text(run: &Record, changes: &FamilyComparison) -> String {
    let title = match &changes.blessed {
        Some(blessed) => format!("replaces the baseline of {}: {}", blessed.at, blessed.reason),
        None => "its first baseline".to_owned(),
    };
    let family = Emphasis::Heading.paint(escape::line(&run.family));
    let mut lines = vec![format!("{family} on {}: {}", run.fingerprint.class, escape::line(&title))];
    let gated = || changes.verdicts.iter().filter(|verdict| verdict.gated && verdict.kind != Kind::Same);
    let is_removed =
        |verdict: &Verdict| verdict.kind == Kind::Missing && run.cases.iter().all(|case| case.id != verdict.case);
    let is_whole = |verdict: &&Verdict| verdict.subject.is_none() && (verdict.kind == Kind::New || is_removed(verdict));
    let of_kind = |kind: Kind| gated().filter(is_whole).filter(move |verdict| verdict.kind == kind);
    for (word, kind) in [("added", Kind::New), ("removed", Kind::Missing)] {
        let ids: Vec<&str> = of_kind(kind).map(|verdict| verdict.case.within_family()).collect();
        match ids.len() {
            0 => {}
            1..=MOST_NAMED => lines.push(format!("  {word:<14} {}", ids.join(", "))),
            count => lines.push(format!("  {word:<14} {}", counted(count, "case"))),
        }
    }
    lines.extend(group_verdicts(gated().filter(|verdict| !is_whole(verdict))).map(|group| line(run, &group)));
    if lines.len() == 1 {
        lines.push("  nothing gated changes".to_owned());
    }
    lines.join("\n")
}

/// `improved mapped/pages=4: anon_mapped per buffer at live: -64 KiB per buffer (80 KiB -> 16 KiB)`.
fn line(run: &Record, group: &VerdictGroup<'_>) -> String {
    let verdict = group.verdict;
    let word = format!("{:<14}", verdict.kind);
    let word = emphasis(verdict.kind).map_or(word.clone(), |it| it.paint(&word));
    let id = verdict.case.within_family();
    let Some(subject) = &verdict.subject else {
        return format!("  {word} {id}: {}", escape::line(&verdict.sentence));
    };
    let more = match group.others.len() {
        0 => String::new(),
        more => format!(" (and {})", counted(more, "more aspect")),
    };
    let page = run.fingerprint.class.page_size;
    let values = match subject.baseline {
        Some(before) => {
            let [old, new] = amounts(subject.quantity, before, subject.run);
            let change = change(subject.quantity, &subject.aspect, &run.unit, page, subject.run - before);
            format!("{change} ({old} -> {new})")
        }
        None => amount(subject.quantity, subject.run),
    };
    let text = format!("{id}: {}, {}: {values}{more}", subject.quantity, subject.aspect);
    format!("  {word} {}", escape::line(&text))
}
