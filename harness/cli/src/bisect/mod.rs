//! `highwater bisect`: finds the commit that changed a metric of a case, by building revisions and comparing their
//! workers interleaved.

mod commits;
mod finding;
mod search;
mod steps;

use globset::Glob;
use highwater_judge::Verdict;
use highwater_model::{CaseId, Quantity, exit};
use highwater_report::{
    counted,
    terminal::{highwater_command, next, note, quoted},
};
use highwater_runner::{Interrupt, RunnerError};

use self::commits::Commits;
pub(crate) use self::steps::{Bisected, Candidates, bisect, found_text};
use super::{
    CliError,
    ab::{Built, Comparer, PairOptions, Workspace, as_untestable, package_arguments},
    confirm::exact_filter,
    explain::Offer,
    paths::BaselineOptions,
};

/// Find the commit that raised a metric of a case
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit status:
  0    nothing changed between the two revisions
  1    internal error
  2    usage error
  3    found
  125  one of the two revisions cannot be measured, or the change is not that of one commit
  130  interrupted")]
pub(super) struct Arguments {
    /// Cases in which the metric is compared; the search follows the one that changed most
    #[arg(value_name = "CASE-GLOB", value_parser = Glob::new)]
    cases: Glob,
    /// Metric, as in records and policies: `heap_live`, `anon`, `anon.linear_memory`, `figure.NAME` or `time.cpu`
    #[arg(value_name = "METRIC")]
    metric: Quantity,
    /// Revision in which the metric is as it should be
    #[arg(long, value_name = "REV")]
    good: String,
    /// Later revision in which it is not
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    bad: String,
    #[command(flatten)]
    pair: PairOptions,
    #[command(flatten)]
    baselines: BaselineOptions,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let interrupt = Interrupt::install().map_err(|source| RunnerError::System { what: "watch for Ctrl-C", source })?;
    as_untestable(search(arguments, &interrupt), &interrupt)
}

fn search(arguments: &Arguments, interrupt: &Interrupt) -> Result<u8, CliError> {
    let policy = arguments.baselines.policy()?;
    let workspace = Workspace::find()?;
    let Arguments { good, bad, pair, metric, .. } = arguments;
    let commits = Commits::between(good, bad, &workspace, &pair.package)?;
    let (first, last) = (commits.commit(0).short(), commits.commit(commits.count() - 1).short());
    note(format_args!("{} from {first} ({good}) to {last} ({bad})", counted(commits.count() - 1, "commit")));
    let _lock = workspace.lock()?;
    let again = format!(
        "bisect {} {metric} --good {} --bad {} --explain{}{}",
        quoted(arguments.cases.glob()),
        quoted(good),
        quoted(bad),
        package_arguments(&pair.package),
        arguments.baselines.as_arguments()
    );
    let comparer = Comparer {
        options: pair,
        policy: &policy,
        gate_time: false,
        explain: pair.explain,
        confirms: Some(*metric),
        workspace: &workspace,
        interrupt,
        offer: Offer::Again { command: &format!("highwater {again}") },
    };
    let is_followed = |verdict: &Verdict| {
        let is_metric = verdict.subject.as_ref().is_some_and(|subject| subject.quantity == *metric);
        is_metric && verdict.kind != highwater_judge::Kind::Improved
    };
    let cases = |good: &Built| arguments.filter(good, &comparer).map(Some);
    match bisect(&commits, &comparer, cases, is_followed)? {
        Bisected::Unchanged { values } => {
            println!("no rise of {metric} from {first} to {last} in {}", counted(values, "value"));
            Ok(exit::PASSED)
        }
        Bisected::Found { border, verdict, share } => {
            let commit = commits.commit(border.first_changed);
            println!("\n{}", commit.described());
            println!("{}", found_text(&commits, border, &verdict, share));
            if !pair.explain && verdict.explanation.is_some() {
                next(&highwater_command(&again), "which functions hold it");
            } else {
                next(&format!("git show {}", commit.short()), "the change");
            }
            Ok(exit::REGRESSED)
        }
    }
}

impl Arguments {
    /// A filter that selects the cases of a revision that match the glob.
    fn filter(&self, revision: &Built, comparer: &Comparer<'_>) -> Result<String, CliError> {
        let matcher = self.cases.compile_matcher();
        let cases: Vec<CaseId> = comparer.cases_of(revision)?;
        let matching: Vec<&CaseId> = cases.iter().filter(|case| matcher.is_match(case.as_str())).collect();
        match matching.is_empty() {
            true => Err(CliError::Usage(format!("no case of {} matches `{}`", revision.name, self.cases))),
            false => Ok(exact_filter(&matching)),
        }
    }
}
