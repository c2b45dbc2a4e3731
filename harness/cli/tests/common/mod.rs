//! Shared by the integration tests: the toy family as a bench binary, a [`Desk`] (a temporary target folder with
//! baselines), and a handmade record.

#![allow(dead_code, reason = "no test binary uses everything")]

pub(crate) mod comparisons;
pub(crate) mod example;
pub(crate) mod exec;
pub(crate) mod history;
pub(crate) mod odd;
pub(crate) mod other_program;
pub(crate) mod programs;
pub(crate) mod project;
pub(crate) mod pty;
pub(crate) mod site;
pub(crate) mod small;
pub(crate) mod toy_project;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process,
    sync::OnceLock,
    time::{Duration, Instant},
};

use assert_cmd::Command;
use highwater_judge::{Keep, Policy, baselines};
use highwater_model::{
    Baseline, Blessing, CaseRecord, Fingerprint, Quantity, Record, SCHEMA_VERSION, Series, StageColumns,
};
use highwater_store::{read_baseline, read_record, stage_baseline, write_record};
use tempfile::TempDir;

/// The example `toy`, built once per test binary.
pub(crate) fn toy() -> &'static Path {
    static TOY: OnceLock<PathBuf> = OnceLock::new();
    TOY.get_or_init(|| example::build("toy"))
}

/// The command of this crate.
pub(crate) fn highwater(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
    command.args(args);
    command
}

/// The output of a finished program.
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command and asserts its exit status. A failure shows the whole output.
pub(crate) fn run(mut command: Command, status: i32) -> Ran {
    let assert = command.assert().code(status);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    Ran { stdout: text(&assert.get_output().stdout), stderr: text(&assert.get_output().stderr) }
}

impl Ran {
    /// Asserts that stderr is a single line that contains all of `parts`, with a hint below it.
    pub(crate) fn complains_in_one_line(&self, parts: &[&str]) {
        let line = self.stderr.trim_end();
        let line = line.rsplit_once("\nnext: ").map_or(line, |(line, _)| line);
        assert!(!line.is_empty() && !line.contains('\n'), "not one line:\n{}", self.stderr);
        for part in parts {
            assert!(line.contains(part), "`{part}` is not in: {line}");
        }
    }

    /// The first finding of a kind, as a line of stdout.
    pub(crate) fn finding(&self, kind: &str) -> &str {
        self.line(&format!("  {kind:<14} "))
    }

    /// The first line of stdout that contains `part`.
    pub(crate) fn line(&self, part: &str) -> &str {
        let line = self.stdout.lines().find(|line| line.contains(part));
        line.unwrap_or_else(|| panic!("no line contains `{part}`:\n{}", self.stdout))
    }
}

/// A temporary target folder with a folder of baselines.
pub(crate) struct Desk(TempDir);

impl Desk {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    /// A desk with a full run of the toy family, blessed as the baseline. The run is measured once per test binary.
    pub(crate) fn measured_and_blessed() -> Self {
        static RUN: OnceLock<Record> = OnceLock::new();
        let record = RUN.get_or_init(|| {
            let desk = Self::new();
            run(desk.bench(&["--memory-only", "--samples", "5"]), 0);
            desk.record()
        });
        let desk = Self::new();
        write_record(&desk.record_path(), record).expect("written");
        run(desk.bless("first measurement"), 0);
        desk
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The folder of the records, which is also the working directory of workers.
    pub(crate) fn run_folder(&self) -> PathBuf {
        self.path().join("highwater")
    }

    pub(crate) fn record_path(&self) -> PathBuf {
        self.run_folder().join("toy.json")
    }

    pub(crate) fn record(&self) -> Record {
        read_record(&self.record_path()).expect("a record")
    }

    pub(crate) fn baselines(&self) -> PathBuf {
        self.path().join("baselines")
    }

    pub(crate) fn baseline_path(&self) -> PathBuf {
        self.baselines().join(self.record().fingerprint.class.to_string()).join("toy.txt")
    }

    /// The bench binary, as started by `cargo bench`.
    pub(crate) fn bench(&self, args: &[&str]) -> Command {
        Command::from_std(self.std_bench(args))
    }

    pub(crate) fn std_bench(&self, args: &[&str]) -> process::Command {
        let mut command = process::Command::new(toy());
        command.arg("--bench").args(args).env("HIGHWATER_TARGET_DIR", self.path());
        command.env_remove("CRITERION_HOME").env_remove("TOY_ALL");
        command
    }

    pub(crate) fn compare(&self, args: &[&str]) -> Command {
        self.judge("compare", args)
    }

    pub(crate) fn bless(&self, reason: &str) -> Command {
        self.bless_with(reason, &[])
    }

    pub(crate) fn bless_with(&self, reason: &str, flags: &[&str]) -> Command {
        self.judge("bless", &[&["--reason", reason], flags].concat())
    }

    /// A desk with [`record`] as its run and without a baseline.
    pub(crate) fn with_record() -> Self {
        let desk = Self::new();
        write_record(&desk.record_path(), &record()).expect("written");
        desk
    }

    pub(crate) fn judge(&self, subcommand: &str, args: &[&str]) -> Command {
        Command::from_std(self.std_judge(subcommand, args))
    }

    /// Runs in the folder of the desk, so that the result does not depend on the state of this repository.
    pub(crate) fn std_judge(&self, subcommand: &str, args: &[&str]) -> process::Command {
        let mut command = process::Command::new(env!("CARGO_BIN_EXE_highwater"));
        command.arg(subcommand).args(args).arg("--run").arg(self.run_folder()).arg("--baselines").arg(self.baselines());
        command.current_dir(self.path());
        command
    }

    /// The files of the baselines with their contents.
    pub(crate) fn contents(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let files = self.files().into_iter().filter(|path| path.starts_with(self.baselines()));
        files.map(|path| (path.clone(), fs::read(path).expect("read"))).collect()
    }

    /// All files of this desk, sorted.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        files_below(self.path())
    }
}

/// All files below a folder, sorted.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

/// The baseline of a record under the default policy, without a blessing.
pub(crate) fn baseline(record: &Record) -> Baseline {
    baselines::of_run(record, &Policy::default(), Keep::Gated)
}

/// The baseline of a record with a blessing.
pub(crate) fn blessed_baseline(record: &Record, reason: &str) -> Baseline {
    let at = "2026-07-01T12:00:00Z".to_owned();
    Baseline { blessings: vec![Blessing { reason: reason.to_owned(), at, cases: None }], ..baseline(record) }
}

/// Replaces the baseline by that of an edited copy of the desk's record, and keeps its blessings. Call this before the
/// record itself is edited.
pub(crate) fn edit_baseline(desk: &Desk, change: impl FnOnce(&mut Record)) {
    let path = desk.baseline_path();
    let mut record = desk.record();
    change(&mut record);
    let blessings = read_baseline(&path).map_or(Vec::new(), |present| present.blessings);
    write_baseline(&path, &Baseline { blessings, ..baseline(&record) });
}

pub(crate) fn write_baseline(path: &Path, baseline: &Baseline) {
    stage_baseline(path, baseline).and_then(|staged| staged.commit()).expect("written");
}

/// Edits a record on disk.
pub(crate) fn edit(path: &Path, change: impl FnOnce(&mut Record)) {
    let mut record = read_record(path).expect("a record");
    change(&mut record);
    write_record(path, &record).expect("written");
}

/// Adds bytes per unit to a quantity at every rung of a case.
pub(crate) fn add_per_unit(case: &mut CaseRecord, quantity: &str, bytes: u64) {
    let quantity: Quantity = quantity.parse().expect("a quantity");
    for columns in &mut case.stages {
        let Some(scale) = columns.stage.scale() else { continue };
        match columns.memory.get_mut(&quantity).expect("read at every rung") {
            Series::Same(value) => *value += bytes * u64::from(scale.0),
            Series::Each(values) => values.iter_mut().for_each(|value| *value += bytes * u64::from(scale.0)),
        }
    }
}

/// Waits for a condition, polling every few milliseconds.
pub(crate) fn within(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < limit, "timed out after {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A record that is the same on every machine, with two cases: one uses the heap and its workers agree, the other uses
/// mapped memory and its workers differ.
pub(crate) fn record() -> Record {
    let exact = [100, 110, 164, 740].map(|pages| Series::Same(pages * 4096));
    let spread = [
        Series::Same(100 * 4096),
        Series::Each([110, 110, 111, 110, 112].map(|pages| pages * 4096).to_vec()),
        Series::Each([114, 114, 115, 114, 117].map(|pages| pages * 4096).to_vec()),
        Series::Each([150, 151, 150, 150, 153].map(|pages| pages * 4096).to_vec()),
    ];
    Record {
        schema: SCHEMA_VERSION,
        family: "toy".into(),
        fingerprint: Fingerprint {
            class: "linux-x86_64-4k-thp_madvise-glibc-aslr_off".parse().expect("a class"),
            controls: BTreeMap::new(),
            context: [("kernel".to_owned(), "6.18.5".to_owned())].into(),
        },
        selection: Default::default(),
        unit: "buffer".into(),
        baseline_stage: "loaded".parse().expect("a stage"),
        cases: vec![
            case("toy/heap/size=64k", ("anon_heap", "anon_mapped", "anon.arenas"), exact),
            case("toy/mapped/pages=4", ("anon_mapped", "anon_heap", "anon.linear_memory"), spread),
        ],
        claims: Vec::new(),
        questions: Vec::new(),
    }
}

/// Where the anonymous memory of a case is: the metric that has all of it, the metric that has none, and the category.
type AnonLocation = (&'static str, &'static str, &'static str);

fn case(id: &str, location: AnonLocation, anon: [Series; 4]) -> CaseRecord {
    let names = ["start", "loaded", "live@1", "live@10"];
    CaseRecord {
        id: id.parse().expect("an id"),
        not_run: None,
        left_out: false,
        samples: 5,
        failures: Vec::new(),
        notes: BTreeMap::new(),
        lifetime_ns: Series::Same(3_000_000),
        stages: names.into_iter().zip(anon).map(|(name, anon)| stage(name, location, anon)).collect(),
        timeline: None,
        time: BTreeMap::new(),
    }
}

/// A stage with all anonymous memory in one location, and the same amount of file pages. The live heap bytes are 48
/// less than the heap pages have, or those of a list of units.
fn stage(name: &str, (all, none, category): AnonLocation, anon: Series) -> StageColumns {
    let map = |change: fn(u64) -> u64| match &anon {
        Series::Same(value) => Series::Same(change(*value)),
        Series::Each(values) => Series::Each(values.iter().map(|value| change(*value)).collect()),
    };
    let twice = map(|bytes| bytes * 2);
    let live = if all == "anon_heap" { map(|bytes| bytes - 48) } else { Series::Same(400) };
    let memory = [
        ("anon", anon.clone()),
        (all, anon.clone()),
        (none, Series::Same(0)),
        (category, anon.clone()),
        ("uss", anon.clone()),
        ("pss", anon.clone()),
        ("peak_anon", anon),
        ("rss", twice.clone()),
        ("peak", twice),
        ("page_tables", Series::Same(77_824)),
        ("vmas", Series::Same(27)),
        ("heap_live", live.clone()),
        ("heap_peak", live),
    ];
    StageColumns {
        stage: name.parse().expect("a stage"),
        wall_ns: Series::Same(1000),
        cpu_ns: Series::Same(900),
        memory: memory.into_iter().map(|(name, series)| (name.parse().expect("a quantity"), series)).collect(),
    }
}

/// Adds one page per unit to the heap case, in its heap bytes and its pages.
pub(crate) fn page_more_on_the_heap(case: &mut CaseRecord) {
    for quantity in ["anon", "anon_heap", "anon.arenas", "heap_live"] {
        add_per_unit(case, quantity, 4096);
    }
}
