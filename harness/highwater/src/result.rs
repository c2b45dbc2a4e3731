//! The end of a run: what it found, where it is, and what to do next.

use highwater_judge::{FamilyComparison, Kind, Policy, compare_runs};
use highwater_model::Record;
use highwater_report::{
    Reference, RunView, TimeChanges, escape, run_text,
    terminal::{bench_command, highwater_command, next, width},
};

use crate::{criterion_flags::saved_as, options::Options, pages, program::Folders};

/// Prints the result of a run, compared with a named record or with its baseline, and writes the report.
pub(super) fn print(
    record: &Record,
    options: &Options,
    folders: &Folders,
    named: Option<&Record>,
    times: Option<&TimeChanges>,
) {
    let material = pages::gather(&folders.own);
    let flags = &options.criterion;
    // As in criterion, a comparison with a named record does not affect the exit status.
    let with_named = named.map(|named| compare_runs(named, record, &Policy::default()));
    let families = material.iter().flat_map(|material| &material.comparison.families);
    let with_baseline = families.into_iter().find(|family| family.family == record.family);
    let name = match (&flags.baseline, &flags.baseline_lenient, with_baseline) {
        (Some(name), ..) | (_, Some(name), _) if with_named.is_some() => saved_as(name),
        (.., Some(family)) => baseline_name(family),
        _ => String::new(),
    };
    let comparison = with_named.as_ref().or(with_baseline);
    let against = comparison.map(|comparison| Reference { name: &name, comparison });
    let view = RunView { width: Some(width()), is_verbose: flags.verbose };
    println!("{}", run_text(record, against, times, view));
    println!("written to {}", escape::line(&folders.record(&record.family).display().to_string()));
    if let Some(material) = &material {
        pages::write(&folders.own, material);
    }
    hint(record, with_baseline);
}

/// `the baseline of 2026-07-01`.
fn baseline_name(family: &FamilyComparison) -> String {
    let day = family.blessed.as_ref().and_then(|blessed| blessed.at.split('T').next());
    day.map_or("the baseline".to_owned(), |day| format!("the baseline of {}", escape::line(day)))
}

fn hint(record: &Record, with_baseline: Option<&FamilyComparison>) {
    let is_flagged = |family: &FamilyComparison| {
        family
            .verdicts
            .iter()
            .any(|verdict| verdict.gated && (verdict.kind.is_flagged() || verdict.kind == Kind::Failed))
    };
    match with_baseline {
        Some(family) if is_flagged(family) => {
            next(&highwater_command("compare"), "confirm the findings with fresh workers")
        }
        Some(_) => next(&highwater_command("compare"), "the gate: exit status 3 if memory grew"),
        None if record.selection.is_everything() => {
            next(&highwater_command("bless --reason 'first baseline'"), "compare later runs with this one");
        }
        None if record.selection.part.is_some() => {
            next(&highwater_command("merge DIR..."), "join the records of all parts, for a first baseline");
        }
        None => next(&bench_command(&record.family, "--memory-only"), "measure the whole family, for a first baseline"),
    }
}
