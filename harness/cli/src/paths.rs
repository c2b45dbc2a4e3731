//! Command line options for the folders and files that most subcommands use.

use std::{
    env, io,
    path::{Path, PathBuf},
};

use highwater_judge::Policy;
use highwater_model::Record;
use highwater_report::terminal::{note, quoted};
use highwater_runner as runner;
use highwater_store::{LastRun, Progress, StoreError, read_record};

use super::CliError;

/// The target folder with a run that belongs to `folder`: its own, or that of the nearest folder above, so that an
/// installed `highwater` finds the run of the project that it is called in.
fn target_of(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().map(|folder| folder.join("target")).find(|target| target.join("highwater/last-run").is_file())
}

/// The folder of the run.
#[derive(Debug, Default, clap::Args)]
pub(super) struct RunFolder {
    /// Folder of the run [default: target/highwater]
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
}

impl RunFolder {
    /// A folder that is known.
    pub(super) fn at(path: &Path) -> Self {
        Self { run: Some(path.to_owned()) }
    }

    /// The given folder, or the one that `cargo bench` writes to.
    pub(super) fn path(&self) -> PathBuf {
        let default = || {
            let here = env::current_dir().ok().filter(|_| env::var_os("HIGHWATER_TARGET_DIR").is_none());
            let target = here.and_then(|here| target_of(&here)).or_else(|| runner::target_dir().ok());
            target.unwrap_or_else(|| "target".into()).join("highwater")
        };
        self.run.clone().unwrap_or_else(default)
    }

    /// The option that selects this folder, with a space before it; empty for the default.
    pub(super) fn as_arguments(&self) -> String {
        self.run.as_ref().map_or(String::new(), |path| format!(" --run {}", quoted(&path.display().to_string())))
    }

    /// The records of the last run in the folder, one per family. If the folder has no information about runs, all
    /// records. Records of earlier runs are skipped with a note.
    ///
    /// # Errors
    /// Returns an error if the last run measured nothing or did not finish, because all records are older.
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
            note(format_args!(
                "note: {}: skipping the record of {started}, which is from an earlier run",
                record.family
            ));
        }
        match now.is_empty() {
            true => Err(CliError::NoRun(folder)),
            false => Ok(now),
        }
    }

    /// All records in the folder, one per family.
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

/// The default folder of the baselines.
const BASELINES: &str = "baselines";

/// The folder of the baselines, and the policy.
#[derive(Debug, clap::Args)]
pub(super) struct BaselineOptions {
    /// Folder of the baselines
    #[arg(long = "baselines", id = "baselines", value_name = "DIR", default_value = BASELINES)]
    pub(super) folder: PathBuf,
    /// Policy file [default: policy.toml in the folder of the baselines, if it exists]
    #[arg(long, value_name = "FILE")]
    pub(super) policy: Option<PathBuf>,
}

impl BaselineOptions {
    /// The options that select this folder and this policy, with a space before each; empty for the default.
    pub(super) fn as_arguments(&self) -> String {
        let folder = Some(&self.folder).filter(|folder| folder.as_path() != Path::new(BASELINES));
        let option = |name: &str, path: Option<&PathBuf>| {
            path.map_or(String::new(), |path| format!(" {name} {}", quoted(&path.display().to_string())))
        };
        format!("{}{}", option("--baselines", folder), option("--policy", self.policy.as_ref()))
    }

    /// Reads the given policy, or the one in the folder of the baselines, or returns the default.
    pub(super) fn policy(&self) -> Result<Policy, CliError> {
        Ok(Policy::find(self.policy.as_deref(), &self.folder)?)
    }
}

/// Reads a record whose file must be named after its family, so that there is one record per family.
fn read_named(path: &Path) -> Result<Record, CliError> {
    let record = read_record(path)?;
    match path.file_stem() == Some(record.family.as_ref()) {
        true => Ok(record),
        false => Err(StoreError::Misplaced { path: path.to_owned(), found: record.family }.into()),
    }
}

/// The sorted paths ending in `.json`. Reading fails later for those that are not files.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_target_folder_with_a_run_is_used() {
        let root = tempfile::tempdir().expect("a folder");
        let inner = root.path().join("crates/inner");
        std::fs::create_dir_all(&inner).expect("created");
        assert_eq!(target_of(&inner), None);
        let target = root.path().join("target");
        std::fs::create_dir_all(target.join("highwater")).expect("created");
        assert_eq!(target_of(&inner), None, "nothing was measured");
        std::fs::write(target.join("highwater/last-run"), "{}").expect("written");
        assert_eq!(target_of(&inner), Some(target));
    }
}
