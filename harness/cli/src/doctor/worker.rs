//! Grades the trial run (`trial.rs`): whether workers start and can be read, whether readings match what was
//! dirtied, and which controls the system granted.

use std::collections::BTreeSet;

use highwater_model::{Bytes, Control, ControlState};

use super::{
    check::{
        Check,
        name::{ASLR_OFF, CHILD_MEMORY, EXACTNESS, PEAK_RESET, WORKER},
    },
    trial::{DIRTIED, Trial, TrialOutcome, WORKERS, WorkerReading},
};

/// The fix for a system call that a container's seccomp profile refuses.
const ALLOW_CALL: &str = "allow it in the container's seccomp profile, or run with `--security-opt seccomp=unconfined`";

/// A control that is good if and only if it was granted.
struct SimpleControl {
    name: &'static str,
    control: Control,
    cost: &'static str,
    fix: &'static str,
}

const SIMPLE_CONTROLS: [SimpleControl; 5] = [
    SimpleControl {
        name: "parent-failure signal",
        control: Control::ParentDeathSignal,
        cost: "workers outlive a run that is killed",
        fix: ALLOW_CALL,
    },
    SimpleControl {
        name: "no core files",
        control: Control::NoCoreFile,
        cost: "a worker that crashes on purpose may write a core file",
        fix: ALLOW_CALL,
    },
    SimpleControl {
        name: "stack limit",
        control: Control::StackLimit,
        cost: "the memory layout depends on the limit, so address space and page tables differ from other machines",
        fix: "raise the hard limit of the stack (ulimit -H -s) to 8 MiB or more",
    },
    SimpleControl {
        name: PEAK_RESET,
        control: Control::PeakReset,
        cost: "`peak` includes the worker's start, so growth below the peak of loading is not visible",
        fix: "make /proc/PID/clear_refs of child processes writable (not possible with a read-only /proc)",
    },
    SimpleControl {
        name: "cgroup of a worker",
        control: Control::MemoryCgroup,
        cost: "kernel memory (sockets, pipes, io_uring) and memory that no process keeps are not measured, and neither \
               are peaks of descendants",
        fix: "see `memory cgroup`",
    },
];

/// All checks of the trial. `thp_mode` is the system's mode of transparent huge pages.
pub(super) fn checks(trial: &Trial, thp_mode: &str) -> Vec<Check> {
    let mut checks = vec![worker(&trial.outcome), child_memory(&trial.outcome), exactness(trial), aslr(trial)];
    checks.push(huge_pages_off(trial.controls.get(&Control::ThpOff), thp_mode));
    checks.push(pinning(trial));
    checks.extend(SIMPLE_CONTROLS.iter().map(|simple| match trial.controls.get(&simple.control) {
        Some(state) if state.is_granted() => Check::good(simple.name, "granted"),
        Some(state) => Check::limits(simple.name, state.to_string(), simple.cost, simple.fix),
        None => unknown(simple.name),
    }));
    checks
}

fn unknown(name: &'static str) -> Check {
    Check::limits(name, "unknown: no worker completed", "unknown", "first fix the BROKEN checks")
}

fn worker(outcome: &TrialOutcome) -> Check {
    let cost = "nothing can be measured";
    match outcome {
        TrialOutcome::Completed => Check::good(WORKER, format!("{WORKERS} of {WORKERS} completed")),
        TrialOutcome::Unreadable(_) => Check::good(WORKER, "starts"),
        TrialOutcome::NotStarted(error) => Check::broken(
            WORKER,
            error,
            cost,
            "allow this user to fork, to execute this program through /proc/self, and to open more than 110 files",
        ),
        TrialOutcome::Failed(how) => Check::broken(
            WORKER,
            how,
            cost,
            "provide enough memory and CPU time, and run outside of sandboxes that kill on system calls",
        ),
    }
}

fn child_memory(outcome: &TrialOutcome) -> Check {
    match outcome {
        TrialOutcome::Completed => Check::good(CHILD_MEMORY, "smaps_rollup, smaps and status of a child are readable"),
        TrialOutcome::Unreadable(error) => Check::broken(
            CHILD_MEMORY,
            error,
            "nothing can be measured",
            "use Linux 4.14 or newer with CONFIG_PROC_PAGE_MONITOR, /proc without hidepid, no AppArmor or SELinux rule \
             against reading processes of the same user, and no gVisor",
        ),
        TrialOutcome::NotStarted(_) | TrialOutcome::Failed(_) => unknown(CHILD_MEMORY),
    }
}

fn distinct<T: Ord>(workers: &[WorkerReading], value: impl Fn(&WorkerReading) -> Option<T>) -> usize {
    workers.iter().map(value).collect::<BTreeSet<_>>().len()
}

fn exactness(trial: &Trial) -> Check {
    let workers = &trial.workers;
    if workers.is_empty() {
        return unknown(EXACTNESS);
    }
    let expected = DIRTIED as u64 * trial.page;
    let exact = workers.iter().filter(|seen| seen.growth == Some(expected)).count();
    let levels = match distinct(workers, |seen| seen.level) {
        1 => "same level before".to_owned(),
        levels => format!("{levels} different levels before"),
    };
    if exact == workers.len() {
        let n = workers.len();
        return Check::good(EXACTNESS, format!("{DIRTIED} pages dirtied, {DIRTIED} read in {n} of {n}; {levels}"));
    }
    let growths: BTreeSet<_> = workers.iter().filter_map(|seen| seen.growth).collect();
    let growths: Vec<_> = growths.into_iter().map(|growth| Bytes(growth).to_string()).collect();
    Check::limits(
        EXACTNESS,
        format!("{} dirtied, {} read; {levels}", Bytes(expected), growths.join(" or ")),
        "growth is not exact: a tolerance of zero pages gives false alarms",
        "disable transparent huge pages and swap; machines that compress or merge memory cannot gate",
    )
}

fn aslr(trial: &Trial) -> Check {
    let Some(state) = trial.controls.get(&Control::AslrOff) else { return unknown(ASLR_OFF) };
    let layouts = distinct(&trial.workers, |seen| seen.addresses.clone());
    let cost = "levels of anon and page tables vary between runs, and runs have the machine class aslr_on; growth of \
                anon is still exact";
    match (state, layouts) {
        (ControlState::Granted, 0 | 1) => Check::good(ASLR_OFF, "granted; all workers have the same addresses"),
        (ControlState::Granted, _) => Check::limits(
            ASLR_OFF,
            format!("granted without effect: {layouts} different layouts"),
            cost,
            "the kernel or a sandbox (gVisor) ignores personality(ADDR_NO_RANDOMIZE); measure outside of it",
        ),
        (state, _) => Check::limits(
            ASLR_OFF,
            format!("{state}; {layouts} different layouts in {} workers", trial.workers.len()),
            cost,
            format!("personality(ADDR_NO_RANDOMIZE): {ALLOW_CALL}"),
        ),
    }
}

fn huge_pages_off(state: Option<&ControlState>, mode: &str) -> Check {
    const NAME: &str = "huge pages off";
    let Some(state) = state else { return unknown(NAME) };
    match (state, mode) {
        (ControlState::Granted, _) => Check::good(NAME, "granted"),
        (state, "never") => Check::good(NAME, format!("{state}, but disabled system-wide")),
        (state, "madvise") => Check::limits(
            NAME,
            state.to_string(),
            "code that requests huge pages by madvise gets them even in cases that disable them",
            ALLOW_CALL,
        ),
        (state, _) => Check::limits(
            NAME,
            state.to_string(),
            "pages may be 2 MiB, so growth depends on the alignment of mappings",
            "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
        ),
    }
}

fn pinning(trial: &Trial) -> Check {
    const NAME: &str = "CPU pinning";
    let (Some(worker), Some(parent)) =
        (trial.controls.get(&Control::PinnedCpu), trial.controls.get(&Control::ParentElsewhere))
    else {
        return unknown(NAME);
    };
    let unpinned = trial.workers.iter().filter(|seen| seen.cpus != Some(1)).count();
    match (worker, parent) {
        (ControlState::Granted, _) if unpinned > 0 => Check::limits(
            NAME,
            format!("granted without effect: {unpinned} workers may use other CPUs"),
            "per-CPU counters and arenas vary between runs",
            "measure outside of sandboxes that ignore sched_setaffinity",
        ),
        (ControlState::Granted, ControlState::Granted) => Check::good(NAME, "the worker has a dedicated CPU"),
        (ControlState::Granted, parent) => Check::limits(
            NAME,
            format!("worker granted; parent {parent}"),
            "parent and worker share a CPU, so stage times include the parent; memory is not affected",
            "give this machine or container a second CPU",
        ),
        (worker, _) => {
            Check::limits(NAME, format!("worker {worker}"), "per-CPU counters and arenas vary between runs", ALLOW_CALL)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check::Grade, *};

    fn reading(addresses: &str, growth: u64) -> WorkerReading {
        WorkerReading { addresses: Some(addresses.into()), cpus: Some(1), level: Some(98_304), growth: Some(growth) }
    }

    fn granted() -> Trial {
        Trial {
            outcome: TrialOutcome::Completed,
            controls: Control::ALL.into_iter().map(|control| (control, ControlState::Granted)).collect(),
            workers: vec![reading("0x1", 1 << 20); WORKERS],
            page: 4096,
        }
    }

    fn refusing(control: Control) -> Trial {
        let mut trial = granted();
        trial.controls.insert(control, ControlState::Refused("Operation not permitted (os error 1)".into()));
        trial
    }

    fn ended(outcome: TrialOutcome) -> Trial {
        Trial { outcome, controls: Default::default(), workers: Vec::new(), page: 4096 }
    }

    fn find(trial: &Trial, mode: &str, name: &str) -> Check {
        checks(trial, mode).into_iter().find(|check| check.name == name).expect("is checked")
    }

    #[test]
    fn all_checks_are_good_if_everything_is_granted() {
        for check in checks(&granted(), "madvise") {
            assert_eq!(check.grade, Grade::Good, "{check:?}");
        }
    }

    #[test]
    fn every_refusal_has_a_consequence_and_a_fix() {
        for control in Control::ALL {
            let limited: Vec<_> = checks(&refusing(control), "madvise")
                .into_iter()
                .filter(|check| check.grade == Grade::Limits)
                .collect();
            let [check] = limited.as_slice() else { panic!("{control:?}: {limited:?}") };
            assert!(check.finding.contains("Operation not permitted"), "{check:?}");
            assert!(!check.cost.is_empty() && !check.fix.is_empty(), "{check:?}");
        }
    }

    #[test]
    fn without_workers_one_check_is_broken_and_others_unknown() {
        for (outcome, name) in [
            (TrialOutcome::NotStarted("cannot start a worker: Too many open files".into()), WORKER),
            (TrialOutcome::Failed("killed by signal 31 (SIGSYS)".into()), WORKER),
            (TrialOutcome::Unreadable("/proc/7/smaps_rollup: Permission denied (os error 13)".into()), CHILD_MEMORY),
        ] {
            let checks = checks(&ended(outcome), "never");
            let broken: Vec<_> = checks.iter().filter(|check| check.grade == Grade::Broken).collect();
            assert_eq!(broken.iter().map(|check| check.name).collect::<Vec<_>>(), [name]);
            assert!(checks.iter().filter(|check| check.finding.starts_with("unknown")).count() >= 6);
        }
    }

    #[test]
    fn aslr_that_is_granted_without_effect_is_detected() {
        let mut trial = granted();
        trial.workers[1].addresses = Some("0x2".into());
        let check = find(&trial, "madvise", ASLR_OFF);
        assert_eq!(
            (check.grade, check.finding.as_str()),
            (Grade::Limits, "granted without effect: 2 different layouts")
        );
    }

    #[test]
    fn growth_that_differs_from_dirtied_pages_is_not_exact() {
        let mut trial = granted();
        trial.workers[2].growth = Some(2 << 20);
        let check = find(&trial, "always", EXACTNESS);
        assert_eq!(
            (check.grade, check.finding.as_str()),
            (Grade::Limits, "1 MiB dirtied, 1 MiB or 2 MiB read; same level before")
        );
    }

    #[test]
    fn the_grade_of_huge_pages_depends_on_the_thp_mode() {
        let trial = refusing(Control::ThpOff);
        let grade = |mode| find(&trial, mode, "huge pages off").grade;
        assert_eq!((grade("never"), grade("madvise"), grade("always")), (Grade::Good, Grade::Limits, Grade::Limits));
        assert!(find(&trial, "always", "huge pages off").cost.contains("2 MiB"));
    }

    #[test]
    fn a_single_cpu_affects_time_only() {
        let mut trial = granted();
        trial.controls.insert(Control::ParentElsewhere, ControlState::Refused("the worker needs all 1 CPUs".into()));
        let check = find(&trial, "madvise", "CPU pinning");
        assert!(check.grade == Grade::Limits && check.cost.contains("memory is not affected"), "{check:?}");
    }

    #[test]
    fn pinning_without_effect_is_detected() {
        let mut trial = granted();
        trial.workers[0].cpus = Some(2);
        assert!(find(&trial, "madvise", "CPU pinning").finding.starts_with("granted without effect"));
    }
}
