//! `highwater capacity`: how many units fit in a given memory, told from the slopes of a run.

mod verify;

use highwater_judge::{Ceilings, capacity};
use highwater_model::{Bytes, Record, exit};
use highwater_probe::ceilings;
use highwater_report::{self as report, CapacityReport, CaseCapacity, FamilyCapacity, Verified};
use regex::Regex;

use super::{CliError, Format, places::RunFolder, say};

/// Say how many units of each case fit in so much memory, and which limit is met first
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status: 0 told, and with --verify within 5 %; 1 internal error; 2 usage; \
                        3 a prediction is more than 5 % off; 5 a prediction could not be verified here.")]
pub(super) struct Arguments {
    /// Only cases whose id matches one of these regular expressions
    #[arg(value_name = "CASE")]
    cases: Vec<String>,
    /// Memory for all units and what they share (8GiB, 512MiB, ...)
    #[arg(long, value_name = "BYTES")]
    memory: Bytes,
    /// Part of the memory that is to stay free
    #[arg(long, value_name = "PERCENT", default_value = "0%", value_parser = percent)]
    reserve: f64,
    /// Fill a memory cgroup of that size with workers of the cases, and show predicted against actual
    #[arg(long)]
    verify: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    #[command(flatten)]
    run: RunFolder,
}

/// Reads `20%` or `20`.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim();
    match number.parse::<f64>() {
        Ok(percent) if (0.0..100.0).contains(&percent) => Ok(percent),
        _ => Err("it must be a percentage from 0% to below 100%, as in 20%".to_owned()),
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let wanted = arguments.cases.iter().map(|text| {
        Regex::new(text).map_err(|_| CliError::Usage(format!("CASE: `{text}` is not a regular expression")))
    });
    let wanted = wanted.collect::<Result<Vec<_>, _>>()?;
    let usable = arguments.memory.0 as f64 * (1.0 - arguments.reserve / 100.0);
    let ceilings = Ceilings {
        memory: Bytes(usable as u64),
        max_map_count: ceilings::max_map_count(),
        address_space: ceilings::address_space(),
        bytes_per_mapping: ceilings::bytes_per_mapping(),
    };
    let runs = arguments.run.records()?;
    let families = runs.iter().map(|run| family(run, &wanted, &ceilings)).filter(|family| !family.cases.is_empty());
    let mut report = CapacityReport {
        memory: arguments.memory,
        reserve_percent: arguments.reserve,
        ceilings,
        families: families.collect(),
    };
    if report.families.is_empty() {
        return Err(CliError::Usage(match wanted.is_empty() {
            true => "no case of the run has a ladder of two scales or more".to_owned(),
            false => format!("no case of the run matches {}", arguments.cases.join(" or ")),
        }));
    }
    if arguments.verify {
        verify::verify(&arguments.run.path(), &runs, &mut report)?;
    }
    match arguments.format {
        Format::Table => say(&report::capacity_table(&report))?,
        Format::Json => say(&report::capacity_json(&report))?,
    }
    Ok(exit_status(&report))
}

/// The cases of a run that were asked for by name; without names, those that can be told.
fn family(run: &Record, wanted: &[Regex], ceilings: &Ceilings) -> FamilyCapacity {
    let page = run.fingerprint.class.page_size;
    let asked =
        run.cases.iter().filter(|case| wanted.is_empty() || wanted.iter().any(|w| w.is_match(case.id.as_str())));
    let told = asked.map(|case| CaseCapacity {
        id: case.id.clone(),
        told: capacity(case, &run.reference, page, ceilings),
        verified: None,
    });
    FamilyCapacity {
        family: run.family.clone(),
        class: run.fingerprint.class.clone(),
        unit: run.unit.clone(),
        cases: told.filter(|case| !wanted.is_empty() || case.told.is_ok()).collect(),
    }
}

fn exit_status(report: &CapacityReport) -> u8 {
    let verified = || report.families.iter().flat_map(|family| &family.cases).filter_map(|case| case.verified.as_ref());
    let wrong = |verified: &Verified| matches!(verified, Verified::Found(found) if !found.holds());
    if verified().any(wrong) {
        exit::REGRESSED
    } else if verified().any(|verified| matches!(verified, Verified::NotRun(_))) {
        exit::UNCONFIRMED
    } else {
        exit::HELD
    }
}
