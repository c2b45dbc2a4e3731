//! `highwater ab`: compares two revisions in one run with interleaved workers. Memory is compared without a stored
//! baseline. This is the only subcommand that compares time.

mod artifacts;
mod checkout;
mod interleave;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

pub use artifacts::bring_dependencies;
use checkout::{Checkout, Workspace};
use highwater_judge::{
    Comparison, FamilyComparison, Keep, Kind, Policy, baselines, compare_family, confirm_family, judge_time,
};
use highwater_model::{CaseId, Record, Selection};
use highwater_report::{
    counted,
    export::Results,
    site::{comparison_page, write_styles},
    terminal::{Forecast, ProgressLine, next, note, quoted},
};
use highwater_runner::{Interrupt, Measuring, Plan, Planned, RunError, RunnerError};
use highwater_store::{FolderLock, write_atomically, write_record};
use interleave::{Pairs, Side, expected_pairs};

use super::{
    CliError,
    confirm::exact_filter,
    explain::{Explainer, Offer, Revision, Revisions, offer},
    forecast::WorkerTimes,
    output::Output,
    paths::BaselineOptions,
};

/// The folders of the records, in Highwater's part of the target folder.
const BASE_RUN: &str = "ab/base-run";
const HEAD_RUN: &str = "ab/head-run";

/// The reason why a revision cannot be measured. The exit status is 125, so that `git bisect run` skips it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Untestable(String);

/// Compare memory and time of the working tree with another revision
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit status, suitable for `git bisect run`:
  0    no regression
  1    internal error
  2    usage error
  3    regression
  5    unconfirmed regression (--strict)
  125  a revision cannot be measured, for example because it does not build
  130  interrupted")]
pub(super) struct Arguments {
    /// Revision to compare with (a branch, tag or commit)
    base: String,
    /// Only cases that match this regular expression
    filter: Option<String>,
    /// Only benches of this package; may be repeated
    #[arg(short, long, value_name = "NAME")]
    package: Vec<String>,
    /// Pairs of workers per case [default: up to 20 within 4 s, at least 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(5..=10_000))]
    samples: Option<u32>,
    /// Seed of the random order of workers
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
    /// Do not disable address space layout randomisation
    #[arg(long)]
    aslr_on: bool,
    /// Also fail on confirmed time regressions
    #[arg(long)]
    gate_time: bool,
    /// Fail on unconfirmed regressions too (exit status 5)
    #[arg(long)]
    strict: bool,
    /// Run one more worker of each regressed case in both revisions that records call stacks, for 60 s in all, and show
    /// which functions grew
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    baselines: BaselineOptions,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    arguments.output.check()?;
    let policy = arguments.baselines.policy()?;
    let interrupt = Interrupt::install().map_err(|source| RunnerError::System { what: "watch for Ctrl-C", source })?;
    match compare(arguments, &policy, &interrupt) {
        // A revision that cannot be measured gets no verdict.
        Err(CliError::Run(error)) if !matches!(error, RunError::Runner(RunnerError::Interrupted)) => {
            Err(Untestable(error.to_string()).into())
        }
        Err(CliError::Plan(error)) => Err(Untestable(error.to_string()).into()),
        other => other,
    }
}

/// Builds another revision and returns the plan of one of its families, and the root of its sources. `program` is the
/// bench binary of the family in the working tree, by which its package is found.
pub(super) fn plan_of(
    revision: &str,
    family: &str,
    program: &Path,
    selection: &Selection,
    aslr_off: bool,
) -> Result<(Plan, PathBuf), CliError> {
    let workspace = Workspace::find()?;
    let checkout = Checkout::new(revision, &workspace)?;
    note(format_args!("building {revision} ({})", &checkout.commit[..12]));
    let package: Vec<String> = workspace.package_of(program).into_iter().collect();
    for bench in workspace.build_at(&checkout, &package)?.values() {
        let plan = Plan::request(&bench.program, &workspace.target, selection, aslr_off)?;
        if plan.family == family {
            return Ok((plan, checkout.folder));
        }
    }
    Err(Untestable(format!("{family} does not exist in {revision}")).into())
}

fn compare(arguments: &Arguments, policy: &Policy, interrupt: &Interrupt) -> Result<u8, CliError> {
    let workspace = Workspace::find()?;
    let checkout = Checkout::new(&arguments.base, &workspace)?;
    note(format_args!("building the working tree and {} ({})", arguments.base, &checkout.commit[..12]));
    let head = workspace.build(&arguments.package)?;
    let base = workspace.build_at(&checkout, &arguments.package)?;
    let commits = [checkout.commit.clone(), "the working tree".to_owned()];

    let folder = workspace.target.join("highwater");
    let _lock = FolderLock::take(&folder, |line| note(line))?;
    let mut runs = Vec::new();
    let mut files = BTreeMap::new();
    let mut explainer = Explainer::default();
    let mut comparison = Comparison { strict: arguments.strict, ..Comparison::default() };
    for (name, head) in &head {
        let Some(base) = base.get(name) else {
            note(format_args!("note: {name}: this bench does not exist in {}", arguments.base));
            continue;
        };
        let programs = [&base.program, &head.program];
        let roots = [&checkout.folder, &workspace.root];
        let pair = RevisionPair { arguments, workspace: &workspace, programs, roots, commits: &commits, interrupt };
        if let Some((mut family, run)) = pair.compare(policy)? {
            pair.explain(&mut family, &run, &mut explainer)?;
            let source = head.source.strip_prefix(&workspace.root).unwrap_or(&head.source);
            files.insert(run.family.clone(), source.to_owned());
            comparison.families.push(family);
            runs.push(run);
        }
    }
    if comparison.families.is_empty() {
        return Err(Untestable("no case exists in both revisions and matches the filter".to_owned()).into());
    }
    let results = Results { comparison: &comparison, runs: &runs, policy, files: &files };
    arguments.output.deliver(&results)?;
    let page = folder.join("ab/compare.html");
    let html = comparison_page(&comparison, &arguments.base, "the working tree")?;
    write_atomically(&page, html.as_bytes())?;
    write_styles(&folder.join("ab"))?;
    note(format_args!("report: {}", page.display()));
    if arguments.output.is_for_people() {
        next(&format!("xdg-open {}", quoted(&page.display().to_string())), "all changes, with charts");
    }
    Ok(comparison.exit_status())
}

/// One family in two revisions, base first.
struct RevisionPair<'a> {
    arguments: &'a Arguments,
    workspace: &'a Workspace,
    programs: [&'a PathBuf; 2],
    /// The roots of their sources.
    roots: [&'a PathBuf; 2],
    commits: &'a [String; 2],
    interrupt: &'a Interrupt,
}

impl RevisionPair<'_> {
    /// Returns the verdicts and the run of the head; `None` if no case matches the filter.
    fn compare(&self, policy: &Policy) -> Result<Option<(FamilyComparison, Record)>, CliError> {
        let Some((base, head)) = self.measure(self.arguments.filter.clone(), self.arguments.seed)? else {
            return Ok(None);
        };
        self.save(&base, &head)?;
        let baseline = baselines::of_run(&base, policy, Keep::Reported);
        let first = compare_family(&baseline, &head, policy);
        let time = judge_time((&base, &head), None, policy);
        let mut flagged: Vec<&CaseId> = first.flagged();
        flagged.extend(time.iter().filter(|verdict| verdict.kind != Kind::Same).map(|verdict| &verdict.case));
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
                self.measure(Some(exact_filter(flagged)), self.arguments.seed.wrapping_add(1))?
            }
        };
        let (mut family, time) = match &confirmation {
            None => (first, time),
            Some((fresh_base, fresh_head)) => (
                confirm_family(&baseline, &head, fresh_head, policy),
                judge_time((&base, &head), Some((fresh_base, fresh_head)), policy),
            ),
        };
        let gate_time = self.arguments.gate_time;
        family.verdicts.extend(time.into_iter().map(|mut verdict| {
            verdict.gated |= gate_time;
            verdict
        }));
        Ok(Some((family, head)))
    }

    /// Gives confirmed regressions the command that explains them, and on request the stacks that grew.
    fn explain(&self, family: &mut FamilyComparison, run: &Record, explainer: &mut Explainer) -> Result<(), CliError> {
        let Self { arguments, workspace, interrupt, .. } = self;
        let packages: String = arguments.package.iter().map(|name| format!(" --package {name}")).collect();
        offer(family, Offer::Ab { base: &arguments.base, arguments: &packages });
        if !arguments.explain {
            return Ok(());
        }
        let folder = workspace.target.join("highwater");
        explainer.explain(family, run, &folder.join(HEAD_RUN), |cases| {
            let selection = Selection { filter: Some(exact_filter(cases)), ..Selection::default() };
            let revision = |side: usize| {
                let plan = Plan::request(self.programs[side], &workspace.target, &selection, !arguments.aslr_on)?;
                Revision::new(plan, self.roots[side].clone(), &folder, interrupt)
            };
            // `compare` has the lock already.
            Ok(Revisions { base: Ok((arguments.base.clone(), revision(0)?)), head: revision(1)?, _lock: None })
        })
    }

    /// Runs interleaved workers of both revisions.
    fn measure(&self, filter: Option<String>, seed: u64) -> Result<Option<(Record, Record)>, CliError> {
        let aslr_off = !self.arguments.aslr_on;
        let selection = Selection { filter, ..Selection::default() };
        let folder = self.workspace.target.join("highwater");
        let side = |program: &PathBuf| -> Result<Side, CliError> {
            let plan = Plan::request(program, &self.workspace.target, &selection, aslr_off)?;
            let measuring = Measuring::new(&plan.worker, &folder, self.interrupt)?;
            Ok(Side { plan, measuring, cases: Vec::new() })
        };
        let [base, head] = self.programs;
        let (mut base, mut head) = (side(base)?, side(head)?);
        if head.plan.cases.is_empty() && base.plan.cases.is_empty() {
            return Ok(None);
        }
        let pairs = match self.arguments.samples {
            Some(exactly) => Pairs { fewest: exactly as usize, most: exactly as usize },
            None => Pairs { fewest: 5, most: 20 },
        };
        let forecast = self.forecast(&head.plan, pairs, &folder);
        let cases = counted(head.plan.cases.len(), "case");
        let fewest = if pairs.fewest == pairs.most { String::new() } else { format!("{} to ", pairs.fewest) };
        note(format_args!(
            "{}: {cases} in both revisions, {fewest}{} pairs of workers each; {forecast}",
            head.plan.family, pairs.most
        ));
        let progress = ProgressLine::new(&head.plan.family, &forecast);
        interleave::measure(&mut base, &mut head, pairs, seed, &progress)?;
        drop(progress);
        let record = |side: Side, commit: &String| {
            // Record an empty selection, so that cases of only one side are new or missing.
            let mut record = side.measuring.record(side.plan, Selection::default(), aslr_off, side.cases);
            record.fingerprint.context.insert("commit".to_owned(), commit.clone());
            record
        };
        let [base_commit, head_commit] = self.commits;
        Ok(Some((record(base, base_commit), record(head, head_commit))))
    }

    /// About how long the pairs take.
    fn forecast(&self, plan: &Plan, pairs: Pairs, folder: &Path) -> Forecast {
        let times = WorkerTimes::read(folder, &plan.family);
        let mut forecast = Forecast::default();
        for case in plan.cases.iter().map(Planned::id) {
            let time = |worker| worker * 2 * expected_pairs(pairs, worker);
            times.add(&mut forecast, case.as_str(), case, time);
        }
        forecast
    }

    /// Saves both records in the target folder.
    fn save(&self, base: &Record, head: &Record) -> Result<(), CliError> {
        let folder = self.workspace.target.join("highwater");
        for (side, record) in [(BASE_RUN, base), (HEAD_RUN, head)] {
            write_record(&folder.join(side).join(format!("{}.json", record.family)), record)?;
        }
        Ok(())
    }
}
