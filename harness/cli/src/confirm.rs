//! Confirms the findings of a comparison: starts fresh workers of the flagged cases with the bench binary of the
//! run.

use std::{
    fs,
    path::{Path, PathBuf},
};

use highwater_judge::{FamilyComparison, Policy, compare_family, confirm_family};
use highwater_model::{Baseline, CaseId, Record, Selection};
use highwater_report::{counted, terminal::note};
use highwater_runner::{self as runner, Interrupt, Measuring, Plan, PlanError, RunnerError, Sampling};
use highwater_store::FolderLock;

use super::CliError;

/// The bench binary that produced a run.
pub(super) struct BenchBinary {
    path: PathBuf,
    /// The run's folder, the working directory of its workers.
    folder: PathBuf,
    target: PathBuf,
}

impl BenchBinary {
    /// Finds the bench binary of a family in the folder of a run.
    ///
    /// # Errors
    /// Returns the reason why the binary cannot be used.
    pub(super) fn find(run: &Path, family: &str) -> Result<Self, String> {
        let link = |folder: &str| {
            let link = run.join(folder).join(family);
            fs::canonicalize(&link).map_err(|_| format!("{} does not exist", link.display()))
        };
        let (program, worker) = (link("programs")?, link("workers")?);
        let modified = |path: &Path| fs::metadata(path).and_then(|data| data.modified());
        let record = run.join(format!("{family}.json"));
        for binary in [&program, &worker] {
            match (modified(binary), modified(&record)) {
                (Ok(built), Ok(measured)) if built <= measured => {}
                _ => return Err(format!("{} was rebuilt after the run", binary.display())),
            }
        }
        let folder = fs::canonicalize(run).map_err(|error| format!("{}: {error}", run.display()))?;
        let target = folder.parent().map_or_else(|| folder.clone(), Path::to_owned);
        Ok(Self { path: program, folder, target })
    }

    /// Runs workers of the selected cases.
    pub(super) fn measure(
        &self,
        selection: Selection,
        aslr_off: bool,
        interrupt: &Interrupt,
        sampling: impl Fn(&CaseId) -> Sampling,
    ) -> Result<Record, CliError> {
        let plan = self.plan(&selection, aslr_off)?;
        self.run(plan, selection, aslr_off, interrupt, sampling)
    }

    /// Returns the jobs of the selected cases.
    pub(super) fn plan(&self, selection: &Selection, aslr_off: bool) -> Result<Plan, PlanError> {
        Plan::request(&self.path, &self.target, selection, aslr_off)
    }

    /// Returns a handle that runs single workers.
    pub(super) fn measuring(&self, plan: &Plan, interrupt: &Interrupt) -> Result<Measuring, CliError> {
        Ok(Measuring::new(&plan.worker, &self.folder, interrupt)?)
    }

    /// Runs the workers of a plan.
    pub(super) fn run(
        &self,
        plan: Plan,
        selection: Selection,
        aslr_off: bool,
        interrupt: &Interrupt,
        sampling: impl Fn(&CaseId) -> Sampling,
    ) -> Result<Record, CliError> {
        let mut measuring = self.measuring(&plan, interrupt)?.with_fresh_layouts();
        let cases = plan.cases.iter().map(|planned| measuring.case(planned, sampling(planned.id())));
        let cases = cases.collect::<Result<_, _>>()?;
        Ok(measuring.record(plan, selection, aslr_off, cases))
    }
}

/// A filter that selects exactly these cases.
pub(super) fn exact_filter(cases: &[&CaseId]) -> String {
    let ids: Vec<String> = cases.iter().map(|id| regex::escape(id.as_str())).collect();
    format!("^(?:{})$", ids.join("|"))
}

/// Compares a run with a baseline and confirms the flagged cases with fresh workers, if this machine can run them.
pub(super) fn compare_and_confirm(
    folder: &Path,
    baseline: &Baseline,
    run: &Record,
    policy: &Policy,
) -> Result<FamilyComparison, CliError> {
    let first = compare_family(baseline, run, policy);
    let flagged = first.flagged();
    if flagged.is_empty() {
        return Ok(first);
    }
    let aslr_off = run.fingerprint.class.aslr_off;
    let program = if runner::machine_class(aslr_off) == run.fingerprint.class {
        BenchBinary::find(folder, &run.family)
    } else {
        Err(format!("the machine class of this machine is not {}", run.fingerprint.class))
    };
    let program = match program {
        Ok(program) => program,
        Err(why) => {
            note(format_args!("note: {}: cannot confirm the findings with fresh workers: {why}", run.family));
            return Ok(first);
        }
    };
    let _lock = FolderLock::take(&program.folder, |line| note(line))?;
    note(format_args!("{}: measuring {} again to confirm the findings", run.family, counted(flagged.len(), "case")));
    let interrupt = Interrupt::install().map_err(|source| RunnerError::System { what: "watch for Ctrl-C", source })?;
    let selection = Selection { filter: Some(exact_filter(&flagged)), ..run.selection.clone() };
    let confirmation = program.measure(selection, aslr_off, &interrupt, |id| {
        let before = run.cases.iter().find(|case| case.id == *id).map_or(0, |case| case.samples);
        let sampling = Sampling::default();
        Sampling { min: sampling.min.max(before), max: sampling.max.max(before), ..sampling }
    })?;
    Ok(confirm_family(baseline, run, &confirmation, policy))
}
