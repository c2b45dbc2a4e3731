//! Checks that a run must pass to become a baseline, and the flags that override them.

use std::path::Path;

use highwater_judge::{FamilyComparison, Kind};
use highwater_model::{CaseRecord, Record};

use super::git;

/// Minimum number of completed workers per case of a baseline.
const MIN_SAMPLES: usize = 5;

/// Flags that override checks.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Overrides {
    /// Allow uncommitted changes, and runs that were measured at another commit
    #[arg(long)]
    allow_dirty: bool,
    /// Allow failures that are not in the baseline, or more of them
    #[arg(long)]
    allow_failures: bool,
    /// Allow unconfirmed changes of gated metrics
    #[arg(long)]
    allow_unconfirmed: bool,
}

impl Overrides {
    /// The flags that are set, with a space before each.
    pub(super) fn as_arguments(self) -> String {
        let flags = [
            (self.allow_dirty, " --allow-dirty"),
            (self.allow_failures, " --allow-failures"),
            (self.allow_unconfirmed, " --allow-unconfirmed"),
        ];
        flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag).collect()
    }

    /// Why a run must not become the baseline, if so. `changes` is its comparison with the present one.
    pub(super) fn refuse_run(self, run: &Record, changes: &FamilyComparison, is_part: bool) -> Option<String> {
        let family = &run.family;
        if let Some(sentence) = run.selection.worker_options.sentences(&run.unit).next() {
            return Some(format!("{family}: {sentence}"));
        }
        if run.selection.ladder.is_some() {
            return Some(format!("{family}: the run used non-default scales (--ladder)"));
        }
        if !is_part && !run.selection.is_everything() {
            return Some(format!(
                "{family}: the run is incomplete (it used a filter); measure the whole family, or name the cases to update"
            ));
        }
        let ran = run.cases.iter().filter(|case| case.not_run.is_none());
        let gated = |kind| changes.verdicts.iter().find(|verdict| verdict.gated && verdict.kind == kind);
        let refuse = |kind, flag| {
            gated(kind)
                .map(|verdict| format!("{}: {}; if that is intended, use {flag}", verdict.case, verdict.sentence))
        };
        refuse(Kind::Failed, "--allow-failures")
            .filter(|_| !self.allow_failures)
            .or_else(|| ran.clone().find_map(too_few_samples))
            .or_else(|| refuse(Kind::Unconfirmed, "--allow-unconfirmed").filter(|_| !self.allow_unconfirmed))
    }

    /// Refuses uncommitted sources, and runs that were not measured at HEAD.
    pub(super) fn refuse_sources(self, runs: &[&Record], baselines: &Path) -> Option<String> {
        if self.allow_dirty {
            return None;
        }
        let tree = match git::work_tree(baselines) {
            Ok(tree) => tree?,
            Err(error) => {
                return Some(format!(
                    "cannot check whether the sources are committed ({error}); fix that or use --allow-dirty"
                ));
            }
        };
        let problem = match tree.dirty.as_slice() {
            [] => runs.iter().find_map(|run| measured_elsewhere(run, &tree.head)),
            [only] => Some(format!("{} is not committed", only.display())),
            [first, rest @ ..] => Some(format!("{} and {} more are not committed", first.display(), rest.len())),
        };
        problem.map(|problem| format!("{problem}; commit and measure again, or use --allow-dirty"))
    }
}

/// Refuses a case with too few completed workers. A case that always fails has none to count.
fn too_few_samples(case: &CaseRecord) -> Option<String> {
    let too_few = case.samples < MIN_SAMPLES && (case.samples > 0 || case.failures.is_empty());
    too_few.then(|| format!("{}: {} samples; a baseline needs at least {MIN_SAMPLES}", case.id, case.samples))
}

/// Refuses a run that was not measured at `head`. The recorded commit is the output of `git describe --always
/// --dirty`, a prefix of the full hash.
fn measured_elsewhere(run: &Record, head: &str) -> Option<String> {
    let family = &run.family;
    match run.fingerprint.context.get("commit").map(|commit| (commit, commit.strip_suffix("-dirty"))) {
        None => Some(format!("{family}: the run does not record the commit it was measured at")),
        Some((_, Some(commit))) => Some(format!("{family}: the run was measured at {commit} with uncommitted changes")),
        Some((commit, None)) if commit.len() < 7 || !head.starts_with(commit.as_str()) => {
            let head = head.get(..12).unwrap_or("unborn");
            Some(format!("{family}: the run was measured at another commit ({commit}; HEAD is {head})"))
        }
        Some(_) => None,
    }
}
