//! `highwater explain`: runs one worker of each case with attribution, and prints which functions hold the heap.

use std::path::Path;

use clap::ValueEnum;
use globset::Glob;
use highwater_explain::{Attributed, ExplainError, Moment, Profile, attribute, difference, folded, json, text};
use highwater_judge::compare_family;
use highwater_model::{CaseId, Record, Selection, exit};
use highwater_report::terminal::note;
use highwater_runner::{Interrupt, Measuring, Plan, Planned, RunnerError};
use highwater_store::FolderLock;

use super::{
    CliError, ab, baselines,
    confirm::{BenchBinary, exact_filter},
    paths::{BaselineOptions, RunFolder},
    print,
};

/// Show which functions hold the heap of a case, or what they hold more than in another revision
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Cases to explain [default: those that `compare` flags]
    #[arg(value_name = "CASE-GLOB", value_parser = Glob::new)]
    cases: Option<Glob>,
    /// Stage, `name` or `name@scale` [default: the one at which most is live]
    #[arg(long, value_name = "NAME")]
    stage: Option<String>,
    /// Explain the fullest heap before the stage, not what is live when it is reached
    #[arg(long)]
    peak: bool,
    /// Print the difference to this revision (a branch, tag or commit)
    #[arg(long, value_name = "REV")]
    base: Option<String>,
    /// Stacks to print per case, in the text format
    #[arg(long, value_name = "N", default_value = "20")]
    top: usize,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    #[command(flatten)]
    run: RunFolder,
    #[command(flatten)]
    baselines: BaselineOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For flame graph tools
    Folded,
    /// One object per line and case
    Json,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let interrupt = Interrupt::install().map_err(|source| RunnerError::System { what: "watch for Ctrl-C", source })?;
    let folder = arguments.run.path();
    let mut explained = 0;
    for run in arguments.run.last_run()? {
        let cases = arguments.cases_of(&run)?;
        if cases.is_empty() {
            continue;
        }
        let program = BenchBinary::find(&folder, &run.family).map_err(CliError::NotExplained)?;
        let aslr_off = run.fingerprint.class.aslr_off;
        let selection = Selection { filter: Some(exact_filter(&cases)), ..run.selection.clone() };
        let base = arguments.base.as_ref().map(|base| ab::plan_of(base, &run.family, &selection, aslr_off));
        let base = base.transpose()?;
        let _lock = FolderLock::take(program.folder(), |line| note(line))?;
        for case in cases {
            let head = arguments.profile(program.plan_of_run(), program.folder(), case, &interrupt)?;
            let profile = match &base {
                Some(base) => difference(&arguments.profile(base, program.folder(), case, &interrupt)?, &head),
                None => head,
            };
            print(&arguments.written(&profile))?;
            explained += 1;
        }
    }
    match (&arguments.cases, explained) {
        (Some(cases), 0) => Err(CliError::Usage(format!("no case of the run matches `{cases}`"))),
        (None, 0) => {
            note("no case is flagged; name the cases to explain");
            Ok(exit::PASSED)
        }
        _ => Ok(exit::PASSED),
    }
}

impl Arguments {
    /// The cases of a run that match the glob, or that the comparison with the baseline flags.
    fn cases_of<'a>(&self, run: &'a Record) -> Result<Vec<&'a CaseId>, CliError> {
        let ids = run.cases.iter().filter(|case| case.not_run.is_none()).map(|case| &case.id);
        if let Some(glob) = &self.cases {
            let matcher = glob.compile_matcher();
            return Ok(ids.filter(|id| matcher.is_match(id.as_str())).collect());
        }
        let Some(baseline) = baselines::find(&self.baselines.folder, run)? else { return Ok(Vec::new()) };
        let comparison = compare_family(&baseline, run, &self.baselines.policy()?);
        Ok(ids.filter(|id| comparison.flagged().contains(id)).collect())
    }

    /// Runs one worker of a case and returns its profile.
    fn profile(&self, plan: &Plan, folder: &Path, case: &CaseId, interrupt: &Interrupt) -> Result<Profile, CliError> {
        let Some(Planned::Job(job)) = plan.cases.iter().find(|planned| planned.id() == case) else {
            return Err(CliError::NotExplained(format!("{case} cannot be run, or does not exist in that revision")));
        };
        let mut measuring = Measuring::new(&plan.worker, folder, interrupt)?;
        let attributed: Attributed = attribute(&mut measuring, plan, job)?;
        let moment = if self.peak { Moment::Peak } else { Moment::Reached };
        Ok(Profile::new(&attributed, self.stage.as_deref(), moment).map_err(ExplainError::from)?)
    }

    fn written(&self, profile: &Profile) -> String {
        match self.format {
            Format::Text => text(profile, self.base.as_deref(), self.top),
            Format::Folded => folded(profile).trim_end().to_owned(),
            Format::Json => json(profile, self.base.as_deref()).to_string(),
        }
    }
}
