//! Explains the confirmed findings of a comparison: each gets the command that explains it, and on request the stacks
//! that grew most, within a time budget.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use clap::ValueEnum;
use highwater_explain::{Attributed, Moment, Profile, difference};
use highwater_judge::{FamilyComparison, Kind, Subject, Verdict};
use highwater_model::{Aspect, CaseId, Category, Explanation, Metric, Quantity, Record, Selection, StackGrowth};
use highwater_report::{counted, terminal::note};
use highwater_runner::Interrupt;
use highwater_store::FolderLock;

use super::revision::Revision;
use crate::{
    CliError,
    confirm::{BenchBinary, exact_filter},
};

/// The time for the workers of all explanations together. The time to build a revision is not part of it.
const BUDGET: Duration = Duration::from_secs(60);
/// The stacks that a finding shows. The command shows all.
const STACKS: usize = 3;

/// Which revisions `compare --explain` looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Against {
    /// The growth since the commit of the baseline, which is built
    Base,
    /// The growth since the baseline stage in this revision only; nothing is built
    Head,
}

/// Where the command that explains a finding finds the run, and what it compares with.
pub(crate) struct Context<'a> {
    /// Further arguments: the folders that are not the default ones.
    pub(crate) arguments: String,
    /// The commit of the baseline.
    pub(crate) commit: Option<&'a str>,
}

/// Gives every confirmed regression the command that explains it.
pub(crate) fn offer(family: &mut FamilyComparison, context: &Context<'_>) {
    let unit = family.unit.clone();
    for verdict in &mut family.verdicts {
        if let Some(subject) = explainable(verdict) {
            let (stage, moment) = place_of(subject);
            let mut command = format!("highwater explain '{}' --stage {stage}", verdict.case);
            if moment == Moment::Peak {
                command.push_str(" --peak");
            }
            if let Some(commit) = context.commit {
                command.push_str(&format!(" --base {commit}"));
            }
            command.push_str(&context.arguments);
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

/// Explains the findings of several families.
pub(crate) struct Explainer<'a> {
    against: Against,
    interrupt: &'a Interrupt,
    used: Duration,
}

impl<'a> Explainer<'a> {
    pub(crate) fn new(against: Against, interrupt: &'a Interrupt) -> Self {
        Self { against, interrupt, used: Duration::ZERO }
    }

    /// Adds the stacks that grew most to every finding that has a command. What cannot be explained says why.
    ///
    /// # Errors
    /// If the user interrupts it.
    pub(crate) fn explain(
        &mut self,
        family: &mut FamilyComparison,
        run: &Record,
        program: Result<BenchBinary, String>,
        context: &Context<'_>,
    ) -> Result<(), CliError> {
        let mut cases: BTreeMap<CaseId, Vec<&mut Verdict>> = BTreeMap::new();
        for verdict in family.verdicts.iter_mut().filter(|verdict| verdict.explanation.is_some()) {
            cases.entry(verdict.case.clone()).or_default().push(verdict);
        }
        if cases.is_empty() {
            return Ok(());
        }
        let program = match program {
            Ok(program) => program,
            Err(why) => {
                cases.into_values().flatten().for_each(|verdict| remark(verdict, &why));
                return Ok(());
            }
        };
        let _lock = FolderLock::take(program.folder(), |line| note(line))?;
        note(format_args!("{}: explaining {}", family.family, counted(cases.len(), "case")));
        let (mut base, without_base) = self.base(run, &program, cases.keys().collect(), context)?;
        let mut head = Revision::of_run(&program, self.interrupt)?;
        for (case, verdicts) in cases {
            let started = Instant::now();
            let explained = self.sides(&mut head, base.as_mut(), &case);
            self.used += started.elapsed();
            match explained {
                Ok(sides) => {
                    verdicts.into_iter().for_each(|verdict| add_stacks(verdict, &sides, without_base.as_deref()))
                }
                Err(error) if error.is_interrupt() => return Err(error),
                Err(error) => verdicts.into_iter().for_each(|verdict| remark(verdict, &error.to_string())),
            }
        }
        Ok(())
    }

    /// The revision of the baseline, or why the growth is only that of this revision.
    fn base(
        &self,
        run: &Record,
        program: &BenchBinary,
        cases: Vec<&CaseId>,
        context: &Context<'_>,
    ) -> Result<(Option<Revision>, Option<String>), CliError> {
        let since_stage = |why: &str| Ok((None, Some(since_baseline_stage(why))));
        let commit = match (self.against, context.commit) {
            (Against::Base, Some(commit)) => commit,
            (Against::Base, None) => return since_stage("the baseline has no commit"),
            (Against::Head, _) => return since_stage("no other revision was built"),
        };
        let selection = Selection { filter: Some(exact_filter(&cases)), ..run.selection.clone() };
        let aslr_off = run.fingerprint.class.aslr_off;
        match Revision::build(commit, program, &selection, aslr_off, self.interrupt) {
            Ok(base) => Ok((Some(base), None)),
            Err(error) if error.is_interrupt() => Err(error),
            Err(error) => since_stage(&error.to_string()),
        }
    }

    /// Runs one worker of a case in each revision. A base that cannot be explained is left out.
    fn sides(&self, head: &mut Revision, base: Option<&mut Revision>, case: &CaseId) -> Result<Sides, CliError> {
        let started = Instant::now();
        let left = || match BUDGET.checked_sub(self.used + started.elapsed()) {
            Some(left) if !left.is_zero() => Ok(Some(left)),
            _ => Err(CliError::NotExplained(format!("the {} s for all explanations are over", BUDGET.as_secs()))),
        };
        let head = head.attribute(case, left()?)?;
        let base = base.map(|base| left().and_then(|left| base.attribute(case, left)));
        match base {
            Some(Err(error)) if error.is_interrupt() => Err(error),
            base => Ok(Sides { head, base: base.map(|base| base.map_err(|error| error.to_string())) }),
        }
    }
}

/// A worker of each revision.
struct Sides {
    head: Attributed,
    /// `None` if it was not requested, an error if it could not be explained.
    base: Option<Result<Attributed, String>>,
}

fn since_baseline_stage(why: &str) -> String {
    format!("growth since the baseline stage, because {why}")
}

/// Adds the stacks of one finding: the growth since the base, or why it is that since the baseline stage.
fn add_stacks(verdict: &mut Verdict, sides: &Sides, without_base: Option<&str>) {
    let Some(subject) = verdict.subject.clone() else { return };
    let (stage, moment) = place_of(&subject);
    let profile = |side: &Attributed| Profile::new(side, Some(&stage), moment).map_err(|error| error.to_string());
    let head = match profile(&sides.head) {
        Ok(head) => head,
        Err(error) => return remark(verdict, &error),
    };
    let grown = sides.base.as_ref().map(|base| {
        let base = profile(base.as_ref().map_err(Clone::clone)?)?;
        difference(&base, &head).map_err(|error| error.to_string())
    });
    let (profile, why) = match grown {
        Some(Ok(grown)) => (grown, None),
        Some(Err(error)) => (head, Some(since_baseline_stage(&error))),
        None => (head, without_base.map(str::to_owned)),
    };
    if let Some(explanation) = &mut verdict.explanation {
        explanation.stacks =
            profile.rows.into_iter().filter(|row| row.bytes > 0 && is_about(&subject, row)).take(STACKS).collect();
        explanation.remark = match explanation.stacks.is_empty() {
            true => Some("no stack grew in a worker that records them".to_owned()),
            false => why,
        };
    }
}

fn remark(verdict: &mut Verdict, text: &str) {
    if let Some(explanation) = &mut verdict.explanation {
        explanation.remark = Some(text.to_owned());
    }
}
