//! One revision of a family, of which single workers run with attribution: that of the last run, or another one that is
//! built in a git worktree.

use std::{
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::ValueEnum;
use highwater_explain::{Attributed, attribute};
use highwater_model::{CaseId, Record, Selection};
use highwater_report::terminal::note;
use highwater_runner::{Interrupt, Measuring, Plan, Planned};
use highwater_store::FolderLock;

use crate::{
    CliError, ab,
    confirm::{BenchBinary, exact_filter},
};

/// Which revisions `compare --explain` looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Against {
    /// The growth since the commit of the baseline, which is built
    Base,
    /// The growth since the baseline stage in this revision only; nothing is built
    Head,
}

/// A built revision, and what starts its workers.
pub(crate) struct Revision {
    plan: Plan,
    /// The root of its sources.
    root: PathBuf,
    folder: PathBuf,
    measuring: Measuring,
}

impl Revision {
    /// A revision with the plan of its bench, and the root of its sources. `folder` is the working directory of its
    /// workers.
    ///
    /// # Errors
    /// If workers cannot be started.
    pub(crate) fn new(plan: Plan, root: PathBuf, folder: &Path, interrupt: &Interrupt) -> Result<Self, CliError> {
        let measuring = Measuring::new(&plan.worker, folder, interrupt)?;
        Ok(Self { plan, root, folder: folder.to_owned(), measuring })
    }

    /// The working directory of its workers.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The revision that the last run measured.
    ///
    /// # Errors
    /// If workers cannot be started.
    pub(crate) fn of_run(program: &BenchBinary, interrupt: &Interrupt) -> Result<Self, CliError> {
        let root = env::current_dir().map_err(|source| CliError::Io { path: ".".into(), source })?;
        Self::new(program.plan_of_run().clone(), root, program.folder(), interrupt)
    }

    /// Builds another revision of the bench of `program`, unless it is built already, for these cases of a run.
    ///
    /// # Errors
    /// If it does not build, or has no such family.
    pub(crate) fn build(
        revision: &str,
        program: &BenchBinary,
        run: &Record,
        cases: &[&CaseId],
        interrupt: &Interrupt,
    ) -> Result<Self, CliError> {
        let selection = Selection { filter: Some(exact_filter(cases)), ..run.selection.clone() };
        let aslr_off = run.fingerprint.class.aslr_off;
        let (plan, root) = ab::plan_of(revision, &run.family, program.path(), &selection, aslr_off)?;
        Self::new(plan, root, program.folder(), interrupt)
    }

    /// Runs one worker of a case with attribution, for at most `time`.
    ///
    /// # Errors
    /// If the case does not exist, or its worker does not complete or writes no stacks.
    pub(crate) fn attribute(&mut self, case: &CaseId, time: Option<Duration>) -> Result<Attributed, CliError> {
        let Some(Planned::Job(job)) = self.plan.cases.iter().find(|planned| planned.id() == case) else {
            return Err(CliError::NotExplained(format!("{case} cannot be run, or does not exist in that revision")));
        };
        Ok(attribute(&mut self.measuring, &self.plan, job, &self.root, time)?)
    }
}

/// The two revisions of a comparison.
pub(crate) struct Revisions {
    pub(crate) head: Revision,
    /// The name of the base and the base, or the reason why it is missing.
    pub(crate) base: Result<(String, Revision), String>,
    /// Keeps other runs away from the folder while workers run, unless the caller does.
    pub(crate) _lock: Option<FolderLock>,
}

impl Revisions {
    /// The revision of a run, and that of its baseline, which is built.
    ///
    /// # Errors
    /// [`CliError::NotExplained`] if the run's bench binary cannot be used. If the user interrupts the build, or workers
    /// cannot be started.
    pub(crate) fn of_run(
        run: &Record,
        folder: &Path,
        cases: &[&CaseId],
        against: Against,
        commit: Option<&str>,
        interrupt: &Interrupt,
    ) -> Result<Self, CliError> {
        let program = BenchBinary::find(folder, &run.family).map_err(CliError::NotExplained)?;
        let lock = FolderLock::take(program.folder(), |line| note(line))?;
        let base = match (against, commit) {
            (Against::Base, Some(commit)) => match Revision::build(commit, &program, run, cases, interrupt) {
                Ok(base) => Ok((commit.to_owned(), base)),
                Err(error) if error.is_interrupt() => return Err(error),
                Err(error) => Err(error.to_string()),
            },
            (Against::Base, None) => Err("the baseline has no commit".to_owned()),
            (Against::Head, _) => Err("no other revision was built".to_owned()),
        };
        Ok(Self { head: Revision::of_run(&program, interrupt)?, base, _lock: Some(lock) })
    }
}
