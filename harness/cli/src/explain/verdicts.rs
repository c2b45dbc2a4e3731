//! Explains the confirmed findings of a comparison: each gets the command that explains it, and on request the stacks
//! that grew most, within a time budget.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use highwater_explain::{Attributed, Profile, difference, stage_stacks};
use highwater_judge::{FamilyComparison, Kind, Subject, Verdict};
use highwater_model::{
    Aspect, CaseId, Category, Explanation, Metric, Moment, Quantity, Record, StackGrowth, StageStacks,
};
use highwater_report::{
    counted,
    terminal::{Forecast, ProgressLine, note},
};

use super::{
    revision::{Revision, Revisions},
    stored::store,
};
use crate::{CliError, forecast::WorkerTimes};

/// The time for the workers of all explanations together. The time to build a revision is not part of it.
const BUDGET: Duration = Duration::from_secs(60);
/// The stacks that a finding shows. The command shows all.
const STACKS: usize = 3;

/// The command that explains a finding.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Offer<'a> {
    /// `highwater explain`.
    Explain {
        /// The commit of the baseline.
        commit: Option<&'a str>,
        /// Further arguments: the folders that are not the default ones.
        arguments: &'a str,
    },
    /// `highwater ab` with this base, and its further arguments.
    Ab {
        /// The revision that the working tree is compared with, or the versions of dependencies.
        base: &'a str,
        /// Further arguments: the packages.
        arguments: &'a str,
    },
    /// The same command once more.
    Again {
        /// The command.
        command: &'a str,
    },
}

impl Offer<'_> {
    fn command(self, case: &CaseId, stage: &str, moment: Moment) -> String {
        match self {
            Self::Explain { commit, arguments } => {
                let peak = if moment == Moment::Peak { " --peak" } else { "" };
                let base = commit.map_or_else(String::new, |commit| format!(" --base {commit}"));
                format!("highwater explain '{case}' --stage {stage}{peak}{base}{arguments}")
            }
            Self::Again { command } => command.to_owned(),
            // No other character of an id has a meaning in a regular expression.
            Self::Ab { base, arguments } => {
                format!("highwater ab {base} '^{}$' --explain{arguments}", case.as_str().replace('.', "\\."))
            }
        }
    }
}

/// Gives every confirmed regression the command that explains it.
pub(crate) fn offer(family: &mut FamilyComparison, offer: Offer<'_>) {
    let unit = family.unit.clone();
    for verdict in &mut family.verdicts {
        if let Some(subject) = explainable(verdict) {
            let (stage, moment) = place_of(subject);
            let command = offer.command(&verdict.case, &stage, moment);
            let explanation = Explanation { command, unit: unit.clone(), stacks: Vec::new(), remark: None };
            verdict.explanation = Some(explanation);
        }
    }
}

/// The subject of a finding that call stacks can explain.
fn explainable(verdict: &Verdict) -> Option<&Subject> {
    let is_confirmed = verdict.fails() && matches!(verdict.kind, Kind::Regressed | Kind::OverBudget);
    let is_memory = |subject: &&Subject| match subject.quantity {
        Quantity::Process(metric) => metric != Metric::Threads,
        Quantity::Within(..) => true,
        Quantity::Time(_) | Quantity::Figure(_) => false,
    };
    verdict.subject.as_ref().filter(|_| is_confirmed).filter(is_memory)
}

/// Whether a stack holds memory of the kind that a finding is about.
fn is_about(subject: &Subject, stack: &StackGrowth) -> bool {
    match (subject.quantity, stack.category) {
        (Quantity::Process(metric), category) => {
            category.is_none() || !(metric.is_heap_bytes() || metric == Metric::HeapBlocks)
        }
        // Blocks are in the heap, or, if they are large, in mappings of their own.
        (Quantity::Within(_, place), None) => place.is_heap() || place == Category::Other,
        (Quantity::Within(_, place), Some(category)) => place == category,
        (Quantity::Time(_) | Quantity::Figure(_), _) => false,
    }
}

/// The stage of a subject as `explain` takes it, and which heap of it.
fn place_of(subject: &Subject) -> (String, Moment) {
    let moment = match subject.quantity {
        Quantity::Process(Metric::HeapPeak) => Moment::Peak,
        _ => Moment::Reached,
    };
    let stage = match &subject.aspect {
        Aspect::Slope(name) => name.clone(),
        Aspect::Growth(stage) | Aspect::Level(stage) => stage.to_string(),
    };
    (stage, moment)
}

/// Explains the findings of several families within one time budget.
#[derive(Debug, Default)]
pub(crate) struct Explainer {
    used: Duration,
}

impl Explainer {
    /// Adds the stacks that grew most to every finding that has a command, and stores them with the `run` in `folder`.
    /// What cannot be explained says why. `revisions` makes what starts the workers of some cases; it is called only if
    /// there are any.
    ///
    /// # Errors
    /// If the user interrupts it.
    pub(crate) fn explain(
        &mut self,
        family: &mut FamilyComparison,
        run: &Record,
        folder: &Path,
        revisions: impl FnOnce(&[&CaseId]) -> Result<Revisions, CliError>,
    ) -> Result<(), CliError> {
        let mut cases: BTreeMap<CaseId, Vec<&mut Verdict>> = BTreeMap::new();
        for verdict in family.verdicts.iter_mut().filter(|verdict| verdict.explanation.is_some()) {
            cases.entry(verdict.case.clone()).or_default().push(verdict);
        }
        if cases.is_empty() {
            return Ok(());
        }
        let mut revisions = match revisions(&cases.keys().collect::<Vec<_>>()) {
            Ok(revisions) => revisions,
            Err(error) if error.is_interrupt() => return Err(error),
            // The verdicts stand without an explanation.
            Err(error) => {
                let why = match error {
                    CliError::NotExplained(why) => why,
                    error => error.to_string(),
                };
                cases.into_values().flatten().for_each(|verdict| remark(verdict, &why));
                return Ok(());
            }
        };
        let mut forecast = Forecast::default();
        let count = 1 + u32::from(revisions.base.is_ok());
        let times = WorkerTimes::read(revisions.head.folder(), &family.family);
        times.add_explained(&mut forecast, cases.keys(), count);
        note(format_args!(
            "{}: recording the call stacks of {}, for {} s at most; {forecast}",
            family.family,
            counted(cases.len(), "case"),
            BUDGET.as_secs()
        ));
        let progress = ProgressLine::new(&family.family, &forecast);
        for (case, verdicts) in cases {
            progress.begin(case.as_str());
            let started = Instant::now();
            let sides = self.sides(&mut revisions, &case);
            self.used += started.elapsed();
            progress.end(case.as_str());
            match sides {
                Ok(sides) => {
                    let mut stored: Vec<StageStacks> = Vec::new();
                    for verdict in verdicts {
                        let stacks = add_stacks(verdict, &sides);
                        let is_new = |new: &StageStacks| {
                            stored.iter().all(|known| (&known.stage, known.moment) != (&new.stage, new.moment))
                        };
                        stored.extend(stacks.filter(is_new));
                    }
                    store(folder, run, &case, &family.unit, stored);
                }
                Err(error) if error.is_interrupt() => return Err(error),
                Err(error) => verdicts.into_iter().for_each(|verdict| remark(verdict, &error.to_string())),
            }
        }
        Ok(())
    }

    /// Runs one worker of a case in each revision. A base that cannot be explained is left out.
    fn sides(&self, revisions: &mut Revisions, case: &CaseId) -> Result<Sides, CliError> {
        let started = Instant::now();
        let left = || match BUDGET.checked_sub(self.used + started.elapsed()) {
            Some(left) if !left.is_zero() => Ok(Some(left)),
            _ => Err(CliError::NotExplained(format!("the {} s for all explanations are over", BUDGET.as_secs()))),
        };
        let head = revisions.head.attribute(case, left()?)?;
        let attribute = |base: &mut Revision| left().and_then(|left| base.attribute(case, left));
        let base = match &mut revisions.base {
            Ok((name, base)) => match attribute(base) {
                Ok(attributed) => Ok((name.clone(), attributed)),
                Err(error) if error.is_interrupt() => return Err(error),
                Err(error) => Err(error.to_string()),
            },
            Err(why) => Err(why.clone()),
        };
        Ok(Sides { head, base })
    }
}

/// A worker of each revision.
struct Sides {
    head: Attributed,
    /// The worker of the base and the name of its revision, or the reason why it is missing.
    base: Result<(String, Attributed), String>,
}

/// Adds the stacks of one finding: the growth since the base, or why it is that since the baseline stage. Returns the
/// stacks of both sides.
fn add_stacks(verdict: &mut Verdict, sides: &Sides) -> Option<StageStacks> {
    let subject = verdict.subject.clone()?;
    let (stage, moment) = place_of(&subject);
    let profile = |side: &Attributed| Profile::new(side, Some(&stage), moment).map_err(|error| error.to_string());
    let head = match profile(&sides.head) {
        Ok(head) => head,
        Err(error) => {
            remark(verdict, &error);
            return None;
        }
    };
    let compared = sides.base.as_ref().map_err(Clone::clone).and_then(|(name, base)| {
        let base = profile(base)?;
        let grown = difference(&base, &head).map_err(|error| error.to_string())?;
        Ok((grown, (name.as_str(), base)))
    });
    let (rows, base, why) = match compared {
        Ok((grown, base)) => (grown.rows, Some(base), None),
        Err(why) => (head.rows.clone(), None, Some(format!("growth since the baseline stage, because {why}"))),
    };
    if let Some(explanation) = &mut verdict.explanation {
        explanation.stacks =
            rows.into_iter().filter(|row| row.bytes > 0 && is_about(&subject, row)).take(STACKS).collect();
        explanation.remark = match explanation.stacks.is_empty() {
            true => Some("no stack grew in a worker that records them".to_owned()),
            false => why,
        };
    }
    Some(stage_stacks(head, base))
}

fn remark(verdict: &mut Verdict, text: &str) {
    if let Some(explanation) = &mut verdict.explanation {
        explanation.remark = Some(text.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_names_the_case_and_what_it_is_compared_with() {
        let case: CaseId = "f/on-demand/cow=on,limit=0.5".parse().expect("an id");
        let command = |offer: Offer<'_>| offer.command(&case, "live", Moment::Peak);
        assert_eq!(
            command(Offer::Explain { commit: Some("abc"), arguments: " --run 'x'" }),
            "highwater explain 'f/on-demand/cow=on,limit=0.5' --stage live --peak --base abc --run 'x'"
        );
        assert_eq!(
            command(Offer::Ab { base: "main", arguments: " --package f" }),
            "highwater ab main '^f/on-demand/cow=on,limit=0\\.5$' --explain --package f"
        );
    }
}
