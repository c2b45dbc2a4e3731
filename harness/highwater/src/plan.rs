//! Creates the plan of a bench binary: the jobs of the selected cases, with the files that they need.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use highwater_model::Stage;
use highwater_report::terminal::ProgressLine;
use highwater_runner::{Job, Plan, Planned, RunError};
use highwater_store::one_line;
use highwater_worker::{Case, Conditions, Dirs, Family, NotRun};

use crate::{
    matcher::Matcher,
    options::{Options, Switch},
    parts::Parts,
};

/// Prepares the files of the selected cases and creates their jobs. Workers will run in `folder`. A case whose files
/// cannot be prepared does not prevent the others. `progress` shows which case it is.
///
/// # Errors
/// If two cases of the family have the same id.
pub(super) fn make(
    bench: &Parts,
    options: &Options,
    matcher: &Matcher,
    dirs: Dirs<'_>,
    folder: &Path,
    progress: Option<&ProgressLine>,
) -> Result<Plan, RunError> {
    let family = &bench.family;
    let mut ids = BTreeSet::new();
    if let Some(case) = family.cases.iter().find(|case| !ids.insert(case.id())) {
        return Err(RunError::DuplicateCase { family: family.name.to_owned(), case: case.id() });
    }
    let planned = |case: &dyn Case| {
        let id = case.id();
        if options.criterion.quick && case.is_heavy() {
            return Planned::NotRun { id, reason: "heavy: left out of --quick".to_owned(), left_out: true };
        }
        let step = format!("files of {id}");
        progress.inspect(|progress| progress.begin(&step));
        let prepared = case.prepare(dirs);
        progress.inspect(|progress| progress.end(&step));
        match prepared {
            Ok(inputs) => Planned::Job(Box::new(job(family, case, options, folder, inputs))),
            Err(error) => match error.downcast::<NotRun>() {
                Ok(not_run) => Planned::NotRun { id, reason: not_run.0, left_out: false },
                Err(error) => Planned::NotPrepared { id, reason: one_line(&error.to_string()) },
            },
        }
    };
    let cases = matcher.selected(family).into_iter().map(planned).collect();
    let (unit, stage) = (family.unit, stage(family.baseline_stage));
    Ok(Plan::new(family.name, unit, stage, bench.context.clone(), bench.worker()?, cases))
}

/// Parses the name of a stage in the source of a family.
///
/// # Panics
/// If it is invalid, which is a bug in the family that its first run reveals.
fn stage(name: &str) -> Stage {
    name.parse().unwrap_or_else(|error| panic!("in the family's source: {error}"))
}

fn job(family: &Family, case: &dyn Case, options: &Options, folder: &Path, inputs: Vec<PathBuf>) -> Job {
    // Relative to the worker's folder if possible, so that the length of the checkout's path does not affect the
    // worker's heap.
    let relative = |path: PathBuf| path.strip_prefix(folder).map(Path::to_owned).unwrap_or(path);
    let own_ladder = case.ladder();
    let mut ladder = match &options.ladder {
        Some(ladder) if !own_ladder.is_empty() => ladder.clone(),
        _ => own_ladder,
    };
    ladder.sort_unstable();
    ladder.dedup();
    Job {
        program: case.program(),
        case: case.id(),
        warm_up: case.warms_up(),
        alone: case.runs_alone(),
        takes_turns: case.limits().memory.is_none() && !case.is_heavy(),
        ladder,
        options: options.worker.0.clone(),
        inputs: inputs.into_iter().map(relative).collect(),
        baseline_stage: stage(family.baseline_stage),
        limits: case.limits(),
        conditions: Conditions { aslr_off: options.aslr == Switch::Off, ..case.conditions() },
        environment: case.environment(),
    }
}
