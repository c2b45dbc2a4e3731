//! `highwater ab`: compares two revisions in one run with interleaved workers, or the working tree with itself built
//! against another version of a dependency. Memory is compared without a stored baseline. This is the only subcommand
//! that compares time.

mod artifacts;
mod bisect_versions;
mod checkout;
mod interleave;
mod pair;
mod versions;

use std::path::{Path, PathBuf};

pub use artifacts::bring_dependencies;
pub(super) use checkout::{Bench, Checkout, Place, Workspace, benches};
use highwater_judge::Policy;
use highwater_model::Selection;
use highwater_report::{
    counted,
    export::Results,
    site::{comparison_page, write_styles},
    terminal::{next, note, quoted},
};
use highwater_runner::{Interrupt, Plan, RunnerError};
use highwater_store::write_atomically;
pub(super) use pair::{Built, Compared, Comparer, PairOptions};
use versions::{Chosen, Requested};

use super::{CliError, explain::Offer, git, output::Output, paths::BaselineOptions};

/// What the sources are called that are not those of a revision.
pub(super) const WORKING_TREE: &str = "the working tree";

/// The reason why a revision cannot be measured. The exit status is 125, so that `git bisect run` skips it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Untestable(pub(super) String);

/// Compare memory and time of the working tree with another revision, or with other versions of dependencies
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit status, suitable for `git bisect run`:
  0    no regression
  1    internal error
  2    usage error
  3    regression, or, with --bisect-versions, found
  5    unconfirmed regression (--strict)
  125  a revision cannot be measured, for example because it does not build
  130  interrupted")]
pub(super) struct Arguments {
    /// Revision to compare with (a branch, tag or commit). With --with, a single argument that is not a revision is FILTER;
    /// with --bisect-versions, it always is
    #[arg(required_unless_present_any = ["with", "bisect_versions"])]
    base: Option<String>,
    /// Only cases that match this regular expression
    filter: Option<String>,
    /// Build the base with this version of a dependency, NAME@OLD=VERSION if the lock file has several; may be repeated.
    /// The base is the working tree, unless BASE is given
    #[arg(long, value_name = "NAME=VERSION")]
    with: Vec<Requested>,
    /// Find the version of a dependency, from A to B, in which a metric of the working tree changed
    #[arg(long, value_name = "NAME=A..B", conflicts_with_all = ["with", "gate_time", "strict", "format", "export"])]
    bisect_versions: Option<bisect_versions::Range>,
    #[command(flatten)]
    pair: PairOptions,
    /// Also fail on confirmed time regressions
    #[arg(long)]
    gate_time: bool,
    /// Fail on unconfirmed regressions too (exit status 5)
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    baselines: BaselineOptions,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    arguments.output.check()?;
    let policy = arguments.baselines.policy()?;
    let interrupt = Interrupt::install().map_err(|source| RunnerError::System { what: "watch for Ctrl-C", source })?;
    let result = match &arguments.bisect_versions {
        Some(range) => bisect_versions::run(range, arguments, &policy, &interrupt),
        None => compare(arguments, &policy, &interrupt),
    };
    as_untestable(result, &interrupt)
}

/// A revision that cannot be measured gets no verdict, whatever the reason is. A build that fails because the user
/// interrupts it is no such reason.
pub(super) fn as_untestable(result: Result<u8, CliError>, interrupt: &Interrupt) -> Result<u8, CliError> {
    match result {
        Err(error) if error.is_about_a_revision() && interrupt.raised() => Err(RunnerError::Interrupted.into()),
        Err(error) if error.is_about_a_revision() => Err(Untestable(error.to_string()).into()),
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
    let checkout = Checkout::new(revision, Place::BASE, &workspace)?;
    note(format_args!("building {revision} ({})", &checkout.commit[..12]));
    let package: Vec<String> = workspace.package_of(program).into_iter().collect();
    for bench in workspace.build_at(Place::BASE, &checkout.folder, &package)?.values() {
        let plan = Plan::request(&bench.program, &workspace.target, selection, aslr_off)?;
        if plan.family == family {
            return Ok((plan, checkout.folder));
        }
    }
    Err(Untestable(format!("{family} does not exist in {revision}")).into())
}

fn compare(arguments: &Arguments, policy: &Policy, interrupt: &Interrupt) -> Result<u8, CliError> {
    let workspace = Workspace::find()?;
    let (revision, filter) = arguments.base_and_filter();
    let [base, head] = arguments.sides(revision, &workspace)?;
    let _lock = workspace.lock()?;
    let (named, more) = (arguments.base_arguments(revision), package_arguments(&arguments.pair.package));
    let comparer = Comparer {
        options: &arguments.pair,
        policy,
        gate_time: arguments.gate_time,
        explain: arguments.pair.explain,
        confirms: None,
        workspace: &workspace,
        interrupt,
        offer: Offer::Ab { base: &named, arguments: &more },
    };
    let Compared { mut comparison, runs, files } = comparer.compare(&base, &head, filter)?;
    comparison.strict = arguments.strict;
    if comparison.families.is_empty() {
        return Err(Untestable("no case exists in both revisions and matches the filter".to_owned()).into());
    }
    let title = format!("{} against {}", base.name, head.name);
    if arguments.output.is_for_people() && !arguments.with.is_empty() {
        println!("{title}\n");
    }
    let results = Results { comparison: &comparison, runs: &runs, policy, files: &files };
    arguments.output.deliver(&results)?;
    let folder = workspace.folder();
    let page = folder.join("ab/compare.html");
    let html = comparison_page(&comparison, &base.name, &head.name)?;
    write_atomically(&page, html.as_bytes())?;
    write_styles(&folder.join("ab"))?;
    note(format_args!("report: {}", page.display()));
    if arguments.output.is_for_people() {
        next(&format!("xdg-open {}", quoted(&page.display().to_string())), "all changes, with charts");
    }
    Ok(comparison.exit_status())
}

impl Arguments {
    /// BASE and FILTER. With `--with`, a single argument is BASE if it is a revision, as for `git log`.
    fn base_and_filter(&self) -> (Option<&str>, Option<&str>) {
        match (self.base.as_deref(), self.filter.as_deref()) {
            (Some(only), None) if !self.with.is_empty() && !git::is_revision(only) => (None, Some(only)),
            given => given,
        }
    }

    /// Builds both sides, base first. The versions of `--with` are those of the base: what it was.
    fn sides(&self, base: Option<&str>, workspace: &Workspace) -> Result<[Built; 2], CliError> {
        let packages = &self.pair.package;
        match base {
            Some(revision) if self.with.is_empty() => {
                let checkout = Checkout::new(revision, Place::BASE, workspace)?;
                note(format_args!("building {WORKING_TREE} and {revision} ({})", &checkout.commit[..12]));
                let head = workspace.build(WORKING_TREE, packages)?;
                Ok([checkout.build(revision, Place::BASE, workspace, packages)?, head])
            }
            Some(revision) => {
                let place = Place::BASE_VERSIONS;
                let mut checkout = Checkout::new(revision, place, workspace)?;
                let chosen = versions::choose(workspace, &checkout.folder, &self.with)?;
                let name = format!("{revision} with {}", chosen.new_versions());
                checkout.commit = format!("{} with {}", checkout.commit, chosen.new_versions());
                note(format_args!("building {WORKING_TREE} and {name}"));
                note_others(&chosen);
                let head = workspace.build(WORKING_TREE, packages)?;
                let base = checkout.build(&name, place, workspace, packages)?;
                chosen.verify(&base.root)?;
                Ok([base, head])
            }
            None => {
                versions::find(&workspace.root, &self.with, true)?;
                let (folder, chosen) = versions::copy(workspace, Place::VERSIONS, &self.with)?;
                let (new, old) = (chosen.new_versions(), chosen.old_versions());
                note(format_args!("building {WORKING_TREE} with {old}, and with {new} as the base"));
                note_others(&chosen);
                let head = workspace.build(&old, packages)?;
                let base = versions::build(folder, &chosen, Place::VERSIONS, workspace, packages)?;
                Ok([base, head])
            }
        }
    }

    /// The arguments that name the base, for a shell.
    fn base_arguments(&self, base: Option<&str>) -> String {
        let with = self.with.iter().map(|requested| format!("--with {}", quoted(&requested.to_string())));
        base.map(quoted).into_iter().chain(with).collect::<Vec<_>>().join(" ")
    }
}

/// The options that name packages, for a shell.
pub(super) fn package_arguments(packages: &[String]) -> String {
    packages.iter().map(|name| format!(" --package {}", quoted(name))).collect()
}

/// Names the packages that changed with those that were asked for.
fn note_others(chosen: &Chosen) {
    if !chosen.others.is_empty() {
        let count = counted(chosen.others.len(), "package");
        note(format_args!("note: also changed, {count}: {}", chosen.others.join(", ")));
    }
}
