//! Failures of workers are recorded with the last stage and the end of their output, and the run continues. If the
//! user interrupts a run, all workers are killed and the previous record is kept.

mod common;

use std::{
    fs,
    io::Read,
    os::unix::process::{CommandExt, ExitStatusExt},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::OnceLock,
    time::Duration,
};

use common::{Desk, odd::workers_in, run, within};
use highwater_model::{CaseRecord, Outcome, Record};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// A run of the whole toy family, including all failures, with one worker per case.
fn everything() -> &'static Record {
    static RECORD: OnceLock<Record> = OnceLock::new();
    RECORD.get_or_init(|| {
        let desk = Desk::new();
        let mut bench = desk.bench(&["--memory-only", "--samples", "1"]);
        bench.env("TOY_ALL", "1");
        run(bench, 0);
        desk.record()
    })
}

fn case(id: &str) -> &'static CaseRecord {
    everything().cases.iter().find(|case| case.id.as_str() == id).expect("in the record")
}

fn stages(case: &CaseRecord) -> Vec<String> {
    case.stages.iter().map(|columns| columns.stage.to_string()).collect()
}

#[test]
fn failures_are_recorded_with_last_stage_and_output() {
    let protocol =
        "unknown message `nonsense`: expected one of reached, label, forget, figure, note, skip, end".to_owned();
    let failures = [
        ("exit", Outcome::Exited { status: 7 }, "giving up on purpose"),
        ("signal", Outcome::Signaled { signal: 9 }, ""),
        ("panic", Outcome::Exited { status: 101 }, "a panic on purpose"),
        ("hang", Outcome::TimedOut { limit_ms: 300 }, ""),
        ("allocation", Outcome::OutOfMemory, "memory allocation of 4294967296 bytes failed"),
        ("protocol", Outcome::Protocol { message: protocol }, ""),
    ];
    for (how, outcome, output) in failures {
        let case = case(&format!("toy/dies/how={how}"));
        let [failure] = case.failures.as_slice() else {
            panic!("{how}: {} failures instead of one", case.failures.len())
        };
        assert_eq!(failure.outcome, outcome, "{how}");
        assert_eq!(failure.last_stage.as_ref().map(ToString::to_string).as_deref(), Some("loaded"), "{how}");
        assert!(failure.output_tail.contains(output), "{how}: {}", failure.output_tail);
        assert_eq!((case.samples, case.not_run.as_deref()), (0, None), "{how}");
    }
}

/// Without memory cgroups the case is not run, rather than run without its limit.
#[test]
fn exceeding_the_memory_limit_is_reported_as_out_of_memory() {
    let case = case("toy/dies/how=oom");
    match &case.not_run {
        Some(reason) => assert!(reason.contains("no memory cgroup can be made here"), "{reason}"),
        None => assert_eq!(case.failures.first().map(|failure| &failure.outcome), Some(&Outcome::OutOfMemory)),
    }
}

#[test]
fn a_case_that_cannot_run_is_not_run_with_a_reason() {
    for (how, reason) in
        [("skips", "this machine has no flux capacitor"), ("unprepared", "the guest of this case was not built")]
    {
        let case = case(&format!("toy/dies/how={how}"));
        assert_eq!(case.not_run.as_deref(), Some(reason));
        assert!(case.failures.is_empty() && case.samples == 0 && case.stages.is_empty());
    }
}

#[test]
fn a_worker_with_much_output_is_not_blocked() {
    let case = case("toy/dies/how=chatty");
    assert_eq!((case.samples, case.failures.len()), (1, 0));
    assert_eq!(stages(case), ["start", "loaded", "after", "end"]);
}

#[test]
fn a_worker_that_reports_no_stage_is_measured_at_start_and_end() {
    let case = case("toy/dies/how=silent");
    assert_eq!((case.samples, stages(case)), (1, vec!["start".to_owned(), "end".to_owned()]));
}

#[test]
fn cases_after_a_failure_are_measured() {
    let heap = case("toy/heap/size=64k");
    assert_eq!((heap.samples, heap.failures.len()), (1, 0));
    assert_eq!(stages(heap), ["start", "loaded", "live@1", "live@10", "live@100", "dropped", "trimmed", "end"]);
}

#[test]
fn a_shell_script_can_be_a_worker() {
    let case = case("toy/other-program/lang=sh");
    assert_eq!((case.samples, case.failures.len()), (1, 0), "{:?}", case.failures);
    assert_eq!(stages(case), ["start", "loaded", "live@1", "live@10", "live@100"]);
    let anon =
        |stage: usize| case.stages[stage].values("anon".parse::<highwater_model::Metric>().expect("a metric"), 1);
    let (loaded, top) = (anon(1).expect("read")[0], anon(4).expect("read")[0]);
    assert!((100 * 4096..110 * 4096).contains(&(top - loaded)), "100 strings of a page: {}", top - loaded);
}

/// An exiting process frees its memory before it counts as exited, so the parent may read it in between.
#[test]
fn a_worker_that_exits_during_a_snapshot_has_failed() {
    for _ in 0..20 {
        let desk = Desk::new();
        let mut bench = desk.bench(&["--memory-only", "--samples", "3", "how=(vanishes|silent)"]);
        bench.env("TOY_ALL", "1");
        run(bench, 0);
        let [silent, vanishes] = desk.record().cases.try_into().expect("two cases");
        assert_eq!(silent.samples, 3);
        assert_eq!(vanishes.failures.len(), 3);
        assert!(
            vanishes.failures.iter().all(|failure| failure.outcome == Outcome::Signaled { signal: 9 }),
            "{vanishes:?}"
        );
    }
}

#[test]
fn the_table_shows_failures_with_their_last_output() {
    let desk = Desk::new();
    let mut bench = desk.bench(&["--memory-only", "--samples", "2", "how=(exit|skips)"]);
    bench.env("TOY_ALL", "1");
    let text = run(bench, 0);
    text.line("toy/dies/how=exit: failed after loaded: exited with status 7");
    text.line("    giving up on purpose");
    text.line("not run: this machine has no flux capacitor");
    assert_eq!(desk.record().cases[0].failures.len(), 2, "both workers failed, none counts as warm-up");
}

/// A bench in a separate process group, so that leftover processes can be found.
struct Running {
    child: Child,
    group: Pid,
    /// The working directory of its workers.
    folder: PathBuf,
}

impl Running {
    fn start(desk: &Desk, args: &[&str]) -> Self {
        let mut command: Command = desk.std_bench(args);
        command
            .env("TOY_ALL", "1")
            .env("TOY_HANG_MS", "60000")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0);
        let child = command.spawn().expect("started");
        let group = Pid::from_child(&child);
        Self { child, group, folder: desk.run_folder() }
    }

    /// Command lines of the live processes of the group, and of workers, which have groups of their own.
    fn alive(&self) -> Vec<String> {
        let mut alive = workers_in(&self.folder);
        for entry in fs::read_dir("/proc").expect("a folder").flatten() {
            let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
            let Some((_, rest)) = stat.rsplit_once(") ") else { continue };
            let fields: Vec<&str> = rest.split(' ').collect();
            if fields[0] != "Z" && fields[2] == self.group.to_string() {
                alive.push(fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default());
            }
        }
        alive
    }

    fn wait_for_worker(&self) {
        within(Duration::from_secs(10), "a worker runs", || {
            self.alive().iter().any(|line| line.starts_with("highwater-worker"))
        });
        // Let it run for a while.
        std::thread::sleep(Duration::from_millis(50));
    }

    /// Expects it to exit soon without leftover processes. Returns its status and stderr.
    fn ends(mut self) -> (ExitStatus, String) {
        let mut status = None;
        within(Duration::from_secs(3), "the bench ends", || {
            status = self.child.try_wait().expect("a child");
            status.is_some()
        });
        within(Duration::from_secs(1), "no process is left", || self.alive().is_empty());
        let mut output = String::new();
        let stderr = self.child.stderr.as_mut().expect("a pipe");
        stderr.read_to_string(&mut output).expect("text");
        (status.expect("it ended"), output)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = kill_process_group(self.group, Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// Like `kill`, and like a terminal.
const SENDERS: [fn(Pid, Signal) -> rustix::io::Result<()>; 2] = [kill_process, kill_process_group];

#[test]
fn an_interrupt_kills_all_workers_and_keeps_what_was_measured() {
    for signal in [Signal::INT, Signal::TERM] {
        for send in SENDERS {
            let desk = Desk::new();
            fs::create_dir_all(desk.run_folder()).expect("a folder");
            fs::write(desk.record_path(), "the last record").expect("written");
            let running = Running::start(&desk, &["--memory-only", "--samples", "1000", "toy/(heap|mapped)"]);
            running.wait_for_worker();
            // Until the first case has samples.
            std::thread::sleep(Duration::from_millis(500));
            send(running.group, signal).expect("sent");
            let (status, stderr) = running.ends();
            assert_eq!(status.code(), Some(130), "{stderr}");
            let left =
                [desk.run_folder().join("last-run"), desk.run_folder().join("plans/toy.json"), desk.record_path()];
            assert_eq!(desk.files(), left, "no temporary file");
            let record = desk.record();
            let [heap, mapped] = record.cases.as_slice() else { panic!("two cases") };
            assert!((1..1000).contains(&heap.samples), "{}", heap.samples);
            assert_eq!(mapped.not_run.as_deref(), Some("the run was interrupted"));
            run(desk.compare(&[]), 2).complains_in_one_line(&["toy: its last run did not finish"]);
        }
    }
}

#[test]
fn an_interrupt_before_the_first_sample_keeps_the_old_record() {
    for send in SENDERS {
        let desk = Desk::new();
        fs::create_dir_all(desk.run_folder()).expect("a folder");
        fs::write(desk.record_path(), "the last record").expect("written");
        let running = Running::start(&desk, &["--memory-only", "--samples", "1000", "how=hang"]);
        running.wait_for_worker();
        send(running.group, Signal::INT).expect("sent");
        let (status, stderr) = running.ends();
        assert_eq!(status.code(), Some(130), "{stderr}");
        assert_eq!(fs::read(desk.record_path()).expect("still there"), b"the last record");
    }
}

#[test]
fn ctrl_c_during_criterion_keeps_the_memory_record() {
    for whole_group in [false, true] {
        let desk = Desk::new();
        let running = Running::start(&desk, &["--noplot", "--samples", "1", "toy/heap"]);
        within(Duration::from_secs(10), "memory is measured", || desk.record_path().exists());
        std::thread::sleep(Duration::from_millis(300));
        let send = if whole_group { kill_process_group } else { kill_process };
        send(running.group, Signal::INT).expect("sent");
        let (status, stderr) = running.ends();
        assert_eq!(status.code(), Some(130), "{stderr}");
        assert_eq!(desk.record().cases.len(), 1);
    }
}

#[test]
fn workers_are_killed_with_their_parent() {
    let desk = Desk::new();
    let running = Running::start(&desk, &["--memory-only", "how=hang"]);
    running.wait_for_worker();
    kill_process(running.group, Signal::KILL).expect("sent");
    assert_eq!(running.ends().0.signal(), Some(9));
}
