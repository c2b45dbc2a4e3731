//! `highwater exec`: what it measures of unmodified programs is what they and the kernel say.

mod common;

use std::{
    fs,
    path::Path,
    sync::Mutex,
    time::{Duration, Instant},
};

use common::{
    Desk,
    exec::{ISOLATED, PAGE, python, stages, value, within_pages},
    programs::is_installed,
};
use highwater_model::{CaseRecord, Control, Outcome, Sample, Stage, WorkerOptions};
use highwater_probe::{Labels, Probe};
use highwater_runner::{Interrupt, Job, Measuring, Observed, Observer};
use highwater_worker::{Conditions, Limits, OutputStage, Program, UnmodifiedProgram};

const MIB: u64 = 1 << 20;

/// The bytes of a field of `smaps_rollup` in a file.
fn field(file: &Path, name: &str) -> u64 {
    let text = fs::read_to_string(file).expect("the script wrote it");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a field");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

/// The program reads its own `smaps_rollup` and ends without further allocations.
#[test]
fn the_memory_at_the_exit_is_that_of_smaps_rollup() {
    if !is_installed("python3") {
        return;
    }
    let desk = Desk::new();
    let file = desk.file("rollup");
    let script = "
import os, sys
x = [bytearray(4096) for _ in range(100000)]
out = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
for _ in range(3):
    rollup = os.open('/proc/self/smaps_rollup', os.O_RDONLY)
    text = os.read(rollup, 4096)
    os.close(rollup)
os.write(out, text)
os._exit(0)";
    let case = desk.python(&[], script, &[file.to_str().expect("text")]);
    assert_eq!(stages(&case), ["start", "exit"]);
    let anon = field(&file, "Anonymous:");
    assert!(anon > 400_000_000, "{anon}");
    within_pages(value(&case, "exit", "anon"), anon, 1);
    within_pages(value(&case, "exit", "figure.tree_anon_bytes"), anon, 1);
    within_pages(value(&case, "exit", "total"), anon, 1);
    within_pages(value(&case, "exit", "swap"), field(&file, "Swap:"), 1);
    // Pages of the file cache that the last system calls mapped.
    within_pages(value(&case, "exit", "rss"), field(&file, "Rss:"), 32);
    assert!(value(&case, "start", "anon") < MIB, "before its first instruction");
    assert!(value(&case, "exit", "peak_anon") >= anon);
}

#[test]
fn shared_memory_of_eight_processes_counts_once() {
    if !is_installed("python3") {
        return;
    }
    let script = "
import mmap, os
fd = os.memfd_create('shared')
os.ftruncate(fd, 64 << 20)
shared = mmap.mmap(fd, 64 << 20)
for page in range(0, 64 << 20, 4096): shared[page] = 1
(ready, done), (wait, go) = os.pipe(), os.pipe()
children = []
for _ in range(8):
    child = os.fork()
    if child == 0:
        os.close(go)
        sum(shared[page] for page in range(0, 64 << 20, 4096))
        os.write(done, b'x')
        os.read(wait, 1)
        os._exit(0)
    children.append(child)
for _ in children: os.read(ready, 1)
print('all read it', flush=True)
import time
time.sleep(0.2)
os.close(go)
for child in children: os.waitpid(child, 0)";
    let case = Desk::new().python(&["--stage", "shared=^all read"], script, &[]);
    assert_eq!(stages(&case), ["start", "shared", "exit"]);
    assert_eq!(value(&case, "shared", "shmem_total"), 64 * MIB);
    assert_eq!(value(&case, "shared", "processes"), 9);
    assert!(value(&case, "shared", "total") < 96 * MIB);
    assert!(value(&case, "shared", "figure.tree_rss_bytes") > 9 * 64 * MIB);
    let pss = value(&case, "shared", "figure.tree_pss_bytes");
    assert!((64 * MIB..96 * MIB).contains(&pss), "{pss}");
    assert!(value(&case, "shared", "figure.tree_mappings") > 9 * 10);
    assert_eq!(value(&case, "exit", "processes"), 1);
}

#[test]
fn memory_of_a_child_that_has_exited_is_in_the_peak() {
    if !is_installed("python3") {
        return;
    }
    let script = "
import subprocess, sys
child = 'import time; x = b\"x\" * 500_000_000; time.sleep(0.05)'
subprocess.run([sys.executable, '-I', '-S', '-c', child], check=True)";
    let desk = Desk::new();
    let case = desk.python(&[], script, &[]);
    assert!(value(&case, "exit", "total") < 50 * MIB);
    // Without a cgroup, a descendant is read only at stages.
    if desk.record_of("script").fingerprint.controls[&Control::MemoryCgroup].is_granted() {
        let peak = value(&case, "exit", "cgroup_peak");
        // The charge of both interpreters and of page tables, and what each CPU charges in advance.
        assert!((500_000_000..600_000_000).contains(&peak), "{peak}");
        assert!(value(&case, "exit", "hidden_peak") > 490_000_000);
    }
}

#[test]
fn a_daemon_is_ended_and_noted() {
    if !is_installed("python3") {
        return;
    }
    let desk = Desk::new();
    let command = ["/bin/sh", "-c", "setsid -f sleep 98761 >/dev/null 2>&1; sleep 0.3"];
    desk.exec(&["--samples", "1", "--name", "daemon"], &command, 0);
    let case = desk.record_of("daemon").cases.remove(0);
    assert_eq!((case.samples, case.failures.len()), (1, 0));
    assert_eq!(case.notes["outlived_its_worker"], ["sleep"]);
    let is_running = |pid: &Path| fs::read(pid.join("cmdline")).is_ok_and(|line| line == b"sleep\098761\0");
    assert!(!fs::read_dir("/proc").expect("Linux").flatten().any(|entry| is_running(&entry.path())));
}

/// Reads a counter of the program twice while it is stopped.
struct Counting<'a> {
    counter: &'a Path,
    at_stages: Mutex<Vec<(String, u64, u64)>>,
}

impl Observer for Counting<'_> {
    fn started(&mut self, _: u32) {}

    fn at_stage(&mut self, stage: &Stage, probe: &mut Probe, _: &Labels) {
        assert!(probe.descendants().len() <= 1);
        let read = || fs::read(self.counter).ok().and_then(|bytes| Some(u64::from_ne_bytes(bytes.try_into().ok()?)));
        let first = read().unwrap_or(0);
        std::thread::sleep(Duration::from_millis(50));
        self.at_stages.lock().expect("no panic").push((stage.to_string(), first, read().unwrap_or(0)));
    }
}

/// Runs a command with an observer.
fn observed(
    folder: &Path,
    script: &str,
    stage: Option<&str>,
    stop_after: Option<u64>,
    observer: &mut dyn Observer,
) -> Sample {
    let words = |list: &[&str]| list.iter().map(Into::into).collect();
    let mut measuring = Measuring::new(Path::new("/proc/self/exe"), folder, &Interrupt::default()).expect("a harness");
    let job = Job {
        program: Program::Unmodified(UnmodifiedProgram {
            path: python().into(),
            name: "python3".into(),
            args: words(&[&ISOLATED[..], &["-c", script]].concat()),
            folder: folder.into(),
            stages: stage
                .map(|pattern| OutputStage { stage: "ready".parse().expect("a stage"), pattern: pattern.into() })
                .into_iter()
                .collect(),
            stop_after: stop_after.map(Duration::from_millis),
            read_every: None,
        }),
        case: "counter/command".parse().expect("an id"),
        warm_up: false,
        alone: true,
        takes_turns: false,
        ladder: Vec::new(),
        options: WorkerOptions::default(),
        inputs: Vec::new(),
        baseline_stage: "start".parse().expect("a stage"),
        limits: Limits { time: Duration::from_secs(60), memory: None },
        conditions: Conditions::default(),
        environment: Vec::new(),
    };
    match measuring.observed_worker(&job, 0, observer).expect("the harness works") {
        Observed::Sample(sample) => sample,
        Observed::NotRun(reason) => panic!("not run: {reason}"),
    }
}

/// Four threads and a child add to a counter all the time, but not while the program is read.
#[test]
fn no_thread_of_the_tree_runs_while_it_is_read() {
    if !is_installed("python3") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let counter = folder.path().join("counter");
    let script = "
import mmap, os, threading, time
fd = os.open('counter', os.O_CREAT | os.O_RDWR)
os.ftruncate(fd, 8)
counter = mmap.mmap(fd, 8)
def count():
    while True: counter[:] = (int.from_bytes(counter[:], 'little') + 1).to_bytes(8, 'little')
for _ in range(4): threading.Thread(target=count, daemon=True).start()
child = os.fork()
if child == 0: count()
time.sleep(0.1)
print('counting', flush=True)
time.sleep(0.1)
before = counter[:]
while counter[:] == before: time.sleep(0.01)
os.kill(child, 9)
os._exit(0)";
    let mut observer = Counting { counter: &counter, at_stages: Mutex::default() };
    let sample = observed(folder.path(), script, Some("^counting$"), None, &mut observer);
    assert_eq!(sample.outcome, Outcome::Completed, "{}", sample.output_tail);
    assert_eq!(sample.notes, []);
    let stages = observer.at_stages.into_inner().expect("no panic");
    let (names, counts): (Vec<&str>, Vec<(u64, u64)>) =
        stages.iter().map(|(name, a, b)| (name.as_str(), (*a, *b))).unzip();
    assert_eq!(names, ["start", "ready", "exit"]);
    assert!(counts.iter().all(|(first, second)| first == second), "{stages:?}");
    // The threads and the child overwrite each other's additions.
    assert!(0 < counts[1].0 && counts[1].0 != counts[2].0, "{stages:?}");
    // The pauses are no time of the program.
    let wall: u64 = sample.readings.iter().map(|reading| reading.wall_ns).sum();
    assert!(wall + 3 * 50_000_000 < sample.lifetime_ns, "{wall} of {}", sample.lifetime_ns);
    assert!(sample.readings[1].cpu_ns > 0);
}

#[test]
fn a_server_is_read_after_its_time_and_killed() {
    if !is_installed("python3") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let started = Instant::now();
    let script = "
import os, time
if os.fork() == 0: time.sleep(600)
print('serving', flush=True)
time.sleep(600)";
    let mut observer = Counting { counter: folder.path(), at_stages: Mutex::default() };
    let sample = observed(folder.path(), script, Some("serving"), Some(3000), &mut observer);
    assert_eq!((sample.outcome, sample.notes), (Outcome::Completed, Vec::new()));
    let names: Vec<String> = sample.readings.iter().map(|reading| reading.stage.to_string()).collect();
    assert_eq!(names, ["start", "ready", "stopped"]);
    assert!(started.elapsed() < Duration::from_secs(60));
}

/// The outcome of a program with stages that it need not reach.
fn outcome(script: &str, stage: Option<&str>, stop_after: Option<u64>) -> Sample {
    let folder = tempfile::tempdir().expect("a folder");
    let mut observer = Counting { counter: folder.path(), at_stages: Mutex::default() };
    observed(folder.path(), script, stage, stop_after, &mut observer)
}

#[test]
fn a_stage_that_is_not_reached_is_no_completed_run() {
    if !is_installed("python3") {
        return;
    }
    let sample = outcome("print('done')", Some("^ready"), None);
    assert_eq!(sample.outcome, Outcome::Exited { status: 0 });
    assert_eq!(sample.notes, [("no_line_matched_stage".to_owned(), "ready".to_owned())]);
    let sample = outcome("import time; time.sleep(60)", Some("^ready"), Some(200));
    assert_eq!(sample.outcome, Outcome::TimedOut { limit_ms: 200 });
}

/// Handlers of the program run, and a program that stops itself continues.
#[test]
fn signals_are_passed_on() {
    if !is_installed("python3") {
        return;
    }
    let script = "
import os, signal
seen = []
for number in (signal.SIGUSR1, signal.SIGTRAP, signal.SIGTERM):
    signal.signal(number, lambda number, _: seen.append(number))
    os.kill(os.getpid(), number)
os.kill(os.getpid(), signal.SIGSTOP)
assert len(seen) == 3, seen
os.kill(os.getpid(), signal.SIGABRT)";
    let sample = outcome(script, None, None);
    assert_eq!(sample.outcome, Outcome::Signaled { signal: 6 }, "{}", sample.output_tail);
    let last = sample.readings.last().expect("read").stage.to_string();
    assert_eq!(last, "exit", "it is read before it ends by a signal");
}

#[test]
fn a_program_that_executes_another_one_is_read_to_its_end() {
    if !is_installed("python3") {
        return;
    }
    let script = "import os; print('first', flush=True); os.execv('/bin/sh', ['sh', '-c', 'echo second; exit 0'])";
    let sample = outcome(script, Some("second"), None);
    assert_eq!(sample.outcome, Outcome::Completed, "{}", sample.output_tail);
    let anon = |index: usize| sample.readings[index].snapshot.get(highwater_model::Metric::Anon).expect("read");
    assert!(anon(2) < 2 * MIB && anon(2).is_multiple_of(PAGE));
}

/// The thread takes the place of the main thread, which is traced again.
#[test]
fn a_program_that_another_thread_executes_is_read_too() {
    if !is_installed("python3") {
        return;
    }
    let script = "
import os, threading, time
run = lambda: os.execv('/bin/sh', ['sh', '-c', 'sleep 0.5; echo second; sleep 0.2; exit 0'])
threading.Thread(target=run).start()
time.sleep(60)";
    let sample = outcome(script, Some("second"), None);
    assert_eq!(sample.outcome, Outcome::Completed, "{}", sample.output_tail);
    let names: Vec<String> = sample.readings.iter().map(|reading| reading.stage.to_string()).collect();
    assert_eq!((names, sample.notes), (["start", "ready", "exit"].map(str::to_owned).to_vec(), Vec::new()));
}

/// The other threads run on after the main thread.
#[test]
fn a_main_thread_that_ends_first_is_noted() {
    if !is_installed("python3") {
        return;
    }
    let script = "
import ctypes, os, threading, time
threading.Thread(target=lambda: (time.sleep(2), os._exit(0))).start()
ctypes.CDLL(None).pthread_exit(None)";
    let sample = outcome(script, None, None);
    let (name, text) = sample.notes.first().expect("a note");
    assert_eq!((name.as_str(), text.as_str()), ("not_read_at_exit", "its main thread ended before its other threads"));
    assert_eq!(sample.outcome, Outcome::Completed, "{}", sample.output_tail);
}

#[test]
fn a_case_has_the_controls_of_other_workers() {
    if !is_installed("python3") {
        return;
    }
    let desk = Desk::new();
    let case: CaseRecord = desk.python(&[], "pass", &[]);
    let controls = desk.record_of("script").fingerprint.controls;
    for control in [Control::AslrOff, Control::ThpOff, Control::PinnedCpu, Control::NoCoreFile] {
        assert!(controls[&control].is_granted(), "{control:?}");
    }
    assert!(case.lifetime_ns.at(0).is_some_and(|time| time > 0));
}
