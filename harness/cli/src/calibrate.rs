//! `highwater calibrate`: measures the error rates of the gate on this machine.

use std::{
    fs,
    path::{Path, PathBuf},
};

use highwater_judge::{Arm, Batches, CaseView, Policy, calibrate};
use highwater_model::{CaseId, MachineClass, Metric, Record, Scale, Selection, WorkerOption, exit};
use highwater_report::{
    self as report, counted,
    terminal::{self, Forecast, ProgressLine, highwater_command, is_terminal, next, note},
};
use highwater_runner::{Interrupt, Plan, Planned, RunnerError, Sampling, Step};
use highwater_store::{FolderLock, StoreError, read_record, write_record};

use super::{
    CliError,
    confirm::BenchBinary,
    forecast::WorkerTimes,
    paths::{BaselineOptions, RunFolder},
    print,
};

/// Measure the gate's false-positive rate, and its power to detect one page, 64 KiB and 1 %
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Only cases that match this regular expression
    filter: Option<String>,
    /// Number of batches, both unchanged and with injected growth
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..=1000))]
    batches: u32,
    /// Workers per case and batch
    #[arg(long, value_name = "N", default_value = "40", value_parser = clap::value_parser!(u32).range(10..=10_000))]
    workers: u32,
    /// Comparisons to draw per size of injected growth
    #[arg(long, value_name = "N", default_value = "10000", value_parser = clap::value_parser!(u32).range(1..))]
    comparisons: u32,
    /// Override the scales of the cases; a shorter ladder takes less time
    #[arg(long, value_name = "N,...", value_delimiter = ',')]
    ladder: Option<Vec<Scale>>,
    /// Seed of the random draws
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
    /// Keep existing batches and add to them
    #[arg(long)]
    add: bool,
    /// Do not disable address space layout randomisation
    #[arg(long)]
    aslr_on: bool,
    #[command(flatten)]
    run: RunFolder,
    #[command(flatten)]
    baselines: BaselineOptions,
}

impl Arguments {
    fn selection(&self) -> Selection {
        Selection { filter: self.filter.clone(), ladder: self.ladder.clone(), ..Selection::default() }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let policy = arguments.baselines.policy()?;
    let folder = arguments.run.path();
    let interrupt = Interrupt::install().map_err(|source| RunnerError::System { what: "watch for Ctrl-C", source })?;
    let runs = arguments.run.records()?;
    let _lock = FolderLock::take(&folder, |line| note(line))?;
    let mut measured = false;
    for run in runs {
        let program = BenchBinary::find(&folder, &run.family).map_err(CliError::NoProgram)?;
        let plan = program.plan(&arguments.selection(), !arguments.aslr_on)?;
        if !plan.cases.is_empty() {
            measured = true;
            let family =
                FamilyCalibration { arguments, folder: &folder, program: &program, plan: &plan, interrupt: &interrupt };
            family.run(&policy)?;
        }
    }
    if measured {
        next(&highwater_command("calibrate --add"), "more batches, for narrower bounds");
    }
    if measured { Ok(exit::PASSED) } else { Err(CliError::NoProgram("no case matches the filter".to_owned())) }
}

/// The calibration of one family.
struct FamilyCalibration<'a> {
    arguments: &'a Arguments,
    folder: &'a Path,
    program: &'a BenchBinary,
    plan: &'a Plan,
    interrupt: &'a Interrupt,
}

impl FamilyCalibration<'_> {
    fn run(&self, policy: &Policy) -> Result<(), CliError> {
        let family = &self.plan.family;
        let forecast = self.forecast();
        let (cases, batches) = (counted(self.plan.cases.len(), "case"), self.arguments.batches);
        let (of_each, workers) = (counted(batches as usize, "batch"), self.arguments.workers);
        note(format_args!(
            "{family}: {cases} in {of_each} of {} kinds with {workers} workers each; {forecast}",
            Arm::ALL.len()
        ));
        let progress = ProgressLine::new(family, &forecast);
        let mut unchanged = None;
        let mut folder = None;
        for batch in 1..=batches {
            for arm in Arm::ALL {
                let record = self.batch(arm, unchanged.as_ref(), &progress, batch)?;
                let folder = match &folder {
                    Some(folder) => folder,
                    None => folder.insert(self.batch_folder(&record.fingerprint.class)?),
                };
                folder.save(arm, &record)?;
                if arm == Arm::Same {
                    unchanged = Some(record);
                }
            }
        }
        drop(progress);
        let (Some(folder), Some(unchanged)) = (folder, unchanged) else { return Ok(()) };
        let batches = folder.read()?;
        let calibration = calibrate(&batches, policy, self.arguments.comparisons as usize, self.arguments.seed);
        let class = &unchanged.fingerprint.class;
        let count = batches.values().map(Vec::len).sum();
        // Markdown is for a file.
        let width = is_terminal().then(terminal::width);
        print(&report::calibration_text(family, class, count, &calibration, width));
        Ok(())
    }

    /// The workers of all batches.
    fn forecast(&self) -> Forecast {
        let times = WorkerTimes::read(self.folder, &self.plan.family);
        let mut forecast = Forecast::default();
        let jobs = self.plan.cases.iter().filter(|planned| matches!(planned, Planned::Job(_)));
        for case in jobs.map(Planned::id) {
            for (batch, arm) in (1..=self.arguments.batches).flat_map(|batch| Arm::ALL.map(|arm| (batch, arm))) {
                times.add(&mut forecast, step(case, batch, arm), case, |worker| worker * self.arguments.workers);
            }
        }
        forecast
    }

    /// Measures one batch of one arm. Relative injections are based on the growth of each case in `unchanged`.
    fn batch(
        &self,
        arm: Arm,
        unchanged: Option<&Record>,
        progress: &ProgressLine,
        number: u32,
    ) -> Result<Record, CliError> {
        let mut plan = self.plan.clone();
        for planned in &mut plan.cases {
            if let Planned::Job(job) = planned {
                let case = unchanged.and_then(|record| CaseView::get(record, &job.case));
                let growth = case.map_or(0, growth);
                job.options.set(WorkerOption::InjectOnce, arm.bytes(growth, rustix::param::page_size() as u64));
            }
        }
        let workers = Sampling::exactly(self.arguments.workers as usize);
        let watch = |event: Step<'_>| match event {
            Step::Begun(case) => progress.begin(&step(case, number, arm)),
            Step::Worker { case, number: worker, most } => progress.at_worker(&step(case, number, arm), worker, most),
            Step::Done { case, .. } => progress.end(&step(case, number, arm)),
        };
        let (selection, aslr_off) = (self.arguments.selection(), !self.arguments.aslr_on);
        self.program.run(plan, selection, aslr_off, self.interrupt, |_: &CaseId| workers, &watch)
    }

    /// The folder of the batches, emptied unless `--add` is given.
    fn batch_folder(&self, class: &MachineClass) -> Result<BatchFolder, CliError> {
        let folder = self.folder.join("calibration").join(class.to_string()).join(&self.plan.family);
        let error = |source| CliError::Io { path: folder.clone(), source };
        if !self.arguments.add && folder.exists() {
            fs::remove_dir_all(&folder).map_err(error)?;
        }
        fs::create_dir_all(&folder).map_err(error)?;
        Ok(BatchFolder(folder))
    }
}

/// The name of the workers of a case in a batch.
fn step(case: &CaseId, batch: u32, arm: Arm) -> String {
    format!("{case} (batch {batch}, {})", arm.word())
}

/// A folder with one file per batch: `same-1.json`.
struct BatchFolder(PathBuf);

impl BatchFolder {
    fn file(&self, arm: Arm, number: usize) -> PathBuf {
        self.0.join(format!("{}-{number}.json", arm.word()))
    }

    fn save(&self, arm: Arm, record: &Record) -> Result<(), StoreError> {
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

/// Growth of anon up to the fullest stage.
fn growth(case: CaseView<'_>) -> u64 {
    let growth = case.fullest().and_then(|fullest| case.growth(Metric::Anon, fullest.stage.clone()));
    growth.map_or(0, |growth| growth.max(0.0) as u64)
}
