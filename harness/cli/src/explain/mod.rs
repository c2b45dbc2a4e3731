//! `highwater explain`: runs one worker of each case with attribution, and prints which functions hold the heap.

mod revision;
mod stored;
mod verdicts;

use std::path::PathBuf;

use clap::ValueEnum;
use globset::Glob;
use highwater_explain::{Attributed, ExplainError, Profile, difference, folded, json, pprof, stage_stacks, text};
use highwater_judge::compare_family;
use highwater_model::{CaseId, Moment, Record, exit};
use highwater_report::terminal::note;
use highwater_runner::{Interrupt, RunnerError};
use highwater_store::{FolderLock, write_atomically};

pub(super) use revision::{Against, Revision, Revisions};
pub(super) use verdicts::{Explainer, Offer, offer};

use self::stored::store;
use super::{
    CliError, baselines,
    confirm::BenchBinary,
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
    /// Also write the stacks of the only case that matches to a file, in the format of pprof
    #[arg(long, value_name = "FILE")]
    pprof: Option<PathBuf>,
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
        let base = arguments.base.as_ref();
        let base = base.map(|base| Revision::build(base, &program, &run, &cases, &interrupt));
        let mut base = base.transpose()?;
        let mut head = Revision::of_run(&program, &interrupt)?;
        let _lock = FolderLock::take(program.folder(), |line| note(line))?;
        for case in cases {
            let now = arguments.profile(&head.attribute(case, None)?)?;
            let before = base.as_mut().map(|base| arguments.profile(&base.attribute(case, None)?)).transpose()?;
            let profile = match &before {
                Some(before) => difference(before, &now).map_err(ExplainError::from)?,
                None => now.clone(),
            };
            let unit = now.unit.clone();
            let stacks = stage_stacks(now, arguments.base.as_deref().zip(before));
            store(&folder, &run, case, &unit, vec![stacks]);
            print(&arguments.written(&profile))?;
            explained += 1;
            if let Some(path) = &arguments.pprof {
                if explained > 1 {
                    return Err(CliError::Usage("--pprof is for one case, and several match".to_owned()));
                }
                write_atomically(path, &pprof(&profile))?;
            }
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

    /// The profile of the requested stage.
    fn profile(&self, attributed: &Attributed) -> Result<Profile, CliError> {
        let moment = if self.peak { Moment::Peak } else { Moment::Reached };
        Ok(Profile::new(attributed, self.stage.as_deref(), moment).map_err(ExplainError::from)?)
    }

    fn written(&self, profile: &Profile) -> String {
        match self.format {
            Format::Text => text(profile, self.base.as_deref(), self.top),
            Format::Folded => folded(profile).trim_end().to_owned(),
            Format::Json => json(profile, self.base.as_deref()).to_string(),
        }
    }
}
