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
use highwater_report::{
    counted,
    terminal::{Forecast, ProgressLine, highwater_command, next, note, print_as_it_is, quoted},
};
use highwater_runner::{Interrupt, RunnerError};
use highwater_store::{FolderLock, write_atomically};

pub(super) use revision::{Against, Revision, Revisions};
pub(super) use verdicts::{Explainer, Offer, offer};

use self::stored::store;
use super::{
    CliError, baselines,
    confirm::BenchBinary,
    forecast::WorkerTimes,
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
    let mut explained = Vec::new();
    let runs = arguments.run.last_run()?;
    for run in &runs {
        let cases = arguments.cases_of(run)?;
        if cases.is_empty() {
            continue;
        }
        let program = BenchBinary::find(&folder, &run.family).map_err(CliError::NotExplained)?;
        let base = arguments.base.as_ref();
        let base = base.map(|base| Revision::build(base, &program, run, &cases, &interrupt));
        let mut base = base.transpose()?;
        let mut head = Revision::of_run(&program, &interrupt)?;
        let _lock = FolderLock::take(program.folder(), |line| note(line))?;
        let mut forecast = Forecast::default();
        let revisions = if base.is_some() { 2 } else { 1 };
        let times = WorkerTimes::read(program.folder(), &run.family);
        times.add_explained(&mut forecast, cases.iter().copied(), revisions);
        let count = counted(cases.len(), "case");
        note(format_args!("{}: recording the call stacks of {count}; {forecast}", run.family));
        let progress = ProgressLine::new(&run.family, &forecast);
        for case in cases {
            progress.begin(case.as_str());
            let now = arguments.profile(&head.attribute(case, None)?)?;
            let before = match &mut base {
                Some(base) => {
                    progress.at(case.as_str(), "other revision", 0.5);
                    Some(arguments.profile(&base.attribute(case, None)?)?)
                }
                None => None,
            };
            progress.end(case.as_str());
            let profile = match &before {
                Some(before) => difference(before, &now).map_err(ExplainError::from)?,
                None => now.clone(),
            };
            let unit = now.unit.clone();
            let stacks = stage_stacks(now, arguments.base.as_deref().zip(before));
            store(&folder, run, case, &unit, vec![stacks]);
            arguments.print(&profile);
            explained.push(case.clone());
            if let Some(path) = &arguments.pprof {
                if explained.len() > 1 {
                    return Err(CliError::Usage("--pprof is for one case, and several match".to_owned()));
                }
                write_atomically(path, &pprof(&profile))?;
            }
        }
    }
    match (&arguments.cases, explained.first()) {
        (Some(cases), None) => return Err(CliError::Usage(format!("no case of the run matches `{cases}`"))),
        (None, None) => {
            note("no case is flagged; name the cases to explain");
            if let Some(case) = runs.iter().flat_map(|run| &run.cases).find(|case| case.not_run.is_none()) {
                next(&highwater_command(&format!("explain {}", quoted(case.id.as_str()))), "the memory of a case");
            }
        }
        (_, Some(case)) if arguments.format == Format::Text => arguments.hint(case),
        _ => {}
    }
    Ok(exit::PASSED)
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

    fn print(&self, profile: &Profile) {
        match self.format {
            Format::Text => print(&text(profile, self.base.as_deref(), self.top)),
            Format::Folded => print_as_it_is(folded(profile).trim_end()),
            Format::Json => print_as_it_is(&json(profile, self.base.as_deref()).to_string()),
        }
    }

    /// What to do after a case was explained.
    fn hint(&self, case: &CaseId) {
        let (case, run) = (quoted(case.as_str()), self.run.as_arguments());
        match &self.base {
            None => next(
                &highwater_command(&format!("explain {case} --base HEAD~1{run}")),
                "what grew since another revision",
            ),
            Some(_) => {
                next(&highwater_command(&format!("bless {case} --reason TEXT{run}")), "if the growth is intended")
            }
        }
    }
}
