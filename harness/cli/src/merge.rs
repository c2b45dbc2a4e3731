//! `highwater merge`: joins the records of the parts of a run, which several machines measured, into one folder.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use highwater_model::{Record, exit, fnv1a};
use highwater_report::{
    counted, escape,
    terminal::{highwater_command, next, note, quoted},
};
use highwater_store::{Absent, FolderLock, LastRun, MergeError, PartRecord, Progress, StoreError, merge, write_record};

use super::{CliError, paths::RunFolder, print};

/// Join the records of the parts of a run (--partition) into one folder, for compare, report and bless
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit status: 0 merged, 1 a record cannot be read or written, 2 the folders are not the parts of one run, or a case is in
none of them.")]
pub(super) struct Arguments {
    /// Folders of the parts, one per machine
    #[arg(value_name = "DIR", required = true)]
    folders: Vec<PathBuf>,
    /// Folder for the merged records [default: merged in target/highwater]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Merge although cases are in no part; they count as not run
    #[arg(long)]
    allow_missing: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let output = arguments.output.clone().unwrap_or_else(|| RunFolder::default().path().join("merged"));
    if let Some(folder) = arguments.folders.iter().find(|folder| is_same(folder, &output)) {
        let problem = format!("--output: {} is one of the folders to merge; use another one", folder.display());
        return Err(CliError::Usage(problem));
    }
    let mut families: BTreeMap<String, Vec<PartRecord>> = BTreeMap::new();
    for folder in &arguments.folders {
        for part in records(folder)? {
            families.entry(part.record.family.clone()).or_default().push(part);
        }
    }
    let run_id = run_id(families.values().flatten().map(|part| &part.record));
    let absent = if arguments.allow_missing { Absent::NotRun } else { Absent::Refused };
    // All families, before the first is written.
    let mut merged = Vec::new();
    for parts in families.into_values() {
        let count = parts.len();
        merged.extend(merge(parts, &run_id, absent)?.map(|record| (count, record)));
    }
    if merged.is_empty() {
        return Err(CliError::Usage("there is nothing to merge: no folder has a record".to_owned()));
    }
    write(&output, &run_id, &merged)?;
    next(
        &highwater_command(&format!("compare --run {}", quoted(&output.display().to_string()))),
        "judge the whole run",
    );
    Ok(exit::PASSED)
}

/// Whether both are the same folder.
fn is_same(folder: &Path, output: &Path) -> bool {
    matches!((fs::canonicalize(folder), fs::canonicalize(output)), (Ok(a), Ok(b)) if a == b)
}

/// The records of the last run in a folder. A part without a case has none.
fn records(folder: &Path) -> Result<Vec<PartRecord>, CliError> {
    let last = LastRun::read(folder)?;
    let nothing = |last: &LastRun| last.families.values().all(|progress| *progress == Progress::NothingSelected);
    if let Some(last) = last.filter(nothing) {
        let families = last.families.into_keys().collect::<Vec<_>>().join(", ");
        note(format_args!("note: {}: its part has no case of {families}", folder.display()));
        return Ok(Vec::new());
    }
    let records = RunFolder::at(folder).last_run().map_err(|error| match error {
        CliError::Store(error @ (StoreError::Older { .. } | StoreError::Newer { .. })) => {
            MergeError::Version(error).into()
        }
        CliError::Usage(problem) => CliError::Usage(format!("{}: {problem}", folder.display())),
        error => error,
    })?;
    let part = |record: Record| PartRecord { path: folder.join(format!("{}.json", record.family)), record };
    Ok(records.into_iter().map(part).collect())
}

/// An id for the merged run, which depends only on the runs that it consists of.
fn run_id<'a>(records: impl Iterator<Item = &'a Record>) -> String {
    let of_run = |record: &Record| {
        let context = &record.fingerprint.context;
        ["run_id", "started"].map(|name| context.get(name).cloned().unwrap_or_default()).join(" ")
    };
    let runs: BTreeSet<String> = records.map(of_run).collect();
    format!("merged-{:016x}", fnv1a(runs.into_iter().collect::<Vec<_>>().join("\n").as_bytes()))
}

/// Writes the merged records, and which of the records in the folder they are.
fn write(output: &Path, run_id: &str, merged: &[(usize, Record)]) -> Result<(), CliError> {
    fs::create_dir_all(output).map_err(|source| CliError::Io { path: output.to_owned(), source })?;
    let lock = FolderLock::take(output, |line| note(line))?;
    lock.sweep(output);
    let progress = |family: &str, progress| LastRun::note(output, run_id, None, family, progress);
    for (_, record) in merged {
        progress(&record.family, Progress::Begun)?;
    }
    for (parts, record) in merged {
        let path = output.join(format!("{}.json", record.family));
        write_record(&path, record)?;
        progress(&record.family, Progress::Measured)?;
        let (cases, parts) = (counted(record.cases.len(), "case"), counted(*parts, "part"));
        let absent = record.cases.iter().filter(|case| case.not_run.is_some()).count();
        let absent = if absent > 0 { format!(" ({absent} not run)") } else { String::new() };
        print(&escape::line(&format!("{}: {cases} of {parts}{absent}; written to {}", record.family, path.display())));
    }
    Ok(())
}
