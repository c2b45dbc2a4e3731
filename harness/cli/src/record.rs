//! `highwater record`: adds the last run to a history store.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use highwater_history::{HistoryRow, HistoryRun, append};
use highwater_judge::{GatedValue, Policy, gated_values};
use highwater_model::{MachineClass, Record, exit};
use highwater_report::{
    counted, escape,
    terminal::{highwater_command, next, quoted},
};

use super::{
    CliError, git,
    paths::{BaselineOptions, RunFolder},
};

/// Add the gated quantities of the last run to a history store
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Folder of the store, which is created if it does not exist
    #[arg(value_name = "DIR")]
    store: PathBuf,
    #[command(flatten)]
    run: RunFolder,
    #[command(flatten)]
    baselines: BaselineOptions,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let policy = arguments.baselines.policy()?;
    for stored in store(&arguments.store, arguments.run.last_run()?, &policy)? {
        println!(
            "{}: {} of {} at {}",
            escape::line(&stored.path.display().to_string()),
            counted(stored.values, "value"),
            counted(stored.cases, "case"),
            &stored.revision[..stored.revision.len().min(12)]
        );
    }
    let store = quoted(&arguments.store.display().to_string());
    next(&highwater_command(&format!("trend --store {store}")), "what changed over time");
    Ok(exit::PASSED)
}

/// A run that was stored.
pub(super) struct StoredRun {
    /// Its file.
    path: PathBuf,
    /// The number of its values.
    pub(super) values: usize,
    /// The number of its cases.
    pub(super) cases: usize,
    /// The full commit hash.
    revision: String,
}

/// Adds records that were measured together to a store, as a run for each machine class.
///
/// # Errors
/// [`CliError::Usage`] if they are not of one revision or were measured with deliberate changes, and if nothing is gated.
pub(super) fn store(store: &Path, records: Vec<Record>, policy: &Policy) -> Result<Vec<StoredRun>, CliError> {
    let mut by_class: BTreeMap<MachineClass, Vec<Record>> = BTreeMap::new();
    for record in records {
        check(&record)?;
        by_class.entry(record.fingerprint.class.clone()).or_default().push(record);
    }
    let mut stored = Vec::new();
    for (class, records) in by_class {
        let run = history_run(class, &records)?;
        let rows: Vec<HistoryRow> = records.iter().flat_map(|record| rows(record, policy)).collect();
        if rows.is_empty() {
            return Err(CliError::Usage("the policy gates nothing that was measured; nothing to record".to_owned()));
        }
        let path = append(store, &run, &rows)?;
        let cases = records.iter().map(|record| record.cases.len()).sum();
        stored.push(StoredRun { path, values: rows.len(), cases, revision: run.revision });
    }
    Ok(stored)
}

/// A history has runs of what a revision is, without deliberate changes.
fn check(record: &Record) -> Result<(), CliError> {
    if !record.selection.worker_options.is_empty() || record.selection.ladder.is_some() {
        let problem = "its workers were changed (--inject, --ladder, ...); measure again without these options";
        return Err(CliError::Usage(format!("{}: not recorded: {problem}", record.family)));
    }
    Ok(())
}

/// The run of records that were measured together.
fn history_run(class: MachineClass, records: &[Record]) -> Result<HistoryRun, CliError> {
    let usage = |problem: String| CliError::Usage(format!("not recorded: {problem}"));
    let of = |name: &str| records.iter().filter_map(|record| record.fingerprint.context.get(name)).min();
    let commit =
        of("commit").ok_or_else(|| usage("the run names no commit; measure in a git repository".to_owned()))?;
    if records.iter().any(|record| record.fingerprint.context.get("commit") != Some(commit)) {
        return Err(usage("the families were measured at different commits; measure all of them again".to_owned()));
    }
    if commit.ends_with("-dirty") {
        return Err(usage(format!("the sources were changed after {commit}; commit them, and measure again")));
    }
    let (revision, commit_time) =
        git::commit_time(commit).map_err(|error| usage(format!("the time of commit {commit} is unknown: {error}")))?;
    // The id of a run is unique on one machine since it booted, so the time is a part of it.
    let started = of("started").map_or("unknown", String::as_str);
    let time: String = started.chars().filter(char::is_ascii_alphanumeric).collect();
    let id = format!("{time}-{}", of("run_id").map_or("0", String::as_str));
    Ok(HistoryRun { id, class, revision, commit_time })
}

fn rows(record: &Record, policy: &Policy) -> Vec<HistoryRow> {
    let row = |value: GatedValue| HistoryRow {
        case: value.case,
        quantity: value.quantity,
        aspect: value.aspect,
        per: record.unit.clone(),
        value: value.summary.median,
        min: value.summary.low,
        max: value.summary.high,
        workers: i32::try_from(value.workers).unwrap_or(i32::MAX),
        tolerance: value.tolerance,
    };
    gated_values(record, policy).into_iter().map(row).collect()
}
