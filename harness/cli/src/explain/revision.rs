//! One revision of a family, of which single workers run with attribution: that of the last run, or another one that is
//! built in a git worktree.

use std::{env, path::PathBuf, time::Duration};

use highwater_explain::{Attributed, attribute};
use highwater_model::{CaseId, Selection};
use highwater_runner::{Interrupt, Measuring, Plan, Planned};

use crate::{CliError, ab, confirm::BenchBinary};

/// A built revision, and what starts its workers.
pub(crate) struct Revision {
    plan: Plan,
    /// The root of its sources.
    root: PathBuf,
    measuring: Measuring,
}

impl Revision {
    /// The revision that the last run measured.
    ///
    /// # Errors
    /// If workers cannot be started.
    pub(crate) fn of_run(program: &BenchBinary, interrupt: &Interrupt) -> Result<Self, CliError> {
        let plan = program.plan_of_run().clone();
        let measuring = program.measuring(&plan, interrupt)?;
        let root = env::current_dir().map_err(|source| CliError::Io { path: ".".into(), source })?;
        Ok(Self { plan, root, measuring })
    }

    /// Builds another revision of the bench of `program`, unless it is built already.
    ///
    /// # Errors
    /// If it does not build, or has no such family.
    pub(crate) fn build(
        revision: &str,
        program: &BenchBinary,
        selection: &Selection,
        aslr_off: bool,
        interrupt: &Interrupt,
    ) -> Result<Self, CliError> {
        let family = &program.plan_of_run().family;
        let (plan, root) = ab::plan_of(revision, family, program.path(), selection, aslr_off)?;
        let measuring = program.measuring(&plan, interrupt)?;
        Ok(Self { plan, root, measuring })
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
