//! `highwater ab`: two revisions in one run, their workers by turns on one machine. Memory is judged
//! without a stored baseline, and time is judged nowhere else.

mod checkout;
mod seed;
mod turns;

use std::{collections::BTreeMap, path::PathBuf};

use checkout::{Checkout, Workspace};
use highwater_judge::{
    Comparison, FamilyComparison, Keep, Kind, Policy, baselines, compare_family, confirm_family, judge_time,
};
use highwater_model::{CaseId, Record, Selection};
use highwater_report::{export::Results, site::comparison_page};
use highwater_runner::{Interrupt, Measuring, Plan, RunError, RunnerError};
use highwater_store::{FolderLock, write_atomically, write_record};
use turns::{Pairs, Side};

use super::{CliError, again::filter_of, output::Output, places::Rules};

/// Why a revision cannot be measured: exit status 125, by which `git bisect run` skips it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Untestable(String);

/// Compare the working tree with another revision, their workers by turns: memory and time
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status: 0 nothing regressed, 2 usage, 3 regression, 5 unconfirmed (--strict), 125 a revision \
                  cannot be measured (does not build, say), 130 interrupted: what `git bisect run` expects."
)]
pub(super) struct Arguments {
    /// The revision to compare with: main, HEAD, v1.2, a commit
    base: String,
    /// Only cases whose id matches this regular expression
    filter: Option<String>,
    /// Build and run the benches of this package only; may be given several times
    #[arg(short, long, value_name = "NAME")]
    package: Vec<String>,
    /// Pairs of workers per case [default: up to 20 within 4 s, at least 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(5..=10_000))]
    samples: Option<u32>,
    /// Seed of the order of workers
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
    /// Leave address space layout randomisation on
    #[arg(long)]
    aslr_on: bool,
    /// Fail on a confirmed regression of time too
    #[arg(long)]
    gate_time: bool,
    /// Fail on what is unconfirmed too (exit status 5)
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    rules: Rules,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    arguments.output.check()?;
    let policy = arguments.rules.policy()?;
    let interrupt = Interrupt::install().map_err(|source| RunnerError::System { what: "watch for Ctrl-C", source })?;
    match compare(arguments, &policy, &interrupt) {
        // Whatever keeps a revision from being measured is no verdict on it.
        Err(CliError::Run(error)) if !matches!(error, RunError::Runner(RunnerError::Interrupted)) => {
            Err(Untestable(error.to_string()).into())
        }
        Err(CliError::Plan(error)) => Err(Untestable(error.to_string()).into()),
        other => other,
    }
}

fn compare(arguments: &Arguments, policy: &Policy, interrupt: &Interrupt) -> Result<u8, CliError> {
    let workspace = Workspace::find()?;
    let checkout = Checkout::of(&arguments.base, &workspace)?;
    eprintln!("building the working tree, and {} as of {}", arguments.base, &checkout.commit[..12]);
    let head = workspace.build(&arguments.package)?;
    let base = workspace.build_at(&checkout, &arguments.package)?;
    let commits = [checkout.commit.clone(), "the working tree".to_owned()];

    let folder = workspace.target.join("highwater");
    let _lock = FolderLock::take(&folder, |line| eprintln!("{line}"))?;
    let mut runs = Vec::new();
    let mut files = BTreeMap::new();
    let mut comparison = Comparison { strict: arguments.strict, ..Comparison::default() };
    for (name, head) in &head {
        let Some(base) = base.get(name) else {
            eprintln!("note: {name}: {} has no such bench", arguments.base);
            continue;
        };
        let programs = [&base.program, &head.program];
        let both = Both { arguments, workspace: &workspace, programs, commits: &commits, interrupt };
        if let Some((family, run)) = both.compare(policy)? {
            let source = head.source.strip_prefix(&workspace.root).unwrap_or(&head.source);
            files.insert(run.family.clone(), source.to_owned());
            comparison.families.push(family);
            runs.push(run);
        }
    }
    if comparison.families.is_empty() {
        return Err(Untestable("no case of both revisions matches: nothing to compare".to_owned()).into());
    }
    let results = Results { comparison: &comparison, runs: &runs, policy, files: &files };
    arguments.output.deliver(&results)?;
    let page = folder.join("ab/compare.html");
    let html = comparison_page(&comparison, &arguments.base, "the working tree")?;
    write_atomically(&page, html.as_bytes())?;
    eprintln!("as a page: {}", page.display());
    Ok(comparison.exit_status())
}

/// One family in both revisions; the base comes first.
struct Both<'a> {
    arguments: &'a Arguments,
    workspace: &'a Workspace,
    programs: [&'a PathBuf; 2],
    commits: &'a [String; 2],
    interrupt: &'a Interrupt,
}

impl Both<'_> {
    /// The verdicts, and the run of the head; `None` where no case matches the filter.
    fn compare(&self, policy: &Policy) -> Result<Option<(FamilyComparison, Record)>, CliError> {
        let Some((base, head)) = self.measure(self.arguments.filter.clone(), self.arguments.seed)? else {
            return Ok(None);
        };
        self.keep(&base, &head)?;
        let baseline = baselines::of_run(&base, policy, Keep::Reported);
        let first = compare_family(&baseline, &head, policy);
        let time = judge_time((&base, &head), None, policy);
        let mut flagged: Vec<&CaseId> = first.flagged();
        flagged.extend(time.iter().filter(|verdict| verdict.kind != Kind::Same).map(|verdict| &verdict.case));
        flagged.sort_unstable();
        flagged.dedup();
        let again = match flagged.as_slice() {
            [] => None,
            flagged => {
                eprintln!("{}: measuring {} again, to confirm what was found", head.family, flagged.len());
                self.measure(Some(filter_of(flagged)), self.arguments.seed.wrapping_add(1))?
            }
        };
        let (mut family, time) = match &again {
            None => (first, time),
            Some((base_again, head_again)) => (
                confirm_family(&baseline, &head, head_again, policy),
                judge_time((&base, &head), Some((base_again, head_again)), policy),
            ),
        };
        let gate_time = self.arguments.gate_time;
        family.verdicts.extend(time.into_iter().map(|mut verdict| {
            verdict.gated |= gate_time;
            verdict
        }));
        Ok(Some((family, head)))
    }

    /// Runs the workers of both by turns.
    fn measure(&self, filter: Option<String>, seed: u64) -> Result<Option<(Record, Record)>, CliError> {
        let aslr_off = !self.arguments.aslr_on;
        let selection = Selection { filter, ..Selection::default() };
        let folder = self.workspace.target.join("highwater");
        let side = |program: &PathBuf| -> Result<Side, CliError> {
            let plan = Plan::request(program, &self.workspace.target, &selection, aslr_off)?;
            Ok(Side { plan, measuring: Measuring::new(program, &folder, self.interrupt)?, cases: Vec::new() })
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
        turns::measure(&mut base, &mut head, pairs, seed)?;
        let record = |side: Side, commit: &String| {
            // Both hold all that the filter selects: what only one of them has is new or missing.
            let mut record = side.measuring.record(side.plan, Selection::default(), aslr_off, side.cases);
            record.fingerprint.context.insert("commit".to_owned(), commit.clone());
            record
        };
        let [base_commit, head_commit] = self.commits;
        Ok(Some((record(base, base_commit), record(head, head_commit))))
    }

    /// Leaves both records below the target folder, for a closer look and the report.
    fn keep(&self, base: &Record, head: &Record) -> Result<(), CliError> {
        let folder = self.workspace.target.join("highwater/ab");
        for (side, record) in [("base-run", base), ("head-run", head)] {
            write_record(&folder.join(side).join(format!("{}.json", record.family)), record)?;
        }
        Ok(())
    }
}
