//! CSV (RFC 4180) with a row per verdict. The column `unit` says whether numbers are bytes, counts or nanoseconds. Text
//! from outside is never a formula of a spreadsheet.

use std::io::{self, Write};

use csv::{Terminator, WriterBuilder};
use highwater_judge::{FamilyComparison, Verdict};

use super::{Exporter, Results, unit};
use crate::{escape::csv_cell, findings::no_baseline};

#[derive(Debug)]
pub(super) struct Csv;

const HEADINGS: [&str; 15] = [
    "family",
    "class",
    "case",
    "verdict",
    "gated",
    "quantity",
    "aspect",
    "unit",
    "baseline",
    "run",
    "again",
    "noise",
    "category",
    "category_change",
    "sentence",
];

impl Exporter for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn help(&self) -> &'static str {
        "one row per verdict (RFC 4180)"
    }

    fn extension(&self) -> &'static str {
        "csv"
    }

    fn write(&self, results: &Results<'_>, out: &mut dyn Write) -> io::Result<()> {
        let mut csv = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(out);
        csv.write_record(HEADINGS)?;
        for family in &results.comparison.families {
            for verdict in &family.verdicts {
                csv.write_record(row(family, verdict))?;
            }
        }
        for absent in &results.comparison.without_baseline {
            let mut row = [const { String::new() }; HEADINGS.len()];
            row[0] = csv_cell(&absent.family);
            row[1] = absent.class.to_string();
            row[3] = "no baseline".to_owned();
            row[4] = true.to_string();
            row[HEADINGS.len() - 1] = csv_cell(&no_baseline(absent));
            csv.write_record(row)?;
        }
        csv.flush()
    }
}

fn row(family: &FamilyComparison, verdict: &Verdict) -> [String; HEADINGS.len()] {
    let subject = verdict.subject.as_ref();
    let text = |value: Option<String>| value.unwrap_or_default();
    let category = subject.and_then(|subject| subject.category);
    [
        csv_cell(&family.family),
        family.class.to_string(),
        verdict.case.to_string(),
        verdict.kind.id().replace('_', " "),
        verdict.gated.to_string(),
        text(subject.map(|subject| subject.quantity.to_string())),
        text(subject.map(|subject| subject.aspect.to_string())),
        text(subject.map(|subject| unit(subject.quantity).to_owned())),
        text(subject.and_then(|subject| subject.baseline).map(|value| value.to_string())),
        text(subject.map(|subject| subject.run.to_string())),
        text(subject.and_then(|subject| subject.confirmation).map(|value| value.to_string())),
        text(subject.and_then(|subject| subject.class).map(|class| class.to_string())),
        text(category.map(|(category, _)| category.to_string())),
        text(category.map(|(_, change)| change.to_string())),
        csv_cell(&verdict.sentence),
    ]
}
