//! `highwater calibrate`: how often the judge is wrong on this machine, measured.

use std::{
    fs,
    path::{Path, PathBuf},
};

use highwater_judge::{Arm, Aspect, Batches, Policy, View, calibrate};
use highwater_model::{CaseId, CaseRecord, MachineClass, Metric, Record, Scale, Selection, Stage, WorkerOption, exit};
use highwater_report as report;
use highwater_runner::{Interrupt, Plan, Planned, RunnerError, Sampling};
use highwater_stats::median;
use highwater_store::{FolderLock, StoreError, read_record, write_record};

use super::{
    CliError,
    again::Program,
    places::{Rules, RunFolder},
    say,
};

/// Measure how often the judge is wrong here: false alarms, and the power to find one page, 64 KiB, 1 %
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Only cases whose id matches this regular expression
    filter: Option<String>,
    /// Batches to measure of what is and of what was made to grow
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..=1000))]
    batches: u32,
    /// Workers of each case in a batch
    #[arg(long, value_name = "N", default_value = "40", value_parser = clap::value_parser!(u32).range(10..=10_000))]
    workers: u32,
    /// Comparisons to draw for each thing that is dirtied
    #[arg(long, value_name = "N", default_value = "10000", value_parser = clap::value_parser!(u32).range(1..))]
    comparisons: u32,
    /// Scales instead of the cases' own: a shorter ladder takes less time
    #[arg(long, value_name = "N,...", value_delimiter = ',')]
    ladder: Option<Vec<Scale>>,
    /// Seed of the drawing
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
    /// Add to the batches that are there, measured hours ago, say
    #[arg(long)]
    add: bool,
    /// Leave address space layout randomisation on
    #[arg(long)]
    aslr_on: bool,
    #[command(flatten)]
    run: RunFolder,
    #[command(flatten)]
    rules: Rules,
}

impl Arguments {
    fn selection(&self) -> Selection {
        Selection { filter: self.filter.clone(), ladder: self.ladder.clone(), ..Selection::default() }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let policy = arguments.rules.policy()?;
    let folder = arguments.run.path();
    let interrupt = Interrupt::install().map_err(|source| RunnerError::System { what: "watch for Ctrl-C", source })?;
    let runs = arguments.run.records()?;
    let _lock = FolderLock::take(&folder, |line| eprintln!("{line}"))?;
    let mut measured = false;
    for run in runs {
        let program = Program::of(&folder, &run.family).map_err(CliError::NoProgram)?;
        let plan = program.plan(&arguments.selection(), !arguments.aslr_on)?;
        if !plan.cases.is_empty() {
            measured = true;
            let family = Bench { arguments, folder: &folder, program: &program, plan: &plan, interrupt: &interrupt };
            family.calibrate(&policy)?;
        }
    }
    if measured { Ok(exit::HELD) } else { Err(CliError::NoProgram("no case matches the filter".to_owned())) }
}

/// One family on its way.
struct Bench<'a> {
    arguments: &'a Arguments,
    folder: &'a Path,
    program: &'a Program,
    plan: &'a Plan,
    interrupt: &'a Interrupt,
}

impl Bench<'_> {
    fn calibrate(&self, policy: &Policy) -> Result<(), CliError> {
        let family = &self.plan.family;
        let mut same = None;
        let mut place = None;
        for batch in 0..self.arguments.batches {
            for arm in Arm::ALL {
                eprintln!("{family}: batch {} of {}, {}", batch + 1, self.arguments.batches, arm.word());
                let record = self.batch(arm, same.as_ref())?;
                let place = match &place {
                    Some(place) => place,
                    None => place.insert(self.place(&record.fingerprint.class)?),
                };
                place.keep(arm, &record)?;
                if arm == Arm::Same {
                    same = Some(record);
                }
            }
        }
        let (Some(place), Some(same)) = (place, same) else { return Ok(()) };
        let batches = place.read()?;
        let calibration = calibrate(&batches, policy, self.arguments.comparisons as usize, self.arguments.seed);
        let class = &same.fingerprint.class;
        let count = batches.values().map(Vec::len).sum();
        say(&report::calibration_text(family, class, count, &calibration))
    }

    /// One batch of one arm, for which `same` tells how much each case grows.
    fn batch(&self, arm: Arm, same: Option<&Record>) -> Result<Record, CliError> {
        let mut plan = self.plan.clone();
        for planned in &mut plan.cases {
            if let Planned::Job(job) = planned {
                let case = same.and_then(|same| same.cases.iter().find(|case| case.id == job.case));
                let growth = case.map_or(0, |case| growth(case, &plan.reference));
                job.options.set(WorkerOption::InjectOnce, arm.bytes(growth, rustix::param::page_size() as u64));
            }
        }
        let workers = Sampling::exactly(self.arguments.workers as usize);
        self.program
            .run(plan, self.arguments.selection(), !self.arguments.aslr_on, self.interrupt, |_: &CaseId| workers)
    }

    /// The folder of the batches; emptied, unless more are to be added.
    fn place(&self, class: &MachineClass) -> Result<Place, CliError> {
        let folder = self.folder.join("calibration").join(class.to_string()).join(&self.plan.family);
        let error = |source| CliError::Io { path: folder.clone(), source };
        if !self.arguments.add && folder.exists() {
            fs::remove_dir_all(&folder).map_err(error)?;
        }
        fs::create_dir_all(&folder).map_err(error)?;
        Ok(Place(folder))
    }
}

/// The batches on disk: `same-1.json`.
struct Place(PathBuf);

impl Place {
    fn file(&self, arm: Arm, number: usize) -> PathBuf {
        self.0.join(format!("{}-{number}.json", arm.word()))
    }

    fn keep(&self, arm: Arm, record: &Record) -> Result<(), StoreError> {
        let free = (1..).map(|number| self.file(arm, number)).find(|path| !path.exists());
        free.map_or(Ok(()), |path| write_record(&path, record))
    }

    fn read(&self) -> Result<Batches, StoreError> {
        let of = |arm| {
            let files = (1..).map(|number| self.file(arm, number)).take_while(|path| path.exists());
            Ok((arm, files.map(|path| read_record(&path)).collect::<Result<Vec<_>, _>>()?))
        };
        Arm::ALL.into_iter().map(of).collect()
    }
}

/// What anon grew by up to the last stage with units, or the last one without a ladder.
fn growth(case: &CaseRecord, reference: &Stage) -> u64 {
    let top = case.stages.iter().rfind(|columns| columns.stage.scale().is_some()).or(case.stages.last());
    let growth = top.and_then(|top| {
        let values = View::new(case, reference).values(Metric::Anon.into(), &Aspect::Growth(top.stage.clone()))?;
        median(&values)
    });
    growth.map_or(0, |growth| growth.max(0.0) as u64)
}
