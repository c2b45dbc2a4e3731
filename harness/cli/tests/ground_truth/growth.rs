//! The records of the example `ground-truth`, and the growth that a test expects of each quantity of a case.

use std::{
    collections::BTreeSet,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use highwater_model::{CaseRecord, Category, Metric, Quantity, Record, Stage};
use highwater_store::read_record;

use super::{example, kinds};

/// The records of two runs, with ASLR off (if the system allows it) and on.
pub(super) fn runs() -> &'static [Record; 2] {
    &run_once().0
}

/// The folders of the two runs, which are gone.
pub(super) fn folders() -> &'static [PathBuf; 2] {
    &run_once().1
}

pub(super) fn run_once() -> &'static ([Record; 2], [PathBuf; 2]) {
    static RUNS: OnceLock<([Record; 2], [PathBuf; 2])> = OnceLock::new();
    RUNS.get_or_init(|| {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let program = example::build("ground-truth");
        let runs = ["off", "on"].map(|aslr| {
            // Not in /tmp: on a tmpfs, mapped files count as shmem.
            let desk = tempfile::tempdir_in(scratch).expect("a folder");
            let status = Command::new(&program)
                .args(["--bench", "--memory-only", "--samples", "5", "--aslr", aslr])
                .env("HIGHWATER_TARGET_DIR", desk.path())
                .stdout(Stdio::null())
                .status();
            assert!(status.expect("it starts").success(), "the error is printed above");
            let record = read_record(&desk.path().join("highwater/ground-truth.json")).expect("a record");
            (record, desk.path().to_owned())
        });
        let [(off, off_folder), (on, on_folder)] = runs;
        ([off, on], [off_folder, on_folder])
    })
}

/// The pages of a file that the kernel maps on one fault, if they are in the page cache: 64 KiB (`fault_around_bytes`).
const FAULT_AROUND: i32 = 16;

/// Whether a quantity counts pages of the program's file, or their faults. One of five workers may run code that the others
/// do not, such as that for a message which arrives in two parts on a busy machine, and map it.
fn may_have_code(quantity: Quantity) -> bool {
    matches!(
        quantity,
        Quantity::Process(Metric::Rss | Metric::File | Metric::MinorFaults)
            | Quantity::Within(Metric::Rss, Category::Executable)
    )
}

/// The expected growth of a case from `loaded` to a stage, in pages or counts.
pub(super) struct Growth {
    case: String,
    stage: Stage,
    expected: Vec<(Quantity, RangeInclusive<i32>)>,
    page_tables: Option<i32>,
    uss: Option<i32>,
}

impl Growth {
    pub(super) fn of(case: &str, stage: &str) -> Self {
        let (case, stage) = (format!("ground-truth/{case}"), stage.parse().expect("a stage"));
        Self { case, stage, expected: Vec::new(), page_tables: None, uss: None }
    }

    pub(super) fn is(self, quantities: &[&str], growth: i32) -> Self {
        quantities.iter().fold(self, |all, quantity| all.within(quantity, growth..=growth))
    }

    pub(super) fn within(mut self, quantity: &str, growth: RangeInclusive<i32>) -> Self {
        self.expected.push((quantity.parse().expect("a quantity"), growth));
        self
    }

    pub(super) fn uss(mut self, growth: i32) -> Self {
        self.uss = Some(growth);
        self
    }

    /// Page tables of a mapping that does not share any with others. With ASLR on, it may also be right below a
    /// multiple of 512 GiB (once in 250 runs) and need another table at the level above.
    pub(super) fn own_page_tables(mut self, growth: i32) -> Self {
        self.page_tables = Some(growth);
        self
    }

    /// A small mapping between others usually shares their page tables. If it crosses a 2 MiB boundary, or one of a
    /// higher level, it needs up to two tables at the lowest level and one at each level above.
    pub(super) fn any_page_tables(self) -> Self {
        self.within("page_tables", 0..=4)
    }

    pub(super) fn and_nothing_else(self) {
        for record in runs() {
            let case = self.case(record);
            for quantity in quantities(case, &[&self.stage, &record.baseline_stage]) {
                let grown = growth(record, case, &self.stage, quantity);
                let Some(expected) = self.expected(record, quantity) else { continue };
                let about = format!("{quantity} of {} at {}: {grown:?}, not {expected:?}", self.case, self.stage);
                let others: Vec<f64> = grown.into_iter().filter(|growth| !contains(&expected, *growth)).collect();
                let code = *expected.start()..=expected.end() + FAULT_AROUND;
                let may_be_code = may_have_code(quantity) && others.len() <= 1;
                assert!(others.iter().all(|growth| may_be_code && contains(&code, *growth)), "{about}");
            }
        }
        let Some(own) = self.uss.map(f64::from) else { return };
        let of = |metric: Metric| {
            let grown = |record| growth(record, self.case(record), &self.stage, metric.into());
            runs().iter().flat_map(grown).collect::<Vec<_>>()
        };
        let (uss, pss) = (of(Metric::Uss), of(Metric::Pss));
        let undisturbed: Vec<f64> = uss.iter().zip(&pss).filter(|(_, pss)| **pss == own).map(|(uss, _)| *uss).collect();
        if undisturbed.is_empty() {
            // Under heavy load all ten workers can be disturbed. Then only the other categories are checked.
            eprintln!("uss of {} at {} not checked: other processes changed pss: {pss:?}", self.case, self.stage);
        }
        assert!(undisturbed.iter().all(|uss| *uss == own), "uss {uss:?} and pss {pss:?}, not {own}");
    }

    pub(super) fn case<'a>(&self, record: &'a Record) -> &'a CaseRecord {
        let case = record.cases.iter().find(|case| case.id.as_str() == self.case).expect("the case");
        assert!(case.not_run.is_none() && case.failures.is_empty(), "{case:?}");
        assert_eq!(case.samples, 5);
        case
    }

    pub(super) fn sum<const N: usize>(&self, record: &Record, parts: [Quantity; N]) -> Option<RangeInclusive<i32>> {
        let ranges: Option<Vec<_>> = parts.into_iter().map(|part| self.expected(record, part)).collect();
        let (low, high) = ranges?.iter().fold((0, 0), |(low, high), range| (low + range.start(), high + range.end()));
        Some(low..=high)
    }

    /// `None` for quantities that depend on other processes.
    pub(super) fn expected(&self, record: &Record, quantity: Quantity) -> Option<RangeInclusive<i32>> {
        if let Some((_, growth)) = self.expected.iter().find(|(named, _)| *named == quantity) {
            return Some(growth.clone());
        }
        match quantity {
            // No test page is in a malloc heap.
            Quantity::Process(Metric::AnonMapped) => self.expected(record, Metric::Anon.into()),
            Quantity::Process(Metric::Total) => {
                self.sum(record, [Metric::Anon, Metric::OutsideAnon].map(Quantity::from))
            }
            Quantity::Process(Metric::OutsideAnon) => {
                let parts = [Metric::ShmemTotal, Metric::Hugetlb, Metric::DeletedFiles, Metric::Descendants];
                self.sum(record, parts.map(Quantity::from))
            }
            // What the peak of the cgroup exceeds the charge by, in the precision of both.
            Quantity::Process(Metric::HiddenPeak) => {
                let peak = self.expected(record, Metric::CgroupPeak.into())?;
                Some(0..=(*peak.end()).max(0) + 256)
            }
            // Kernel memory contains the page tables, and objects that are charged in whole pages.
            Quantity::Process(Metric::Kernel) => {
                let tables = self.expected(record, Metric::PageTables.into())?;
                Some(tables.start() - kinds::OBJECTS..=tables.end() + kinds::OBJECTS)
            }
            // The precision of a charge is 64 pages for each CPU that the worker or its parent used.
            Quantity::Process(Metric::Unaccounted) => Some(-256..=256),
            Quantity::Process(Metric::CgroupPeak) => {
                let charged = self.sum(record, [Metric::Total.into(), Metric::Kernel.into()])?;
                Some(charged.start() - 256..=charged.end() + 256)
            }
            // The sum of the others, and pages of files, which another process may have read before.
            Quantity::Process(Metric::CgroupCurrent | Metric::FileCache) => None,
            Quantity::Process(Metric::Pss | Metric::Uss) | Quantity::Within(Metric::Pss, Category::Executable) => None,
            Quantity::Process(Metric::PageTables) => {
                let above = i32::from(at_random(record) && self.page_tables.is_some());
                Some(self.page_tables.unwrap_or(0)..=self.page_tables.unwrap_or(0) + above)
            }
            _ => Some(0..=0),
        }
    }
}

pub(super) fn contains(range: &RangeInclusive<i32>, value: f64) -> bool {
    f64::from(*range.start()) <= value && value <= f64::from(*range.end())
}

/// Every quantity of a case that these stages have; a category that a stage lacks is 0.
pub(super) fn quantities(case: &CaseRecord, stages: &[&Stage]) -> BTreeSet<Quantity> {
    let all: BTreeSet<Quantity> = case.stages.iter().flat_map(|columns| columns.memory.keys().copied()).collect();
    let has = |stage: &&Stage, quantity: Quantity| {
        case.stage(stage).is_some_and(|columns| columns.values(quantity, case.samples).is_some())
    };
    all.into_iter().filter(|quantity| stages.iter().all(|stage| has(stage, *quantity))).collect()
}

/// Whether mappings have random addresses and may cross a boundary of page tables.
pub(super) fn at_random(record: &Record) -> bool {
    !record.fingerprint.class.aslr_off
}

/// The growth of a quantity since `loaded` in each worker: pages (fractions for PSS) or counts.
pub(super) fn growth(record: &Record, case: &CaseRecord, stage: &Stage, quantity: Quantity) -> Vec<f64> {
    let pairs =
        value(record, case, stage, quantity).into_iter().zip(value(record, case, &record.baseline_stage, quantity));
    pairs.map(|(value, baseline_stage)| value - baseline_stage).collect()
}

/// A quantity at a stage in each worker: pages (fractions for PSS) or counts.
pub(super) fn value(record: &Record, case: &CaseRecord, stage: &Stage, quantity: impl Into<Quantity>) -> Vec<f64> {
    let quantity = quantity.into();
    let quantum = quantity.quantum(record.fingerprint.class.page_size);
    let columns = case.stage(stage).expect("the stage was reached");
    let values = columns.values(quantity, case.samples).expect("read at this stage");
    values.into_iter().map(|value| value as f64 / quantum).collect()
}
