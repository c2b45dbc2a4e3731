//! What becomes of workers that do not come through: it is in the record with the last stage and
//! the end of what they wrote, and the run goes on. And what becomes of workers when the user stops
//! the run: they are gone, and the last record stands as it was.

mod common;

use std::{
    fs,
    io::Read,
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, Command, ExitStatus, Stdio},
    sync::OnceLock,
    time::Duration,
};

use common::{Desk, run, within};
use highwater_model::{CaseRecord, Outcome, Record};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// The whole toy family with all that goes wrong in it, each worker once.
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
fn every_way_to_die_is_in_the_record_with_the_last_stage_and_the_last_words() {
    let protocol = "`nonsense` is none of reached, label, forget, figure, note, skip, end".to_owned();
    let deaths = [
        ("exit", Outcome::Exited { status: 7 }, "giving up on purpose"),
        ("signal", Outcome::Signaled { signal: 9 }, ""),
        ("panic", Outcome::Exited { status: 101 }, "a panic on purpose"),
        ("hang", Outcome::TimedOut { limit_ms: 300 }, ""),
        ("allocation", Outcome::OutOfMemory, "memory allocation of 4294967296 bytes failed"),
        ("protocol", Outcome::Protocol { message: protocol }, ""),
    ];
    for (how, outcome, words) in deaths {
        let case = case(&format!("toy/dies/how={how}"));
        let [death] = case.died.as_slice() else { panic!("{how}: one worker died, not {}", case.died.len()) };
        assert_eq!(death.outcome, outcome, "{how}");
        assert_eq!(death.last_stage.as_ref().map(ToString::to_string).as_deref(), Some("loaded"), "{how}");
        assert!(death.output_tail.contains(words), "{how}: {}", death.output_tail);
        assert_eq!((case.samples, case.not_run.as_deref()), (0, None), "{how}");
    }
}

/// Where no memory cgroup can be made the case says so; it is never run without its limit.
#[test]
fn a_worker_over_its_memory_limit_is_out_of_memory_and_not_just_killed() {
    let case = case("toy/dies/how=oom");
    match &case.not_run {
        Some(reason) => assert!(reason.contains("no memory cgroup can be made here"), "{reason}"),
        None => assert_eq!(case.died.first().map(|death| &death.outcome), Some(&Outcome::OutOfMemory)),
    }
}

#[test]
fn a_case_that_cannot_run_here_is_not_run_and_says_why() {
    for (how, reason) in
        [("skips", "this machine has no flux capacitor"), ("unprepared", "the guest of this case was not built")]
    {
        let case = case(&format!("toy/dies/how={how}"));
        assert_eq!(case.not_run.as_deref(), Some(reason));
        assert!(case.died.is_empty() && case.samples == 0 && case.stages.is_empty());
    }
}

#[test]
fn a_worker_that_writes_more_than_a_pipe_holds_is_not_held_up() {
    let case = case("toy/dies/how=chatty");
    assert_eq!((case.samples, case.died.len()), (1, 0));
    assert_eq!(stages(case), ["start", "loaded", "after"]);
}

#[test]
fn a_worker_that_says_nothing_of_its_own_is_seen_at_its_start() {
    let case = case("toy/dies/how=silent");
    assert_eq!((case.samples, stages(case)), (1, vec!["start".to_owned()]));
}

#[test]
fn the_cases_after_the_dead_are_measured_as_ever() {
    let heap = case("toy/heap/size=64k");
    assert_eq!((heap.samples, heap.died.len()), (1, 0));
    assert_eq!(stages(heap), ["start", "loaded", "live@1", "live@10", "live@100", "dropped", "trimmed"]);
}

#[test]
fn a_shell_script_is_a_worker_like_any_other() {
    let case = case("toy/other-program/lang=sh");
    assert_eq!((case.samples, case.died.len()), (1, 0), "{:?}", case.died);
    assert_eq!(stages(case), ["start", "loaded", "live@1", "live@10", "live@100"]);
    let anon =
        |stage: usize| case.stages[stage].values("anon".parse::<highwater_model::Metric>().expect("a metric"), 1);
    let (loaded, top) = (anon(1).expect("read")[0], anon(4).expect("read")[0]);
    assert!((100 * 4096..110 * 4096).contains(&(top - loaded)), "100 strings of a page: {}", top - loaded);
}

/// A dying process loses its memory before it counts as exited: the parent may look in between.
#[test]
fn a_worker_that_is_gone_before_the_parent_can_look_has_died_and_the_run_goes_on() {
    for _ in 0..20 {
        let desk = Desk::new();
        let mut bench = desk.bench(&["--memory-only", "--samples", "3", "how=(vanishes|silent)"]);
        bench.env("TOY_ALL", "1");
        run(bench, 0);
        let [silent, vanishes] = desk.record().cases.try_into().expect("two cases");
        assert_eq!(silent.samples, 3);
        assert_eq!(vanishes.died.len(), 3);
        assert!(vanishes.died.iter().all(|death| death.outcome == Outcome::Signaled { signal: 9 }), "{vanishes:?}");
    }
}

#[test]
fn the_table_tells_of_the_dead_and_their_last_words() {
    let desk = Desk::new();
    let mut bench = desk.bench(&["--memory-only", "--samples", "2", "how=(exit|skips)"]);
    bench.env("TOY_ALL", "1");
    let text = run(bench, 0);
    text.line("toy/dies/how=exit: died after loaded: exited with status 7");
    text.line("    giving up on purpose");
    text.line("not run: this machine has no flux capacitor");
    assert_eq!(desk.record().cases[0].died.len(), 2, "both workers died, neither was taken for a warm-up");
}

/// A bench in a process group of its own, so that what it leaves behind can be found.
struct Running {
    child: Child,
    group: Pid,
}

impl Running {
    fn start(desk: &Desk, args: &[&str]) -> Self {
        let mut command: Command = desk.std_bench(args);
        command.env("TOY_ALL", "1").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
        let child = command.spawn().expect("started");
        let group = Pid::from_child(&child);
        Self { child, group }
    }

    /// Command lines of the live processes of the group.
    fn alive(&self) -> Vec<String> {
        let mut alive = Vec::new();
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
        within(Duration::from_secs(10), "a worker is there", || {
            self.alive().iter().any(|line| line.starts_with("highwater-worker"))
        });
        // Into the middle of its life.
        std::thread::sleep(Duration::from_millis(50));
    }

    /// Expects it to end soon and to leave nobody behind; its status and last words.
    fn ends(mut self) -> (ExitStatus, String) {
        let mut status = None;
        within(Duration::from_secs(3), "the bench ends", || {
            status = self.child.try_wait().expect("a child");
            status.is_some()
        });
        within(Duration::from_secs(1), "no process of it is left", || self.alive().is_empty());
        let mut words = String::new();
        let stderr = self.child.stderr.as_mut().expect("a pipe");
        stderr.read_to_string(&mut words).expect("text");
        (status.expect("it ended"), words)
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

#[test]
fn ctrl_c_ends_the_run_in_time_and_leaves_no_worker_and_the_old_record() {
    for filter in ["toy/heap", "how=hang"] {
        for whole_group in [false, true] {
            let desk = Desk::new();
            fs::create_dir_all(desk.run_folder()).expect("a folder");
            fs::write(desk.record_path(), "the last record").expect("written");
            let running = Running::start(&desk, &["--memory-only", "--samples", "10000", filter]);
            running.wait_for_worker();
            // `kill -INT`, and what a terminal does.
            let send = if whole_group { kill_process_group } else { kill_process };
            send(running.group, Signal::INT).expect("sent");
            let (status, words) = running.ends();
            assert_eq!(status.code(), Some(130), "{filter}: {words}");
            let left = [desk.run_folder().join("last-run"), desk.record_path()];
            assert_eq!(desk.files(), left, "{filter}: no temporary file");
            assert_eq!(fs::read(desk.record_path()).expect("still there"), b"the last record", "{filter}");
        }
    }
}

#[test]
fn ctrl_c_while_criterion_measures_ends_the_run_and_keeps_the_memory() {
    for whole_group in [false, true] {
        let desk = Desk::new();
        let running = Running::start(&desk, &["--noplot", "--samples", "1", "toy/heap"]);
        within(Duration::from_secs(10), "memory is measured", || desk.record_path().exists());
        std::thread::sleep(Duration::from_millis(300));
        let send = if whole_group { kill_process_group } else { kill_process };
        send(running.group, Signal::INT).expect("sent");
        let (status, words) = running.ends();
        assert_eq!(status.code(), Some(130), "{words}");
        assert_eq!(desk.record().cases.len(), 1);
    }
}

#[test]
fn a_worker_dies_with_a_parent_that_is_killed() {
    let desk = Desk::new();
    let running = Running::start(&desk, &["--memory-only", "how=hang"]);
    running.wait_for_worker();
    kill_process(running.group, Signal::KILL).expect("sent");
    assert_eq!(running.ends().0.signal(), Some(9));
}
