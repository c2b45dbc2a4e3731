//! What blessing a run would change, as a table: one line for each case and gated quantity that does
//! not just hold, and one for each case that comes or goes.

use highwater_judge::{FamilyComparison, Kind, amount, amounts, change};
use highwater_model::Record;

use super::{
    leads::{Lead, leads},
    table,
};

/// The table of one family. `changes` is the comparison of `run` with the baseline that it is to
/// replace, or with one without cases where there is none.
#[must_use]
pub fn blessing_table(run: &Record, changes: &FamilyComparison) -> String {
    let title = match &changes.blessed {
        Some(blessed) => format!("replaces the baseline of {}: {}", blessed.at, blessed.reason),
        None => "its first baseline".to_owned(),
    };
    let title = format!("{} on {}: {title}", run.family, run.fingerprint.class);
    let told = changes.verdicts.iter().filter(|verdict| verdict.gated && verdict.kind != Kind::Same);
    let rows: Vec<Vec<String>> = leads(told).map(|lead| row(run, &lead)).collect();
    if rows.is_empty() {
        return format!("{title}\nnothing gated changes");
    }
    let headings = ["case", "", "quantity", "before", "after", "change"].map(str::to_owned);
    format!("{title}\n{}", table::print_words(&headings, rows))
}

fn row(run: &Record, lead: &Lead<'_>) -> Vec<String> {
    let verdict = lead.verdict;
    let [id, kind] = [table::short_id(&verdict.case), verdict.kind.to_string()];
    let Some(subject) = &verdict.subject else {
        return match verdict.kind {
            Kind::New => vec![id, "added".into()],
            Kind::Missing if run.cases.iter().all(|case| case.id != verdict.case) => vec![id, "removed".into()],
            _ => vec![id, kind, verdict.sentence.clone()],
        };
    };
    let more = match lead.others.len() {
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
