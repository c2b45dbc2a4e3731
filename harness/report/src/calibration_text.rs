//! The result of calibrating a family: tables for a terminal, or in Markdown for `docs/calibration.md`.

use highwater_judge::{Arm, Calibration, Tally};
use highwater_model::{MachineClass, Metric, Quantity};
use highwater_stats as stats;

use super::{
    escape,
    fitted_table::{self, Column, Name},
    table,
    terminal::Emphasis,
};

/// The two-sided confidence level; each limit alone has a confidence of 95 %.
const CONFIDENCE: f64 = 0.90;

/// Two tables: by case, and by noise class and quantity. They fit `width`; without it they are in Markdown.
#[must_use]
pub fn calibration_text(
    family: &str,
    class: &MachineClass,
    batches: usize,
    calibration: &Calibration,
    width: Option<usize>,
) -> String {
    let total = |arm| {
        let tallies = calibration.cases.values().filter_map(|case| case.regressed.get(&arm));
        tallies.fold(Tally::default(), |sum, tally| Tally { found: sum.found + tally.found, of: sum.of + tally.of })
    };
    let cells = |tally: &dyn Fn(Arm) -> Option<Tally>, unconfirmed: Option<Tally>| {
        let same = tally(Arm::Same).unwrap_or_default();
        let mut cells = vec![same.of.to_string(), alarms(same)];
        cells.extend(unconfirmed.map(|tally| tally.found.to_string()));
        cells.extend([Arm::Page, Arm::Large, Arm::Percent].map(|arm| tally(arm).map_or("-".to_owned(), power)));
        cells
    };
    let headings =
        ["case", "A/A comparisons", "false alarms (95 % bound)", "unconfirmed", "found: one page", "64 KiB", "1 %"];
    let rows = calibration.cases.iter().map(|(id, case)| {
        let mut row = vec![id.within_family().to_owned()];
        row.extend(cells(&|arm| case.regressed.get(&arm).copied(), case.unconfirmed.get(&Arm::Same).copied()));
        row
    });
    let unconfirmed = calibration.cases.values().filter_map(|case| case.unconfirmed.get(&Arm::Same));
    let unconfirmed = unconfirmed.fold(Tally::default(), |sum, tally| Tally { found: sum.found + tally.found, of: 0 });
    let mut sum = vec!["all".to_owned()];
    sum.extend(cells(&|arm| Some(total(arm)), Some(unconfirmed)));
    let by_case = print(&headings, rows.chain([sum]).collect(), width);

    let headings =
        ["class", "gated", "A/A comparisons", "false alarms (95 % bound)", "found: one page", "64 KiB", "1 %"];
    let rows = calibration.aspects.iter().map(|(kind, tallies)| {
        // Memory that is dirtied once appears in growth, but neither in a level nor in a slope.
        let is_affected =
            kind.word == "growth" && matches!(kind.quantity, Quantity::Process(Metric::Anon | Metric::PeakAnon));
        let tally = |arm: Arm| tallies.get(&arm).copied().filter(|_| is_affected || arm == Arm::Same);
        let mut row = vec![kind.class.to_string(), format!("{} of {}", kind.word, kind.quantity)];
        row.extend(cells(&tally, None));
        row
    });
    let by_aspect = print(&headings, rows.collect(), width);
    let family = Emphasis::Heading.paint(escape::line(family));
    format!("{family} on {class}: {} workers in {batches} batches\n\n{by_case}\n\n{by_aspect}\n", calibration.workers)
}

/// A table whose later columns are left out first if `width` has no room for them.
fn print(headings: &[&str], rows: Vec<Vec<String>>, width: Option<usize>) -> String {
    if width.is_none() {
        return table::markdown(&headings.iter().map(|heading| (*heading).to_owned()).collect::<Vec<_>>(), rows);
    }
    let cells = |index: usize| rows.iter().map(|row| row[index].clone()).collect();
    let column = |index: usize| Column::new(headings[index], u8::try_from(index).unwrap_or(u8::MAX), cells(index));
    let name = |row: &Vec<String>| Name { group: String::new(), rest: row[0].clone() };
    let names: Vec<Name> = rows.iter().map(name).collect();
    fitted_table::print(headings[0], &names, (1..headings.len()).map(column).collect(), width)
}

/// `0 (< 0.030 %)`.
fn alarms(tally: Tally) -> String {
    let bound = stats::clopper_pearson(tally.found, tally.of, CONFIDENCE).map_or(1.0, |rate| rate.high);
    format!("{} (< {:.3} %)", tally.found, bound * 100.0)
}

/// `100.00 % (> 99.97 %)`.
fn power(tally: Tally) -> String {
    match stats::clopper_pearson(tally.found, tally.of, CONFIDENCE) {
        Some(rate) => format!("{:.2} % (> {:.2} %)", rate.proportion * 100.0, rate.low * 100.0),
        None => "-".to_owned(),
    }
}
