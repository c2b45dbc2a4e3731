//! The folder of baselines (`<machine class>/<family>.txt`) and the conversion of a run to a baseline.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use highwater_model::{
    Aspect, Baseline, BaselineCase, CaseId, CaseRecord, Category, Context, Control, ControlState, Fingerprint,
    MachineClass, Metric, Quantity, Record, Stage,
};
use highwater_store::{StoreError, read_baseline};

use super::{
    CaseView, Mode, Policy,
    categories::breakdown,
    compare_case::judged,
    compare_samples::WorkerValues,
    expectation::{all_expected, is_implied},
    policy::is_gated_by_default,
};

/// The path of a family's baseline.
#[must_use]
pub fn path(folder: &Path, class: &MachineClass, family: &str) -> PathBuf {
    folder.join(class.to_string()).join(format!("{family}.txt"))
}

/// The path that earlier versions used, when baselines were JSON records.
#[must_use]
pub fn old_path(folder: &Path, class: &MachineClass, family: &str) -> PathBuf {
    path(folder, class, family).with_extension("json")
}

/// The baseline of a run: that of the run's machine class, or else that of the class which differs only in ASLR.
///
/// # Errors
/// If the baseline exists but cannot be read, or is for another family or class than its path says.
pub fn find(folder: &Path, run: &Record) -> Result<Option<Baseline>, StoreError> {
    let class = &run.fingerprint.class;
    match read(folder, class, &run.family)? {
        None => read(folder, &class.with_other_aslr(), &run.family),
        found => Ok(found),
    }
}

/// The baseline of a family and machine class, if there is one.
///
/// # Errors
/// As for [`find`].
pub fn read(folder: &Path, class: &MachineClass, family: &str) -> Result<Option<Baseline>, StoreError> {
    let path = path(folder, class, family);
    match read_baseline(&path) {
        Ok(baseline) if baseline.family == family && baseline.class == *class => Ok(Some(baseline)),
        Ok(Baseline { family, class, .. }) => {
            Err(StoreError::Misplaced { path, found: format!("{family} on {class}") })
        }
        Err(StoreError::Missing(_)) => match old_path(folder, class, family) {
            old if old.is_file() => {
                let (class_folder, baselines) = (folder.join(class.to_string()), folder.to_owned());
                Err(StoreError::OldBaseline { path: old, folder: class_folder, baselines })
            }
            _ => Ok(None),
        },
        Err(error) => Err(error),
    }
}

/// The machine classes that have a folder of baselines.
#[must_use]
pub fn all_classes(folder: &Path) -> Vec<MachineClass> {
    let names = folder.read_dir().into_iter().flatten().flatten();
    let mut classes: Vec<MachineClass> = names.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    classes.sort();
    classes
}

/// The machine classes that have a baseline of this family.
#[must_use]
pub fn classes(folder: &Path, family: &str) -> Vec<MachineClass> {
    all_classes(folder).into_iter().filter(|class| path(folder, class, family).is_file()).collect()
}

/// The families that have a baseline for this machine class.
#[must_use]
pub fn families(folder: &Path, class: &MachineClass) -> Vec<String> {
    let entries = folder.join(class.to_string()).read_dir().into_iter().flatten().flatten();
    let files = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "txt"));
    let mut families: Vec<String> = files.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
    families.sort();
    families
}

/// Which values of a run a baseline keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Those that the policy gates or watches: a baseline kept in git.
    Gated,
    /// Those that it reports as well: one side of a comparison of two runs.
    Reported,
}

/// Context entries that are not kept: they describe one moment, not the machine.
const TRANSIENT: [&str; 3] = ["load", "run_id", "started"];

/// The context and the controls of a run by name, without transient entries.
pub(super) fn surroundings(fingerprint: &Fingerprint) -> Context {
    let control = |(control, state): (&Control, &ControlState)| (control.name().to_owned(), state.to_string());
    let context = fingerprint.context.clone().into_iter().filter(|(name, _)| !TRANSIENT.contains(&name.as_str()));
    context.chain(fingerprint.controls.iter().map(control)).collect()
}

/// Converts a run to a baseline without a blessing. Cases that could not run are omitted.
#[must_use]
pub fn of_run(run: &Record, policy: &Policy, keep: Keep) -> Baseline {
    let measured = run.cases.iter().filter(|case| case.not_run.is_none());
    Baseline {
        family: run.family.clone(),
        class: run.fingerprint.class.clone(),
        unit: run.unit.clone(),
        baseline_stage: run.baseline_stage.clone(),
        context: surroundings(&run.fingerprint),
        blessings: Vec::new(),
        cases: measured.map(|case| (case.id.clone(), of_case(run, case, policy, keep))).collect(),
    }
}

/// The values that a baseline kept in git expects although the policy neither gates nor watches them any more: a rise in
/// them fails nothing. Values of 0 without a line count if no aspect of their quantity is gated. Cases that did not run
/// are left out.
#[must_use]
pub fn no_longer_judged(baseline: &Baseline, run: &Record, policy: &Policy) -> Vec<(CaseId, Quantity, Aspect)> {
    let ran = |id: &CaseId| run.case(id.as_str()).is_some_and(|case| case.samples > 0);
    let of_case = |(id, case): (&CaseId, &BaselineCase)| {
        let is_judged = |(quantity, aspect): &(Quantity, Aspect)| {
            matches!(policy.applied(id, *quantity, aspect).mode, Mode::Gate | Mode::Watch)
        };
        let (judged, other): (Vec<_>, Vec<_>) =
            all_expected(case, &baseline.baseline_stage).into_iter().partition(is_judged);
        let judged: BTreeSet<Quantity> = judged.into_iter().map(|(quantity, _)| quantity).collect();
        let counts = |value: &(Quantity, Aspect)| case.values.contains_key(value) || !judged.contains(&value.0);
        let other = other.into_iter().filter(counts);
        other.map(|(quantity, aspect)| (id.clone(), quantity, aspect)).collect::<Vec<_>>()
    };
    baseline.cases.iter().filter(|(id, _)| ran(id)).flat_map(of_case).collect()
}

fn of_case(run: &Record, case: &CaseRecord, policy: &Policy, keep: Keep) -> BaselineCase {
    let view = CaseView::of(run, case);
    let kept = |mode| match mode {
        Mode::Gate | Mode::Watch => true,
        Mode::Report => keep == Keep::Reported,
        Mode::Ignore => false,
    };
    let value = |(quantity, aspect): (Quantity, Aspect)| {
        if !kept(policy.applied(&case.id, quantity, &aspect).mode) {
            return None;
        }
        let values = WorkerValues::new(view.values(quantity, &aspect)?)?;
        let parts: BTreeMap<Category, f64> = breakdown(quantity, &aspect, view).into_iter().collect();
        let summary = values.summary(parts);
        (!is_implied(quantity, &aspect, &summary)).then_some(((quantity, aspect), summary))
    };
    let is_gated = |metric: &Metric| {
        let quantity = Quantity::from(*metric);
        let aspects = view.aspects().into_iter().filter(|aspect| is_gated_by_default(quantity, aspect));
        let mut gated = aspects.filter(|aspect| policy.applied(&case.id, quantity, aspect).mode == Mode::Gate);
        gated.any(|aspect| view.values(quantity, &aspect).is_some())
    };
    let stages: Vec<Stage> = case.stages.iter().map(|columns| columns.stage.clone()).collect();
    let can_be_gated =
        |metric: &Metric| view.aspects().iter().any(|aspect| is_gated_by_default((*metric).into(), aspect));
    let (gated, without): (BTreeSet<Metric>, BTreeSet<Metric>) =
        Metric::ALL.iter().copied().filter(can_be_gated).partition(is_gated);
    let mut failures: Vec<String> = case.failures.iter().map(|failure| failure.outcome.to_string()).collect();
    failures.sort();
    failures.dedup();
    BaselineCase {
        samples: case.samples,
        failed: case.failures.len(),
        failures,
        // Where nothing is gated, stages may vary.
        stages: if gated.is_empty() { Vec::new() } else { stages },
        without: if gated.is_empty() { BTreeSet::new() } else { without },
        values: judged(view).filter_map(value).collect(),
    }
}
