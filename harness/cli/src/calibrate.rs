//! `highwater calibrate`: measures the error rates of the gate on this machine.

use std::{
    fs,
    path::{Path, PathBuf},
};

use highwater_judge::{Arm, Batches, CaseView, Policy, calibrate};
use highwater_model::{CaseId, MachineClass, Metric, Record, Scale, Selection, WorkerOption, exit};
use highwater_report::{self as report, terminal::note};
use highwater_runner::{Interrupt, Plan, Planned, RunnerError, Sampling};
use highwater_store::{FolderLock, StoreError, read_record, write_record};

use super::{
    CliError,
    confirm::BenchBinary,
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
        let mut unchanged = None;
        let mut folder = None;
        for batch in 0..self.arguments.batches {
            for arm in Arm::ALL {
                note(format_args!("{family}: batch {} of {}, {}", batch + 1, self.arguments.batches, arm.word()));
                let record = self.batch(arm, unchanged.as_ref())?;
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
        let (Some(folder), Some(unchanged)) = (folder, unchanged) else { return Ok(()) };
        let batches = folder.read()?;
        let calibration = calibrate(&batches, policy, self.arguments.comparisons as usize, self.arguments.seed);
        let class = &unchanged.fingerprint.class;
        let count = batches.values().map(Vec::len).sum();
        print(&report::calibration_text(family, class, count, &calibration))
    }

    /// Measures one batch of one arm. Relative injections are based on the growth of each case in `unchanged`.
    fn batch(&self, arm: Arm, unchanged: Option<&Record>) -> Result<Record, CliError> {
        let mut plan = self.plan.clone();
        for planned in &mut plan.cases {
            if let Planned::Job(job) = planned {
                let case = unchanged.and_then(|record| CaseView::get(record, &job.case));
                let growth = case.map_or(0, growth);
                job.options.set(WorkerOption::InjectOnce, arm.bytes(growth, rustix::param::page_size() as u64));
            }
        }
        let workers = Sampling::exactly(self.arguments.workers as usize);
        self.program
            .run(plan, self.arguments.selection(), !self.arguments.aslr_on, self.interrupt, |_: &CaseId| workers)
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
