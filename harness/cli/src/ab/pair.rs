//! Two built revisions: runs their workers interleaved, judges the results, and measures again what is flagged.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use highwater_judge::{
    Comparison, FamilyComparison, Keep, Kind, Policy, Verdict, baselines, compare_family, confirm_family, judge_time,
};
use highwater_model::{CaseId, Quantity, Record, Selection};
use highwater_report::{
    counted,
    terminal::{Forecast, ProgressLine, note},
};
use highwater_runner::{Interrupt, Measuring, Plan, Planned};
use highwater_store::write_record;

use super::{
    checkout::{Bench, Workspace},
    interleave::{self, Pairs, Side, expected_pairs},
};
use crate::{
    CliError,
    confirm::exact_filter,
    explain::{Explainer, Offer, Revision, Revisions, offer},
    forecast::WorkerTimes,
};

/// The folders of the records, in Highwater's part of the target folder.
const BASE_RUN: &str = "ab/base-run";
const HEAD_RUN: &str = "ab/head-run";

/// Options of comparisons with interleaved workers.
#[derive(Debug, clap::Args)]
pub(crate) struct PairOptions {
    /// Only benches of this package; may be repeated
    #[arg(short, long, value_name = "NAME")]
    pub(crate) package: Vec<String>,
    /// Pairs of workers per case [default: up to 20 within 4 s, at least 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(5..=10_000))]
    samples: Option<u32>,
    /// Seed of the random order of workers
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
    /// Do not disable address space layout randomisation
    #[arg(long)]
    aslr_on: bool,
    /// Run one more worker of each regressed case in both revisions that records call stacks, for 60 s in all, and show
    /// which functions grew
    #[arg(long)]
    pub(crate) explain: bool,
}

/// A revision whose benches are built.
pub(crate) struct Built {
    /// What it is called: a revision, `wasmtime 47.0.4`, or `the working tree`.
    pub(crate) name: String,
    /// Its commit in records.
    pub(crate) commit: String,
    /// The root of its workspace.
    pub(crate) root: PathBuf,
    /// Its benches by name.
    pub(crate) benches: BTreeMap<String, Bench>,
}

/// What was found in all families.
#[derive(Default)]
pub(crate) struct Compared {
    pub(crate) comparison: Comparison,
    /// The runs of the head.
    pub(crate) runs: Vec<Record>,
    /// The source file of each family, relative to the workspace.
    pub(crate) files: BTreeMap<String, PathBuf>,
}

/// How revisions are compared.
pub(crate) struct Comparer<'a> {
    pub(crate) options: &'a PairOptions,
    pub(crate) policy: &'a Policy,
    /// Whether time is gated.
    pub(crate) gate_time: bool,
    /// Whether regressions are explained.
    pub(crate) explain: bool,
    /// A quantity whose findings are confirmed even if the policy does not gate it.
    pub(crate) confirms: Option<Quantity>,
    pub(crate) workspace: &'a Workspace,
    pub(crate) interrupt: &'a Interrupt,
    /// The command that explains a finding.
    pub(crate) offer: Offer<'a>,
}

impl Comparer<'_> {
    /// Compares the cases that match a filter in the families that both revisions have. The caller has the lock of the
    /// folder.
    ///
    /// # Errors
    /// If a revision cannot be measured, or the user interrupts it.
    pub(crate) fn compare(&self, base: &Built, head: &Built, filter: Option<&str>) -> Result<Compared, CliError> {
        let mut compared = Compared::default();
        let mut explainer = Explainer::default();
        for (name, bench) in &head.benches {
            let Some(old) = base.benches.get(name) else {
                note(format_args!("note: {name}: this bench does not exist in {}", base.name));
                continue;
            };
            let pair = FamilyPair { comparer: self, revisions: [base, head], programs: [&old.program, &bench.program] };
            if let Some((mut family, run)) = pair.compare(filter)? {
                pair.explain(&mut family, &run, &mut explainer)?;
                let source = bench.source.strip_prefix(&head.root).unwrap_or(&bench.source);
                compared.files.insert(run.family.clone(), source.to_owned());
                compared.comparison.families.push(family);
                compared.runs.push(run);
            }
        }
        Ok(compared)
    }

    /// The cases of a revision, in all of its benches.
    ///
    /// # Errors
    /// If a bench does not say what it has.
    pub(crate) fn cases_of(&self, revision: &Built) -> Result<Vec<CaseId>, CliError> {
        let mut cases = Vec::new();
        for bench in revision.benches.values() {
            let target = &self.workspace.target;
            let plan = Plan::request(&bench.program, target, &Selection::default(), !self.options.aslr_on)?;
            cases.extend(plan.cases.iter().map(|planned| planned.id().clone()));
        }
        Ok(cases)
    }
}

/// One family in two revisions, base first.
struct FamilyPair<'a> {
    comparer: &'a Comparer<'a>,
    revisions: [&'a Built; 2],
    programs: [&'a PathBuf; 2],
}

impl FamilyPair<'_> {
    /// Returns the verdicts and the run of the head; `None` if no case matches the filter.
    fn compare(&self, filter: Option<&str>) -> Result<Option<(FamilyComparison, Record)>, CliError> {
        let Comparer { options, policy, gate_time, confirms, .. } = *self.comparer;
        let Some((base, head)) = self.measure(filter.map(str::to_owned), options.seed)? else {
            return Ok(None);
        };
        self.save(&base, &head)?;
        let baseline = baselines::of_run(&base, policy, Keep::Reported);
        let first = compare_family(&baseline, &head, policy);
        let time = judge_time((&base, &head), None, policy);
        let mut flagged: Vec<&CaseId> = first.flagged();
        flagged.extend(time.iter().filter(|verdict| verdict.kind != Kind::Same).map(|verdict| &verdict.case));
        let is_confirmed = |verdict: &&Verdict| {
            let quantity = verdict.subject.as_ref().map(|subject| subject.quantity);
            verdict.kind.is_flagged() && quantity.is_some() && quantity == confirms
        };
        flagged.extend(first.verdicts.iter().filter(is_confirmed).map(|verdict| &verdict.case));
        flagged.sort_unstable();
        flagged.dedup();
        let confirmation = match flagged.as_slice() {
            [] => None,
            flagged => {
                note(format_args!(
                    "{}: measuring {} again to confirm the findings",
                    head.family,
                    counted(flagged.len(), "case")
                ));
                self.measure(Some(exact_filter(flagged)), options.seed.wrapping_add(1))?
            }
        };
        let (mut family, time) = match &confirmation {
            None => (first, time),
            Some((fresh_base, fresh_head)) => (
                confirm_family(&baseline, &head, fresh_head, policy),
                judge_time((&base, &head), Some((fresh_base, fresh_head)), policy),
            ),
        };
        family.verdicts.extend(time.into_iter().map(|mut verdict| {
            verdict.gated |= gate_time;
            verdict
        }));
        Ok(Some((family, head)))
    }

    /// Gives confirmed regressions the command that explains them, and on request the stacks that grew.
    fn explain(&self, family: &mut FamilyComparison, run: &Record, explainer: &mut Explainer) -> Result<(), CliError> {
        let Comparer { options, explain, workspace, interrupt, .. } = *self.comparer;
        offer(family, self.comparer.offer);
        if !explain {
            return Ok(());
        }
        let folder = self.comparer.workspace.folder();
        explainer.explain(family, run, &folder.join(HEAD_RUN), |cases| {
            let selection = Selection { filter: Some(exact_filter(cases)), ..Selection::default() };
            let revision = |side: usize| {
                let plan = Plan::request(self.programs[side], &workspace.target, &selection, !options.aslr_on)?;
                Revision::new(plan, self.revisions[side].root.clone(), &folder, interrupt)
            };
            let name = self.revisions[0].name.clone();
            // The caller of `compare` has the lock already.
            Ok(Revisions { base: Ok((name, revision(0)?)), head: revision(1)?, _lock: None })
        })
    }

    /// Runs interleaved workers of both revisions.
    fn measure(&self, filter: Option<String>, seed: u64) -> Result<Option<(Record, Record)>, CliError> {
        let Comparer { options, workspace, interrupt, .. } = *self.comparer;
        let aslr_off = !options.aslr_on;
        let selection = Selection { filter, ..Selection::default() };
        let folder = self.comparer.workspace.folder();
        let side = |program: &PathBuf| -> Result<Side, CliError> {
            let plan = Plan::request(program, &workspace.target, &selection, aslr_off)?;
            let measuring = Measuring::new(&plan.worker, &folder, interrupt)?;
            Ok(Side { plan, measuring, cases: Vec::new() })
        };
        let [base, head] = self.programs;
        let (mut base, mut head) = (side(base)?, side(head)?);
        if head.plan.cases.is_empty() && base.plan.cases.is_empty() {
            return Ok(None);
        }
        let pairs = match options.samples {
            Some(exactly) => Pairs { fewest: exactly as usize, most: exactly as usize },
            None => Pairs { fewest: 5, most: 20 },
        };
        let forecast = forecast(&head.plan, pairs, &folder);
        let cases = counted(head.plan.cases.len(), "case");
        let fewest = if pairs.fewest == pairs.most { String::new() } else { format!("{} to ", pairs.fewest) };
        note(format_args!(
            "{}: {cases} in both revisions, {fewest}{} pairs of workers each; {forecast}",
            head.plan.family, pairs.most
        ));
        let progress = ProgressLine::new(&head.plan.family, &forecast);
        interleave::measure(&mut base, &mut head, pairs, seed, &progress)?;
        drop(progress);
        let record = |side: Side, revision: &Built| {
            // Record an empty selection, so that cases of only one side are new or missing.
            let mut record = side.measuring.record(side.plan, Selection::default(), aslr_off, side.cases);
            record.fingerprint.context.insert("commit".to_owned(), revision.commit.clone());
            record
        };
        let [base_revision, head_revision] = self.revisions;
        Ok(Some((record(base, base_revision), record(head, head_revision))))
    }

    /// Saves both records in the target folder.
    fn save(&self, base: &Record, head: &Record) -> Result<(), CliError> {
        for (side, record) in [(BASE_RUN, base), (HEAD_RUN, head)] {
            write_record(&self.comparer.workspace.folder().join(side).join(format!("{}.json", record.family)), record)?;
        }
        Ok(())
    }
}

/// About how long the pairs take.
fn forecast(plan: &Plan, pairs: Pairs, folder: &Path) -> Forecast {
    let times = WorkerTimes::read(folder, &plan.family);
    let mut forecast = Forecast::default();
    for case in plan.cases.iter().map(Planned::id) {
        let time = |worker| worker * 2 * expected_pairs(pairs, worker);
        times.add(&mut forecast, case.as_str(), case, time);
    }
    forecast
}
