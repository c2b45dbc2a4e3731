//! `highwater capacity`: predicts how many units fit into a given amount of memory, from the slopes of a run.

mod verify;

use highwater_judge::{Ceilings, capacity};
use highwater_model::{Bytes, Record, exit};
use highwater_probe::ceilings;
use highwater_report::{
    self as report, CapacityReport, CaseCapacity, FamilyCapacity, Verified,
    terminal::{highwater_command, next, print_as_it_is, quoted},
};
use regex::Regex;

use super::{CliError, Format, paths::RunFolder, print, width};

/// Predict how many units of each case fit into a given amount of memory, and which limit is reached first
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit status:
  0  success; with --verify, all predictions are within 5 %
  1  internal error
  2  usage error
  3  a prediction is off by more than 5 % (--verify)
  5  a prediction could not be verified on this machine (--verify)")]
pub(super) struct Arguments {
    /// Only cases that match one of these regular expressions
    #[arg(value_name = "CASE")]
    cases: Vec<String>,
    /// Memory for all units and everything they share (8GiB, 512MiB, ...)
    #[arg(long, value_name = "BYTES")]
    memory: Bytes,
    /// Share of the memory to keep free
    #[arg(long, value_name = "PERCENT", default_value = "0%", value_parser = percent)]
    reserve: f64,
    /// Fill a memory cgroup of that size and compare predicted with actual numbers
    #[arg(long)]
    verify: bool,
    /// Format of the output
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    #[command(flatten)]
    run: RunFolder,
}

/// Parses `20%` or `20`.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim();
    match number.parse::<f64>() {
        Ok(percent) if (0.0..100.0).contains(&percent) => Ok(percent),
        _ => Err("it must be a percentage from 0% to below 100%, as in 20%".to_owned()),
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let filters = arguments.cases.iter().map(|text| {
        Regex::new(text).map_err(|_| CliError::Usage(format!("CASE: `{text}` is not a regular expression")))
    });
    let filters = filters.collect::<Result<Vec<_>, _>>()?;
    let usable = arguments.memory.0 as f64 * (1.0 - arguments.reserve / 100.0);
    let ceilings = Ceilings {
        memory: Bytes(usable as u64),
        max_map_count: ceilings::max_map_count(),
        address_space: ceilings::address_space(),
        bytes_per_mapping: ceilings::bytes_per_mapping(),
    };
    let runs = arguments.run.records()?;
    let families = runs.iter().map(|run| family(run, &filters, &ceilings)).filter(|family| !family.cases.is_empty());
    let mut report = CapacityReport {
        memory: arguments.memory,
        reserve_percent: arguments.reserve,
        ceilings,
        families: families.collect(),
    };
    if report.families.is_empty() {
        return Err(CliError::Usage(match filters.is_empty() {
            true => "no case of the run has a ladder with at least two scales".to_owned(),
            false => format!("no case of the run matches {}", arguments.cases.join(" or ")),
        }));
    }
    if arguments.verify {
        verify::verify(&arguments.run.path(), &runs, &mut report)?;
    }
    match arguments.format {
        Format::Table => {
            print(&report::capacity_table(&report, width()));
            hint(arguments, exit_status(&report));
        }
        Format::Json => print_as_it_is(&report::capacity_json(&report)),
    }
    Ok(exit_status(&report))
}

fn hint(arguments: &Arguments, status: u8) {
    let again = |flags: &str| {
        let cases: String = arguments.cases.iter().map(|case| format!(" {}", quoted(case))).collect();
        let run = arguments.run.as_arguments();
        highwater_command(&format!("capacity{cases} --memory {}{flags}{run}", quoted(&arguments.memory.to_string())))
    };
    match (arguments.verify, status) {
        (false, _) => next(&again(" --verify"), "fill that memory, and compare"),
        (true, exit::PASSED) => next(&again(" --reserve 20%"), "the same with memory to spare"),
        (true, exit::UNCONFIRMED) => next(&highwater_command("doctor"), "what this machine permits"),
        (true, _) => next("cargo bench -- --memory-only", "measure again"),
    }
}

/// The selected cases of a run; without a filter, all cases that have a prediction.
fn family(run: &Record, filters: &[Regex], ceilings: &Ceilings) -> FamilyCapacity {
    let page = run.fingerprint.class.page_size;
    let selected = run
        .cases
        .iter()
        .filter(|case| filters.is_empty() || filters.iter().any(|filter| filter.is_match(case.id.as_str())));
    let capacities = selected.map(|case| CaseCapacity {
        id: case.id.clone(),
        prediction: capacity(case, &run.baseline_stage, page, ceilings),
        verified: None,
    });
    FamilyCapacity {
        family: run.family.clone(),
        class: run.fingerprint.class.clone(),
        unit: run.unit.clone(),
        cases: capacities.filter(|case| !filters.is_empty() || case.prediction.is_ok()).collect(),
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
        exit::PASSED
    }
}
