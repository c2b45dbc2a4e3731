//! A table of what blessing a run would change: one line for each case and gated quantity that changed, and one for
//! each case that is added or removed.

use highwater_judge::{FamilyComparison, Kind, amount, amounts, change};
use highwater_model::Record;

use super::{
    escape, table,
    verdict_groups::{VerdictGroup, group_verdicts},
};

/// The table of one family. `changes` is the comparison of `run` with the baseline that it replaces, or with an empty
/// one for a first baseline.
#[must_use]
pub fn blessing_table(run: &Record, changes: &FamilyComparison) -> String {
    let title = match &changes.blessed {
        Some(blessed) => format!("replaces the baseline of {}: {}", blessed.at, blessed.reason),
        None => "its first baseline".to_owned(),
    };
    let title = escape::line(&format!("{} on {}: {title}", run.family, run.fingerprint.class));
    let changed = changes.verdicts.iter().filter(|verdict| verdict.gated && verdict.kind != Kind::Same);
    let rows: Vec<Vec<String>> = group_verdicts(changed).map(|group| row(run, &group)).collect();
    if rows.is_empty() {
        return format!("{title}\nnothing gated changes");
    }
    let headings = ["case", "", "quantity", "before", "after", "change"].map(str::to_owned);
    format!("{title}\n{}", table::print_left(&headings, rows))
}

fn row(run: &Record, group: &VerdictGroup<'_>) -> Vec<String> {
    let verdict = group.verdict;
    let [id, kind] = [verdict.case.within_family().to_owned(), verdict.kind.to_string()];
    let Some(subject) = &verdict.subject else {
        return match verdict.kind {
            Kind::New => vec![id, "added".into()],
            Kind::Missing if run.cases.iter().all(|case| case.id != verdict.case) => vec![id, "removed".into()],
            _ => vec![id, kind, escape::line(&verdict.sentence)],
        };
    };
    let more = match group.others.len() {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let [before, after] = match subject.baseline {
        Some(before) => amounts(subject.quantity, before, subject.run),
        None => ["-".to_owned(), amount(subject.quantity, subject.run)],
    };
    let page = run.fingerprint.class.page_size;
    let change = |before| change(subject.quantity, &subject.aspect, &run.unit, page, subject.run - before);
    vec![
        id,
        kind,
        format!("{}, {}{more}", subject.quantity, subject.aspect),
        before,
        after,
        subject.baseline.map_or("-".into(), change),
    ]
}
