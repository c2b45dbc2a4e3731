//! The folders and files that most subcommands work on, as arguments of their command lines.

use std::{
    io,
    path::{Path, PathBuf},
};

use highwater_judge::{Policy, PolicyError};
use highwater_model::Record;
use highwater_runner as runner;
use highwater_store::{LastRun, Progress, StoreError, read_record};

use super::CliError;

/// Where the run is.
#[derive(Debug, clap::Args)]
pub(super) struct RunFolder {
    /// Folder of the run [default: target/highwater]
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
}

impl RunFolder {
    /// The folder that was named, or the one that `cargo bench` writes to.
    pub(super) fn path(&self) -> PathBuf {
        let default = || runner::target_dir().unwrap_or_else(|_| "target".into()).join("highwater");
        self.run.clone().unwrap_or_else(default)
    }

    /// The records of the last run in it, by family; all where the folder was not written by a run. Earlier ones are
    /// reported and left out.
    ///
    /// # Errors
    /// When the last run measured nothing or did not finish: what is there is older, and says nothing of it.
    pub(super) fn last_run(&self) -> Result<Vec<Record>, CliError> {
        let folder = self.path();
        let Some(last) = LastRun::read(&folder)? else { return self.records() };
        let unfinished = last.families.iter().find(|(_, progress)| **progress == Progress::Begun);
        if let Some((family, _)) = unfinished {
            return Err(CliError::Usage(format!("{family}: its last run did not finish; measure again")));
        }
        if last.families.values().all(|progress| *progress != Progress::Measured) {
            let families: Vec<&str> = last.families.keys().map(String::as_str).collect();
            let filter = last.filter.as_deref().unwrap_or_default();
            let problem =
                format!("the filter `{filter}` matches no case of {}: nothing was measured", families.join(", "));
            return Err(CliError::Usage(problem));
        }
        let (now, earlier): (Vec<Record>, Vec<Record>) = self.records()?.into_iter().partition(|record| {
            let measured = last.families.get(&record.family) == Some(&Progress::Measured);
            measured && record.fingerprint.context.get("run_id") == Some(&last.id)
        });
        for record in earlier {
            let started = record.fingerprint.context.get("started").map_or("an unknown time", String::as_str);
            eprintln!("note: {}: its record of {started} is of an earlier run and left out", record.family);
        }
        match now.is_empty() {
            true => Err(CliError::NoRun(folder)),
            false => Ok(now),
        }
    }

    /// All records in it, by family.
    pub(super) fn records(&self) -> Result<Vec<Record>, CliError> {
        let folder = self.path();
        let paths = json_files(&folder).map_err(|error| match error {
            CliError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => CliError::NoRun(folder.clone()),
            error => error,
        })?;
        if paths.is_empty() {
            return Err(CliError::NoRun(folder));
        }
        paths.iter().map(|path| read_named(path)).collect()
    }
}

/// What a run is held against.
#[derive(Debug, clap::Args)]
pub(super) struct Rules {
    /// Folder of the baselines
    #[arg(long, value_name = "DIR", default_value = "baselines")]
    pub(super) baselines: PathBuf,
    /// The policy [default: policy.toml in the folder of the baselines, if there is one]
    #[arg(long, value_name = "FILE")]
    pub(super) policy: Option<PathBuf>,
}

impl Rules {
    /// The named policy, or the one beside the baselines, or the defaults.
    pub(super) fn policy(&self) -> Result<Policy, CliError> {
        let beside = self.baselines.join("policy.toml");
        match &self.policy {
            Some(path) => Ok(Policy::read(path)?),
            None => match Policy::read(&beside) {
                // A link that leads nowhere was meant to be a policy.
                Err(PolicyError::Io { source, .. })
                    if source.kind() == io::ErrorKind::NotFound && beside.symlink_metadata().is_err() =>
                {
                    Ok(Policy::default())
                }
                policy => Ok(policy?),
            },
        }
    }
}

/// A record from the file that has its family's name: of two files with one family's records, one
/// would be taken for the other.
fn read_named(path: &Path) -> Result<Record, CliError> {
    let record = read_record(path)?;
    match path.file_stem() == Some(record.family.as_ref()) {
        true => Ok(record),
        false => Err(StoreError::Misplaced { path: path.to_owned(), found: record.family }.into()),
    }
}

/// What of a folder is called `.json`, sorted: what is no file there is refused when it is read.
fn json_files(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let error = |source| CliError::Io { path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in folder.read_dir().map_err(error)? {
        let path = entry.map_err(error)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
