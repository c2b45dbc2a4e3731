//! The input of the pages: the records of a run, their baselines, the comparison of the two, and the
//! history of the baselines. Everything is read from disk here; the pages do no I/O.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use highwater_judge::{Comparison, NoBaseline, Policy, PolicyError, Verdict, baselines, compare_family};
use highwater_model::{Baseline, CaseId, CaseStacks, Record, RunKey};
use highwater_store::{StoreError, read_record, read_stacks};

use super::history::{History, history};
use crate::{TrendReport, counted::counted};

/// Where to read the material from.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Folder of the run's records, usually `target/highwater`.
    pub run: PathBuf,
    /// Folder of the baselines.
    pub baselines: PathBuf,
    /// The policy file. Defaults to `policy.toml` in the folder of the baselines, if it exists.
    pub policy: Option<PathBuf>,
}

/// Everything that the pages show.
#[derive(Clone, Debug, Default)]
pub struct Material {
    /// The records of the run, one per family.
    pub records: Vec<Record>,
    /// The baselines by family.
    pub baselines: BTreeMap<String, Baseline>,
    /// What is gated, with what tolerance.
    pub policy: Policy,
    /// The verdicts.
    pub comparison: Comparison,
    /// The history of each family's baseline.
    pub histories: BTreeMap<String, History>,
    /// What was found in a history store, if one was read.
    pub trend: Option<TrendReport>,
    /// The call stacks of the cases that were explained.
    pub stacks: BTreeMap<CaseId, CaseStacks>,
    /// Stored call stacks that are not shown, with the reason.
    pub ignored: Vec<String>,
    /// Criterion's output folder. Its reports are linked if they exist.
    pub criterion: Option<PathBuf>,
}

/// An error while reading the material. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum GatherError {
    /// A record could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The policy could not be read or is invalid.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The run's folder could not be read.
    #[error("{path}: {source}")]
    Io {
        /// The folder.
        path: PathBuf,
        /// The system error.
        source: io::Error,
    },
}

impl Material {
    /// Reads everything. If the run's folder does not exist, there are no records.
    ///
    /// # Errors
    /// Returns [`GatherError`] if a file exists and cannot be read or is invalid.
    pub fn gather(sources: &Sources) -> Result<Self, GatherError> {
        let policy = Policy::find(sources.policy.as_deref(), &sources.baselines)?;
        let mut material = Self { criterion: criterion(&sources.run), policy, ..Self::default() };
        for path in records(&sources.run)? {
            let record = read_record(&path)?;
            let baseline = baselines::find(&sources.baselines, &record)?;
            let class = baseline.as_ref().map_or(&record.fingerprint.class, |baseline| &baseline.class);
            let file = baselines::path(&sources.baselines, class, &record.family);
            material.histories.insert(record.family.clone(), history(&file, baseline.as_ref()));
            material.add_stacks(&sources.run, &record);
            material.add(record, baseline, |family| baselines::classes(&sources.baselines, family));
        }
        Ok(material)
    }

    /// Compares a record with its baseline, if it has one, and adds both.
    fn add(
        &mut self,
        run: Record,
        baseline: Option<Baseline>,
        others: impl Fn(&str) -> Vec<highwater_model::MachineClass>,
    ) {
        match &baseline {
            Some(baseline) => self.comparison.families.push(compare_family(baseline, &run, &self.policy)),
            None => self.comparison.without_baseline.push(NoBaseline {
                family: run.family.clone(),
                class: run.fingerprint.class.clone(),
                other_classes: others(&run.family),
            }),
        }
        self.baselines.extend(baseline.map(|baseline| (run.family.clone(), baseline)));
        self.records.push(run);
    }

    /// Adds the stored call stacks of a run. Those that cannot be read or are of another run are ignored.
    fn add_stacks(&mut self, folder: &Path, run: &Record) {
        let mut of_other_runs = 0;
        for case in &run.cases {
            match read_stacks(folder, &case.id) {
                Ok(Some(stacks)) if stacks.run == RunKey::of(run) => drop(self.stacks.insert(case.id.clone(), stacks)),
                Ok(Some(_)) => of_other_runs += 1,
                Ok(None) => {}
                Err(error) => self.ignored.push(error.to_string()),
            }
        }
        if of_other_runs > 0 {
            let cases = counted(of_other_runs, "case");
            self.ignored.push(format!("{}: the call stacks of {cases} are of another run", run.family));
        }
    }

    /// The verdicts on one case of a family.
    pub(super) fn verdicts<'a>(&'a self, family: &str, case: &CaseId) -> impl Iterator<Item = &'a Verdict> {
        let families = self.comparison.families.iter().filter(move |it| it.family == family);
        families.flat_map(|it| &it.verdicts).filter(move |verdict| verdict.case == *case)
    }

    /// Creates material from records in memory, compared under `policy`.
    #[must_use]
    pub fn of(pairs: Vec<(Record, Option<Baseline>)>, policy: Policy) -> Self {
        let mut material = Self { policy, ..Self::default() };
        for (run, baseline) in pairs {
            material.add(run, baseline, |_| Vec::new());
        }
        material
    }
}

/// The `.json` files of the run's folder, sorted.
fn records(folder: &Path) -> Result<Vec<PathBuf>, GatherError> {
    let error = |source| GatherError::Io { path: folder.to_owned(), source };
    let entries = match folder.read_dir() {
        Ok(entries) => entries,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(error(source)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(error)?.path();
        if path.extension().is_some_and(|extension| extension == "json") && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Criterion's output folder: `CRITERION_HOME`, or `criterion` beside the run's folder.
fn criterion(run: &Path) -> Option<PathBuf> {
    let home = std::env::var_os("CRITERION_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(run.canonicalize().ok()?.parent()?.join("criterion")))?;
    home.canonicalize().ok()
}
