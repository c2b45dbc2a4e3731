//! `highwater compare`: compares a run with the baselines.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    path::{Path, PathBuf},
};

use highwater_judge::{Comparison, Keep, Kind, NoBaseline, Policy, Verdict, compare_family};
use highwater_model::{Baseline, MachineClass, Record};
use highwater_report::{counted, export::Results, terminal::note};
use highwater_runner::{self as runner, Interrupt, RunnerError};
use highwater_store::{StoreError, read_record};

use super::{
    CliError, baselines, confirm,
    explain::{Against, Explainer, Offer, Revisions, offer},
    hints,
    output::Output,
    paths::{BaselineOptions, RunFolder},
};

/// Compare a run with the baselines
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    run: RunFolder,
    #[command(flatten)]
    baselines: BaselineOptions,
    /// Compare with the run in this folder instead of the baselines
    #[arg(long, value_name = "DIR")]
    against: Option<PathBuf>,
    /// Fail on unconfirmed regressions too (exit status 5)
    #[arg(long)]
    strict: bool,
    /// Do not confirm regressions with fresh workers
    #[arg(long)]
    no_confirm: bool,
    /// Do not fail on cases that were not run, and on cases, stages and metrics that are missing from the run
    #[arg(long)]
    allow_missing: bool,
    /// Run one more worker of each regressed case that records call stacks, for 60 s in all, and show which functions
    /// grew since the commit of the baseline, which is built; with `head`, since the baseline stage
    #[arg(long, value_name = "AGAINST", num_args = 0..=1, require_equals = true, default_missing_value = "base")]
    explain: Option<Against>,
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    arguments.output.check()?;
    let policy = arguments.baselines.policy()?;
    let folder = arguments.run.path();
    let runs = arguments.run.last_run()?;
    note_revision(&runs);
    if arguments.against.is_none() {
        note_unmeasured(&arguments.baselines.folder, &runs);
    }
    let mut comparison = Comparison { strict: arguments.strict, ..Comparison::default() };
    let mut files = BTreeMap::new();
    let interrupt = Interrupt::install().map_err(|source| RunnerError::System { what: "watch for Ctrl-C", source })?;
    let mut explainer = Explainer::default();
    for run in &runs {
        let baseline = match &arguments.against {
            Some(folder) => other_run(folder, &run.family, &policy)?,
            None => baselines::find(&arguments.baselines.folder, run)?,
        };
        let class = baseline.as_ref().map_or(&run.fingerprint.class, |baseline| &baseline.class);
        files.insert(run.family.clone(), file(&arguments.baselines.folder, class, &run.family));
        match baseline {
            Some(baseline) => {
                if arguments.against.is_none() {
                    note_no_longer_judged(&baseline, run, &policy);
                }
                let mut family = match arguments.no_confirm {
                    true => compare_family(&baseline, run, &policy),
                    false => confirm::compare_and_confirm(&folder, &baseline, run, &policy, &interrupt)?,
                };
                // A program without a bench cannot be built at another commit.
                let has_bench = !confirm::is_of_exec(&folder, &run.family);
                let commit = baseline.context.get("commit").filter(|_| has_bench).map(String::as_str);
                offer(&mut family, Offer::Explain { commit, arguments: &arguments.run.as_arguments() });
                if let Some(against) = arguments.explain {
                    let against = if has_bench { against } else { Against::Head };
                    explainer.explain(&mut family, run, &folder, |cases| {
                        Revisions::of_run(run, &folder, cases, against, commit, &interrupt)
                    })?;
                }
                comparison.families.push(family);
            }
            None => comparison.without_baseline.push(NoBaseline {
                other_classes: baselines::classes(&arguments.baselines.folder, &run.family),
                class: run.fingerprint.class.clone(),
                family: run.family.clone(),
            }),
        }
    }
    if arguments.allow_missing {
        let verdicts = comparison.families.iter_mut().flat_map(|family| &mut family.verdicts);
        let is_allowed = |verdict: &&mut Verdict| matches!(verdict.kind, Kind::Missing | Kind::NotRun);
        verdicts.filter(is_allowed).for_each(|verdict| verdict.gated = false);
    }
    let results = Results { comparison: &comparison, runs: &runs, policy: &policy, files: &files };
    arguments.output.deliver(&results)?;
    if arguments.output.is_for_people() {
        hints::after_compare(&comparison, &arguments.run, &arguments.baselines);
    }
    Ok(comparison.exit_status())
}

/// Reads the record of another run as a baseline.
fn other_run(folder: &Path, family: &str, policy: &Policy) -> Result<Option<Baseline>, CliError> {
    match read_record(&folder.join(format!("{family}.json"))) {
        Ok(record) => Ok(Some(baselines::of_run(&record, policy, Keep::Gated))),
        Err(StoreError::Missing(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Prints a note if a run was measured at another revision than that of the working tree.
fn note_revision(runs: &[Record]) {
    let here = runner::context().remove("commit");
    for run in runs {
        let measured = run.fingerprint.context.get("commit");
        if let (Some(measured), Some(here)) = (measured, &here)
            && measured != here
        {
            note(format_args!("note: {}: measured at {measured}; the working tree is at {here}", run.family));
        }
    }
}

/// Prints a note for each family that has a baseline but is not in the last run. It is no failure, because a run may
/// be of one package (`cargo bench -p`).
fn note_unmeasured(folder: &Path, runs: &[Record]) {
    let classes: BTreeSet<&MachineClass> = runs.iter().map(|run| &run.fingerprint.class).collect();
    for family in classes.into_iter().flat_map(|class| baselines::families(folder, class)) {
        if runs.iter().all(|run| run.family != family) {
            note(format_args!("note: {family}: has a baseline, but is not in the last run"));
        }
    }
}

/// Prints a note if a run cannot fail by values that its baseline expects, because the policy changed.
fn note_no_longer_judged(baseline: &Baseline, run: &Record, policy: &Policy) {
    let values = baselines::no_longer_judged(baseline, run, policy);
    if let Some((case, quantity, aspect)) = values.first() {
        note(format_args!(
            "note: {}: the policy no longer gates {} of the baseline, such as {aspect} of {quantity} in {case}; if that \
             is intended, bless",
            run.family,
            counted(values.len(), "value")
        ));
    }
}

/// The path of a baseline, relative to the working directory if possible.
fn file(baselines: &Path, class: &MachineClass, family: &str) -> PathBuf {
    let path = baselines::path(baselines, class, family);
    match env::current_dir() {
        Ok(here) => path.strip_prefix(here).map(Path::to_owned).unwrap_or(path),
        Err(_) => path,
    }
}
