//! `highwater status`: a census of records, baselines and policy. It judges nothing.

use std::time::{Duration, SystemTime};

use highwater_judge::{FamilyStatus, StatusOptions, status};
use highwater_model::{Baseline, Record, exit};
use highwater_report::{
    status_text,
    terminal::{bench_command, next, print_as_it_is},
};
use serde::Serialize;

use super::{
    CliError, Format, baselines,
    paths::{BaselineOptions, RunFolder},
    print,
};

/// Show what was measured here and what has a baseline: the last run of each family, cases that did not run or have no
/// baseline, old blessings, and gated values without an owner
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status: 0, also if something is missing; 1 if a file cannot be read.")]
pub(super) struct Arguments {
    #[command(flatten)]
    run: RunFolder,
    #[command(flatten)]
    baselines: BaselineOptions,
    /// List cases whose blessing is older than this, such as 30d
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    older_than: Option<Duration>,
    /// Format of the output
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// The whole census, for programs.
#[derive(Serialize)]
struct Census<'a> {
    older_than_s: Option<u64>,
    families: &'a [FamilyStatus],
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let policy = arguments.baselines.policy()?;
    let records: Vec<Record> = match arguments.run.records() {
        Err(CliError::NoRun(_)) => Vec::new(),
        records => records?,
    };
    let baselines = all_baselines(arguments)?;
    let older_than = arguments.older_than;
    let families = status(&baselines, &records, StatusOptions { policy: &policy, now: SystemTime::now(), older_than });
    match arguments.format {
        Format::Table => {
            print(&status_text(&families, older_than));
            if let Some(state) = families.iter().find(|state| state.last_run.is_some() && !state.not_run.is_empty()) {
                next(&bench_command(&state.family, "--memory-only"), "measure what was not run");
            }
        }
        Format::Json => {
            let census = Census { older_than_s: older_than.map(|age| age.as_secs()), families: &families };
            print_as_it_is(&serde_json::json!(census).to_string());
        }
    }
    Ok(exit::PASSED)
}

/// The baselines of all machine classes and families.
fn all_baselines(arguments: &Arguments) -> Result<Vec<Baseline>, CliError> {
    let folder = &arguments.baselines.folder;
    let mut all = Vec::new();
    for class in baselines::all_classes(folder) {
        for family in baselines::families(folder, &class) {
            all.extend(baselines::read(folder, &class, &family)?);
        }
    }
    Ok(all)
}
