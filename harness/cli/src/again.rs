//! Stage 2 of a comparison (design §4): the bench binary of a run is asked for fresh workers of what
//! stage 1 flagged.

use std::{
    fs,
    path::{Path, PathBuf},
};

use highwater_judge::{FamilyComparison, Policy, compare_family, confirm_family};
use highwater_model::{Baseline, CaseId, Record, Selection};
use highwater_runner::{self as runner, Interrupt, Measuring, Plan, PlanError, RunnerError, Sampling};
use highwater_store::FolderLock;

use super::CliError;

/// The bench binary that made a run.
pub(super) struct Program {
    path: PathBuf,
    /// The run's folder, in which its workers run.
    folder: PathBuf,
    target: PathBuf,
}

impl Program {
    /// Finds the binary of a family's record in the folder of a run.
    ///
    /// # Errors
    /// One sentence that says why its workers cannot be run again.
    pub(super) fn of(folder: &Path, family: &str) -> Result<Self, String> {
        let link = folder.join("programs").join(family);
        let modified = |path: &Path| fs::metadata(path).and_then(|data| data.modified());
        let program = fs::canonicalize(&link).map_err(|_| format!("{} is not there", link.display()))?;
        let record = folder.join(format!("{family}.json"));
        match (modified(&program), modified(&record)) {
            (Ok(built), Ok(measured)) if built <= measured => {}
            _ => return Err(format!("{} was built anew since", program.display())),
        }
        let folder = fs::canonicalize(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
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

    /// Its jobs of the selected cases.
    pub(super) fn plan(&self, selection: &Selection, aslr_off: bool) -> Result<Plan, PlanError> {
        Plan::request(&self.path, &self.target, selection, aslr_off)
    }

    /// What runs its workers one by one.
    pub(super) fn measuring(&self, interrupt: &Interrupt) -> Result<Measuring, CliError> {
        Ok(Measuring::new(&self.path, &self.folder, interrupt)?)
    }

    /// Runs workers of a plan.
    pub(super) fn run(
        &self,
        plan: Plan,
        selection: Selection,
        aslr_off: bool,
        interrupt: &Interrupt,
        sampling: impl Fn(&CaseId) -> Sampling,
    ) -> Result<Record, CliError> {
        let mut measuring = self.measuring(interrupt)?.with_fresh_layouts();
        let cases = plan.cases.iter().map(|planned| measuring.case(planned, sampling(planned.id())));
        let cases = cases.collect::<Result<_, _>>()?;
        Ok(measuring.record(plan, selection, aslr_off, cases))
    }
}

/// A filter that selects just these cases.
pub(super) fn filter_of(cases: &[&CaseId]) -> String {
    let ids: Vec<String> = cases.iter().map(|id| regex::escape(id.as_str())).collect();
    format!("^(?:{})$", ids.join("|"))
}

/// Judges a run, and has fresh workers confirm what was flagged, where this machine can.
pub(super) fn judge(
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
        Program::of(folder, &run.family)
    } else {
        Err(format!("this machine is not of class {}", run.fingerprint.class))
    };
    let program = match program {
        Ok(program) => program,
        Err(why) => {
            eprintln!("note: {}: no fresh workers to confirm what was found: {why}", run.family);
            return Ok(first);
        }
    };
    let _lock = FolderLock::take(&program.folder, |line| eprintln!("{line}"))?;
    eprintln!("{}: measuring {} again, to confirm what was found", run.family, flagged.len());
    let interrupt = Interrupt::install().map_err(|source| RunnerError::System { what: "watch for Ctrl-C", source })?;
    let selection = Selection { filter: Some(filter_of(&flagged)), ..run.selection.clone() };
    let again = program.measure(selection, aslr_off, &interrupt, |id| {
        let before = run.cases.iter().find(|case| case.id == *id).map_or(0, |case| case.samples);
        let sampling = Sampling::default();
        Sampling { min: sampling.min.max(before), max: sampling.max.max(before), ..sampling }
    })?;
    Ok(confirm_family(baseline, run, &again, policy))
}
