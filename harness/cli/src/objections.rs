//! Why a run may not become a baseline, and which flag lets it through all the same.

use std::path::Path;

use highwater_judge::{FamilyComparison, Kind};
use highwater_model::{Baseline, BaselineCase, CaseRecord, Record};

use super::git;

/// Fewest completed workers per case of a baseline (design §4).
const FEWEST_SAMPLES: usize = 5;

/// What the user takes upon himself.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Allowed {
    /// Bless although the sources have changes that are not committed, or are not those measured
    #[arg(long)]
    allow_dirty: bool,
    /// Bless although workers died
    #[arg(long)]
    allow_died: bool,
    /// Bless although something gated is unconfirmed against the present baseline
    #[arg(long)]
    allow_unconfirmed: bool,
}

impl Allowed {
    /// What is wrong with a run that is to replace `present`; `changes` is their comparison.
    pub(super) fn objection(
        self,
        run: &Record,
        present: Option<&Baseline>,
        changes: &FamilyComparison,
        is_part: bool,
    ) -> Option<String> {
        let family = &run.family;
        if let Some(sentence) = run.selection.worker_options.sentences(&run.unit).next() {
            return Some(format!("{family}: {sentence}"));
        }
        if run.selection.ladder.is_some() {
            return Some(format!("{family}: the run has other scales (--ladder) than the cases' own"));
        }
        if !is_part && !run.selection.is_everything() {
            return Some(format!(
                "{family}: the run holds only a part (a filter); measure the whole family, or name the cases to update"
            ));
        }
        let known = |case: &CaseRecord| present?.cases.get(&case.id);
        let ran = run.cases.iter().filter(|case| case.not_run.is_none());
        ran.clone().find_map(|case| self.deaths(case, known(case))).or_else(|| ran.clone().find_map(few)).or_else(
            || {
                let gated = |kind| changes.verdicts.iter().find(|verdict| verdict.gated && verdict.kind == kind);
                let verdict = gated(Kind::Unconfirmed).filter(|_| !self.allow_unconfirmed)?;
                Some(format!("{}: {}; or --allow-unconfirmed", verdict.case, verdict.sentence))
            },
        )
    }

    /// Deaths that the baseline does not have already.
    fn deaths(self, case: &CaseRecord, known: Option<&BaselineCase>) -> Option<String> {
        let is_known = |known: &BaselineCase| {
            let all_known = case.died.iter().all(|death| known.failures.contains(&death.outcome.to_string()));
            (case.samples > 0 || known.samples == 0) && all_known
        };
        if self.allow_died || known.is_some_and(is_known) {
            return None;
        }
        let death = case.died.first()?;
        Some(format!(
            "{}: {} of its workers died, {} {}; where that is as it should be, --allow-died",
            case.id,
            case.died.len(),
            death.outcome,
            death.place()
        ))
    }

    /// What is wrong with the sources that the runs are said to have been measured from.
    pub(super) fn objection_to_sources(self, runs: &[&Record], baselines: &Path) -> Option<String> {
        if self.allow_dirty {
            return None;
        }
        let tree = match git::look(baselines) {
            Ok(tree) => tree?,
            Err(words) => {
                return Some(format!(
                    "git does not tell whether the sources are committed ({words}); see to that, or --allow-dirty"
                ));
            }
        };
        let problem = match tree.dirty.as_slice() {
            [] => runs.iter().find_map(|run| measured_elsewhere(run, &tree.head)),
            [only] => Some(format!("{} is not committed", only.display())),
            [first, rest @ ..] => Some(format!("{} and {} more are not committed", first.display(), rest.len())),
        };
        problem.map(|problem| format!("{problem}; commit and measure again, or --allow-dirty"))
    }
}

/// A case that completed, but too seldom. One that always dies as expected has nothing to count.
fn few(case: &CaseRecord) -> Option<String> {
    let too_few = case.samples < FEWEST_SAMPLES && (case.samples > 0 || case.died.is_empty());
    too_few.then(|| format!("{}: {} samples, and a baseline needs {FEWEST_SAMPLES}", case.id, case.samples))
}

/// The recorded commit is that of `git describe --always --dirty`: the start of the full one.
fn measured_elsewhere(run: &Record, head: &str) -> Option<String> {
    let family = &run.family;
    match run.fingerprint.context.get("commit").map(|commit| (commit, commit.strip_suffix("-dirty"))) {
        None => Some(format!("{family}: the run does not say at which commit it was measured")),
        Some((_, Some(commit))) => Some(format!("{family}: the run was measured at {commit} with changes on top")),
        Some((commit, None)) if commit.len() < 7 || !head.starts_with(commit.as_str()) => {
            let head = head.get(..12).unwrap_or("none yet");
            Some(format!("{family}: the run was measured at another commit ({commit}, and HEAD is {head})"))
        }
        Some(_) => None,
    }
}
