//! What blessing a run would change, as a table: one line for each case and gated quantity that does
//! not just hold, and one for each case that comes or goes.

use std::collections::BTreeMap;

use super::{table, told::rank};
use crate::{
    judge::{Aspect, FamilyComparison, Kind, Subject, Verdict},
    model::{CaseId, Quantity, Record, Unit, nanoseconds, signed_bytes},
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
    let rows: Vec<Vec<String>> = leads(&changes.verdicts).map(|(lead, more)| row(run, lead, more)).collect();
    if rows.is_empty() {
        return format!("{title}\nnothing gated changes");
    }
    let headings = ["case", "", "quantity", "before", "after", "change"].map(str::to_owned);
    format!("{title}\n{}", table::print_words(&headings, rows))
}

/// For each case and quantity the verdict that says most, and how many more there are.
fn leads(verdicts: &[Verdict]) -> impl Iterator<Item = (&Verdict, usize)> {
    let mut leads: BTreeMap<(&CaseId, Option<Quantity>), (&Verdict, usize)> = BTreeMap::new();
    for verdict in verdicts.iter().filter(|verdict| verdict.gated && verdict.kind != Kind::Same) {
        let key = (&verdict.case, verdict.subject.as_ref().map(|subject| subject.quantity));
        match leads.get_mut(&key) {
            None => drop(leads.insert(key, (verdict, 0))),
            Some((lead, more)) => {
                *more += 1;
                if rank(verdict) > rank(lead) {
                    *lead = verdict;
                }
            }
        }
    }
    leads.into_values()
}

fn row(run: &Record, verdict: &Verdict, more: usize) -> Vec<String> {
    let [id, kind] = [table::short_id(&verdict.case), verdict.kind.to_string()];
    let Some(subject) = &verdict.subject else {
        return match verdict.kind {
            Kind::New => vec![id, "added".into()],
            Kind::Missing if run.cases.iter().all(|case| case.id != verdict.case) => vec![id, "removed".into()],
            _ => vec![id, kind, verdict.sentence.clone()],
        };
    };
    let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
    let amount = |value| amount(subject.quantity, value);
    vec![
        id,
        kind,
        format!("{}, {}{more}", subject.quantity, subject.aspect),
        subject.baseline.map_or("-".into(), amount),
        amount(subject.run),
        subject.baseline.map_or("-".into(), |before| change(run, subject, subject.run - before)),
    ]
}

fn amount(quantity: Quantity, value: f64) -> String {
    match quantity.unit() {
        Unit::Nanoseconds => nanoseconds(value),
        Unit::Bytes => signed_bytes(value).trim_start_matches('+').to_owned(),
        Unit::Count => format!("{value:.2}"),
    }
}

/// `+1.01 pages per sandbox`, `+1008 pages, +1.01 per sandbox`, `+2` (mappings).
fn change(run: &Record, subject: &Subject, change: f64) -> String {
    let change = change / subject.quantity.quantum(run.fingerprint.class.page_size);
    let word = match (subject.quantity.metric(), subject.quantity.unit()) {
        (Some(_), Unit::Bytes) => " pages",
        (None, Unit::Bytes) => " bytes",
        (_, Unit::Nanoseconds) => " ns",
        (_, Unit::Count) => "",
    };
    match (&subject.aspect, subject.aspect.units()) {
        (Aspect::Slope(_), _) => format!("{change:+.2}{word} per {}", run.unit),
        (_, Some(units)) => format!("{change:+}{word}, {:+.2} per {}", change / units, run.unit),
        (_, None) => format!("{change:+}{word}"),
    }
}
