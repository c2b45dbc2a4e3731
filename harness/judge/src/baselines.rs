//! The folder of baselines, `<machine class>/<family>.txt`, and how a run becomes one.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use highwater_model::{
    Aspect, Baseline, BaselineCase, CaseRecord, Category, Context, Control, ControlState, Fingerprint, MachineClass,
    Quantity, Record,
};
use highwater_store::{StoreError, read_baseline};

use super::{
    Mode, Policy, View,
    pair::{breakdown, judged},
    values::Values,
};

/// Where the baseline of a family is kept.
#[must_use]
pub fn path(folder: &Path, class: &MachineClass, family: &str) -> PathBuf {
    folder.join(class.to_string()).join(format!("{family}.txt"))
}

/// Where it was kept when baselines were records.
#[must_use]
pub fn old_path(folder: &Path, class: &MachineClass, family: &str) -> PathBuf {
    path(folder, class, family).with_extension("json")
}

/// The baseline of a run: of its own machine class, or of the one that differs by ASLR alone.
///
/// # Errors
/// When it is there and cannot be read, or is not what its place says.
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
/// When it is there and cannot be read, or is not what its place says.
pub fn read(folder: &Path, class: &MachineClass, family: &str) -> Result<Option<Baseline>, StoreError> {
    let path = path(folder, class, family);
    match read_baseline(&path) {
        Ok(baseline) if baseline.family == family && baseline.class == *class => Ok(Some(baseline)),
        Ok(Baseline { family, class, .. }) => {
            Err(StoreError::Misplaced { path, found: format!("{family} on {class}") })
        }
        Err(StoreError::Missing(_)) => match old_path(folder, class, family) {
            old if old.is_file() => {
                let (own, baselines) = (folder.join(class.to_string()), folder.to_owned());
                Err(StoreError::OldBaseline { path: old, folder: own, baselines })
            }
            _ => Ok(None),
        },
        Err(error) => Err(error),
    }
}

/// The machine classes that have a baseline of a family.
#[must_use]
pub fn classes(folder: &Path, family: &str) -> Vec<MachineClass> {
    let names = folder.read_dir().into_iter().flatten().flatten();
    let classes = names.filter_map(|entry| entry.file_name().to_str()?.parse::<MachineClass>().ok());
    let mut classes: Vec<_> = classes.filter(|class| path(folder, class, family).is_file()).collect();
    classes.sort();
    classes
}

/// The families that have a baseline of a machine class.
#[must_use]
pub fn families(folder: &Path, class: &MachineClass) -> Vec<String> {
    let entries = folder.join(class.to_string()).read_dir().into_iter().flatten().flatten();
    let files = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "txt"));
    let mut families: Vec<String> = files.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
    families.sort();
    families
}

/// What a baseline keeps of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// What the policy gates: a baseline in git.
    Gated,
    /// What it reports, too: one side of a comparison of two runs.
    Reported,
}

/// Parts of the context that say nothing about a baseline a week later.
const PASSING: [&str; 3] = ["load", "run_id", "started"];

/// The context and the controls of a run, by name, without what passes.
pub(super) fn surroundings(fingerprint: &Fingerprint) -> Context {
    let control = |(control, state): (&Control, &ControlState)| (control.name().to_owned(), state.to_string());
    let context = fingerprint.context.clone().into_iter().filter(|(name, _)| !PASSING.contains(&name.as_str()));
    context.chain(fingerprint.controls.iter().map(control)).collect()
}

/// A run as a baseline without a blessing. Cases that could not run are left out.
#[must_use]
pub fn of_run(run: &Record, policy: &Policy, keep: Keep) -> Baseline {
    let measured = run.cases.iter().filter(|case| case.not_run.is_none());
    Baseline {
        family: run.family.clone(),
        class: run.fingerprint.class.clone(),
        unit: run.unit.clone(),
        reference: run.reference.clone(),
        context: surroundings(&run.fingerprint),
        blessings: Vec::new(),
        cases: measured.map(|case| (case.id.clone(), of_case(run, case, policy, keep))).collect(),
    }
}

fn of_case(run: &Record, case: &CaseRecord, policy: &Policy, keep: Keep) -> BaselineCase {
    let view = View::new(case, &run.reference);
    let kept = |mode| mode == Mode::Gate || (keep == Keep::Reported && mode == Mode::Report);
    let value = |(quantity, aspect): (Quantity, Aspect)| {
        if !kept(policy.applied(&case.id, quantity, &aspect).mode) {
            return None;
        }
        let values = Values::of(view.values(quantity, &aspect)?)?;
        let parts: BTreeMap<Category, f64> = breakdown(quantity, &aspect, view).into_iter().collect();
        Some(((quantity, aspect), values.summary(parts)))
    };
    let mut failures: Vec<String> = case.died.iter().map(|death| death.outcome.to_string()).collect();
    failures.sort();
    failures.dedup();
    BaselineCase { samples: case.samples, failures, values: judged(view).filter_map(value).collect() }
}
