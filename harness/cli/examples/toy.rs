//! A complete example of a bench crate, without WebAssembly. The tests of the harness run it as a user would.
//!
//! ```text
//! toy/heap/size=64k      a unit is a written Vec           64 KiB of host heap, and malloc's 16 bytes
//! toy/mapped/pages=4     a unit is an anonymous mapping    4 pages of linear memory; the kernel merges neighbours
//! toy/dies/how=...       all kinds of failures             only with TOY_ALL in the environment
//! toy/other-program/...  a worker that is a Bash script    only with TOY_ALL in the environment
//! ```
//!
//! TOY_CHANGE in the environment changes the family as a revision of it might: see [`Changed`].

use std::{hint::black_box, io::Write, ops::Range, os::fd::BorrowedFd, path::PathBuf, time::Duration};

use highwater_judge::{Aspect, CaseView, Claim, Finding};
use highwater_model::{Bytes, CaseId, Category, Metric, Scale};
use highwater_worker::{Case, CaseResult, Dirs, Family, Limits, NotRun, Program, Stages, Timer};
use memmap2::MmapMut;
use rustix::process::{Resource, Rlimit, Signal, getpid, kill_process, setrlimit};

fn main() -> std::process::ExitCode {
    highwater::bench(family).claims([CLAIM]).main()
}

fn family() -> Family {
    let mut cases: Vec<Box<dyn Case>> = vec![Box::new(Heap), Box::new(Mapped)];
    // An environment variable and not an argument, because workers have a fixed argument. `Case::environment` sets the
    // variable in workers of these cases.
    if std::env::var_os(ALL).is_some() {
        cases.extend(FAILURES.map(|how| Box::new(Fails(how)) as Box<dyn Case>));
        cases.push(Box::new(OtherProgram));
    }
    if let Ok(how) = std::env::var(CHANGE) {
        cases.retain(|case| how != "gone" || case.id().as_str().contains("heap"));
        let changed = |case| Box::new(Changed { case, how: how.clone() }) as Box<dyn Case>;
        cases = cases.into_iter().map(changed).collect();
    }
    Family { name: "toy", unit: "buffer", baseline_stage: "loaded", cases }
}

/// A claim about this family.
const CLAIM: Claim = Claim {
    id: "mapped-is-exact",
    statement: "a mapped buffer costs its pages and no more",
    source: "mmap(2)",
    refuted_if: "the slope of anon is not 4 pages",
    decide: |record| {
        let Some(case) = record.case("toy/mapped/pages=4") else { return Finding::undecided("the case was not run") };
        let slopes = CaseView::of(record, case).values(Metric::Anon, &Aspect::Slope("live".into()));
        let Some(slopes) = slopes else { return Finding::undecided("no worker completed") };
        let expected = (PAGES * rustix::param::page_size()) as f64;
        let figures = format!("{} B per buffer, n = {}", slopes[0], slopes.len());
        Finding::holds(slopes.iter().all(|slope| *slope == expected), figures).on([&case.id])
    },
};

/// Buffers on the heap, below the size for which malloc creates separate mappings.
struct Heap;

const SIZE: usize = 64 << 10;

impl Case for Heap {
    fn id(&self) -> CaseId {
        id("toy/heap/size=64k")
    }

    fn ladder(&self) -> Vec<Scale> {
        [1, 10, 100].map(Scale).to_vec()
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        let mut live = list_of_units(stages);
        let size = if std::env::var(CHANGE).as_deref() == Ok("larger") { 2 * SIZE } else { SIZE };
        stages.reached("loaded")?;
        for scale in stages.ladder() {
            live.resize_with(scale.0 as usize, || vec![1_u8; size]);
            stages.reached_at("live", scale)?;
        }
        drop(live);
        stages.reached("dropped")?;
        Ok(stages.trimmed()?)
    }

    fn routines(&self) -> &'static [&'static str] {
        &["fill"]
    }

    fn time(&self, _routine: &str, _inputs: &[PathBuf], timer: &mut dyn Timer) -> CaseResult {
        timer.iter(|| vec![1_u8; black_box(SIZE)]);
        Ok(())
    }
}

/// Buffers in separate mappings, which the family labels.
struct Mapped;

const PAGES: usize = 4;

impl Case for Mapped {
    fn id(&self) -> CaseId {
        id("toy/mapped/pages=4")
    }

    fn ladder(&self) -> Vec<Scale> {
        [1, 10, 50].map(Scale).to_vec()
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        let mut live = list_of_units(stages);
        stages.reached("loaded")?;
        for scale in stages.ladder() {
            while live.len() < scale.0 as usize {
                let map = dirtied()?;
                stages.label(Category::LinearMemory, addresses(&map))?;
                live.push(map);
            }
            stages.figure("mapped_bytes", (live.len() * PAGES * rustix::param::page_size()) as u64)?;
            stages.reached_at("live", scale)?;
        }
        stages.note("labels", "removed before\nthe mappings")?;
        stages.forget(Category::LinearMemory)?;
        drop(live);
        stages.reached("dropped")?;
        Ok(stages.trimmed()?)
    }

    fn routines(&self) -> &'static [&'static str] {
        &["fill"]
    }

    fn time(&self, _routine: &str, _inputs: &[PathBuf], timer: &mut dyn Timer) -> CaseResult {
        let mut map = dirtied()?;
        timer.iter(|| black_box(&mut map).fill(1));
        Ok(())
    }
}

/// An empty list of units, allocated in full before the baseline stage.
fn list_of_units<T>(stages: &Stages) -> Vec<T> {
    Vec::with_capacity(stages.ladder().last().map_or(0, |top| top.0 as usize))
}

fn dirtied() -> CaseResult<MmapMut> {
    let mut map = MmapMut::map_anon(PAGES * rustix::param::page_size())?;
    map.fill(1);
    Ok(map)
}

fn addresses(map: &MmapMut) -> Range<usize> {
    let range = map.as_ptr_range();
    range.start.addr()..range.end.addr()
}

/// The environment variable that enables the cases below.
const ALL: &str = "TOY_ALL";

/// The time limit of the case that hangs, in milliseconds. Tests that interrupt it set a longer one.
fn hang_ms() -> u64 {
    std::env::var("TOY_HANG_MS").ok().and_then(|text| text.parse().ok()).unwrap_or(300)
}

const FAILURES: [&str; 12] = [
    "exit",
    "signal",
    "panic",
    "hang",
    "allocation",
    "oom",
    "silent",
    "protocol",
    "vanishes",
    "skips",
    "unprepared",
    "chatty",
];

/// A case that fails, is not run, or is unusual in another way.
struct Fails(&'static str);

impl Case for Fails {
    fn id(&self) -> CaseId {
        id(&format!("toy/dies/how={}", self.0))
    }

    fn limits(&self) -> Limits {
        match self.0 {
            "hang" => Limits { time: Duration::from_millis(hang_ms()), ..Limits::default() },
            "oom" => Limits { memory: Some(Bytes(32 << 20)), ..Limits::default() },
            _ => Limits::default(),
        }
    }

    fn environment(&self) -> Vec<(String, String)> {
        vec![(ALL.to_owned(), "1".to_owned())]
    }

    fn prepare(&self, _dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        match self.0 {
            "unprepared" => Err(NotRun("the guest of this case was not built".to_owned()).into()),
            _ => Ok(Vec::new()),
        }
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        if self.0 == "silent" {
            return Ok(());
        }
        stages.reached("loaded")?;
        match self.0 {
            "exit" => {
                eprintln!("giving up on purpose");
                std::process::exit(7);
            }
            "signal" => kill_process(getpid(), Signal::KILL)?,
            "panic" => panic!("a panic on purpose"),
            "hang" => std::thread::sleep(Duration::from_secs(3600)),
            "allocation" => {
                let limit = Some(1 << 30);
                setrlimit(Resource::As, Rlimit { current: limit, maximum: limit })?;
                black_box(vec![1_u8; 4 << 30]);
            }
            "oom" => drop(black_box(vec![1_u8; 256 << 20])),
            "protocol" => send("nonsense\n")?,
            // Exits before the parent can take a snapshot.
            "vanishes" => {
                send("reached nowhere\n")?;
                kill_process(getpid(), Signal::KILL)?;
            }
            "skips" => return Err(NotRun("this machine has no flux capacitor".to_owned()).into()),
            "chatty" => {
                for _ in 0..8192 {
                    std::io::stdout().write_all(&[b'o'; 63])?;
                    println!();
                    eprintln!("{:e<63}", "");
                }
            }
            how => return Err(format!("unknown failure: {how}").into()),
        }
        Ok(stages.reached("after")?)
    }
}

/// The environment variable that changes the cases.
const CHANGE: &str = "TOY_CHANGE";

/// A case that was changed:
///
/// ```text
/// gone      only toy/heap is left
/// skipped   no case can run
/// short     the ladder has lost its last rung
/// dead      all workers exit with an error
/// silent    no worker reaches the baseline stage
/// threads   another thread waits meanwhile
/// larger    a buffer of toy/heap is twice as large
/// ```
struct Changed {
    case: Box<dyn Case>,
    how: String,
}

impl Case for Changed {
    fn id(&self) -> CaseId {
        self.case.id()
    }

    fn ladder(&self) -> Vec<Scale> {
        let mut ladder = self.case.ladder();
        if self.how == "short" {
            ladder.pop();
        }
        ladder
    }

    fn environment(&self) -> Vec<(String, String)> {
        [self.case.environment(), vec![(CHANGE.to_owned(), self.how.clone())]].concat()
    }

    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        match self.how.as_str() {
            "skipped" => Err(NotRun("this machine has no flux capacitor".to_owned()).into()),
            _ => self.case.prepare(dirs),
        }
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        match self.how.as_str() {
            "dead" => Err("failed on purpose".into()),
            "silent" => Ok(()),
            "threads" => std::thread::scope(|scope| {
                let (end, ended) = std::sync::mpsc::channel::<()>();
                scope.spawn(move || ended.recv());
                let ran = self.case.run(stages);
                drop(end);
                ran
            }),
            _ => self.case.run(stages),
        }
    }
}

/// Sends a line to the parent without `Stages`, to test the handling of invalid messages.
fn send(line: &str) -> CaseResult {
    // SAFETY: the worker's `Stages` owns the descriptor and keeps it open while the case runs.
    let channel = unsafe { BorrowedFd::borrow_raw(3) };
    rustix::io::write(channel, line.as_bytes())?;
    Ok(())
}

/// A worker that implements the stage protocol in a Bash script.
struct OtherProgram;

const SCRIPT: &str = r#"
while read -r line <&3 && [ "$line" != go ]; do
    case $line in ladder*) ladder=${line#ladder} ;; esac
done
reached() { echo "reached $1" >&3; read -r go <&3; }
reached start
reached loaded
for n in $ladder; do
    until [ "${live:-0}" -ge "$n" ]; do printf -v "unit$((live += 1))" %4080s; done
    reached "live@$n"
done
echo end >&3
"#;

impl Case for OtherProgram {
    fn id(&self) -> CaseId {
        id("toy/other-program/lang=sh")
    }

    fn ladder(&self) -> Vec<Scale> {
        [1, 10, 100].map(Scale).to_vec()
    }

    fn program(&self) -> Program {
        Program::Other { path: "/bin/bash".into(), args: ["--norc", "-c", SCRIPT].map(Into::into).to_vec() }
    }

    fn run(&self, _stages: &mut Stages) -> CaseResult {
        Err("the script does this".into())
    }
}

fn id(text: &str) -> CaseId {
    text.parse().expect("a valid id")
}
