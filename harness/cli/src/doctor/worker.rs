//! Grades the trial of the harness (`trial.rs`): whether workers start and can be read, whether what
//! is read is what was dirtied, and which controls the system granted them.

use std::collections::BTreeSet;

use highwater_model::{Bytes, Control, ControlState};

use super::{
    check::{
        Check,
        name::{ASLR_OFF, CHILD_MEMORY, EXACTNESS, PEAK_RESET, WORKER},
    },
    trial::{DIRTIED, Ending, Seen, Trial, WORKERS},
};

/// What to do where a container's seccomp profile refuses a call.
pub(super) const ALLOW_CALL: &str =
    "a container's seccomp profile refuses it: allow it there, or run with `--security-opt seccomp=unconfined`";

/// A control whose grade depends on nothing but the system's answer.
struct Plain {
    name: &'static str,
    control: Control,
    cost: &'static str,
    fix: &'static str,
}

const PLAIN: [Plain; 4] = [
    Plain {
        name: "parent-death signal",
        control: Control::ParentDeathSignal,
        cost: "workers outlive a run that is killed",
        fix: ALLOW_CALL,
    },
    Plain {
        name: "no core files",
        control: Control::NoCoreFile,
        cost: "a worker that dies on purpose may write a core file",
        fix: ALLOW_CALL,
    },
    Plain {
        name: "stack limit",
        control: Control::StackLimit,
        cost: "the kernel lays out mappings by another limit: address space and page tables differ from other machines",
        fix: "raise the hard limit of the stack (ulimit -H -s) to 8 MiB or more",
    },
    Plain {
        name: PEAK_RESET,
        control: Control::PeakReset,
        cost: "`peak` counts all from the worker's start on, so its growth hides below what loading took",
        fix: "let this user write /proc/PID/clear_refs of its own children (a read-only /proc forbids it)",
    },
];

/// All checks of the trial. `thp_mode` is the system's mode of transparent huge pages.
pub(super) fn checks(trial: &Trial, thp_mode: &str) -> Vec<Check> {
    let mut checks = vec![worker(&trial.ending), child_memory(&trial.ending), exactness(trial), aslr(trial)];
    checks.push(huge_pages_off(trial.controls.get(&Control::ThpOff), thp_mode));
    checks.push(pinning(trial));
    checks.extend(PLAIN.iter().map(|plain| match trial.controls.get(&plain.control) {
        Some(state) if state.is_granted() => Check::good(plain.name, "granted"),
        Some(state) => Check::limits(plain.name, state.to_string(), plain.cost, plain.fix),
        None => not_known(plain.name),
    }));
    checks
}

fn not_known(name: &'static str) -> Check {
    Check::limits(name, "not known: no worker came through", "not known before one does", "first help what is BROKEN")
}

fn worker(ending: &Ending) -> Check {
    let cost = "nothing can be measured";
    match ending {
        Ending::Completed => Check::good(WORKER, format!("{WORKERS} of {WORKERS} went through their stages")),
        Ending::Unreadable(_) => Check::good(WORKER, "starts"),
        Ending::NotStarted(error) => Check::broken(
            WORKER,
            error,
            cost,
            "let this user fork, read and execute this program through /proc/self, and have over 110 open files",
        ),
        Ending::Died(how) => Check::broken(
            WORKER,
            how,
            cost,
            "start it with enough memory and CPU time, and outside of sandboxes that kill for a system call",
        ),
    }
}

fn child_memory(ending: &Ending) -> Check {
    match ending {
        Ending::Completed => Check::good(CHILD_MEMORY, "smaps_rollup, smaps and status of a child are readable"),
        Ending::Unreadable(error) => Check::broken(
            CHILD_MEMORY,
            error,
            "nothing can be measured",
            "Linux 4.14 or newer with CONFIG_PROC_PAGE_MONITOR; /proc without hidepid; no AppArmor or SELinux rule \
             against reading processes of the same user; not gVisor",
        ),
        Ending::NotStarted(_) | Ending::Died(_) => not_known(CHILD_MEMORY),
    }
}

fn distinct<T: Ord>(workers: &[Seen], value: impl Fn(&Seen) -> Option<T>) -> usize {
    workers.iter().map(value).collect::<BTreeSet<_>>().len()
}

fn exactness(trial: &Trial) -> Check {
    let workers = &trial.workers;
    if workers.is_empty() {
        return not_known(EXACTNESS);
    }
    let expected = DIRTIED as u64 * trial.page;
    let exact = workers.iter().filter(|seen| seen.growth == Some(expected)).count();
    let levels = match distinct(workers, |seen| seen.level) {
        1 => "one level before".to_owned(),
        levels => format!("{levels} levels before"),
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
        "no growth is exact: a tolerance of zero pages fails without a reason",
        "turn transparent huge pages and swap off; a machine that compresses or merges memory cannot be gated on",
    )
}

fn aslr(trial: &Trial) -> Check {
    let Some(state) = trial.controls.get(&Control::AslrOff) else { return not_known(ASLR_OFF) };
    let places = distinct(&trial.workers, |seen| seen.addresses.clone());
    let cost = "levels of anon and page tables take several values and are filed under aslr_on; growth of anon is \
                exact all the same";
    match (state, places) {
        (ControlState::Granted, 0 | 1) => Check::good(ASLR_OFF, "granted, and the addresses of all workers agree"),
        (ControlState::Granted, _) => Check::limits(
            ASLR_OFF,
            format!("granted without effect: {places} different layouts"),
            cost,
            "the kernel or a sandbox (gVisor) ignores personality(ADDR_NO_RANDOMIZE): measure outside of it",
        ),
        (state, _) => Check::limits(
            ASLR_OFF,
            format!("{state}; {places} different layouts in {} workers", trial.workers.len()),
            cost,
            format!("personality(ADDR_NO_RANDOMIZE): {ALLOW_CALL}"),
        ),
    }
}

fn huge_pages_off(state: Option<&ControlState>, mode: &str) -> Check {
    const NAME: &str = "huge pages off";
    let Some(state) = state else { return not_known(NAME) };
    match (state, mode) {
        (ControlState::Granted, _) => Check::good(NAME, "granted"),
        (state, "never") => Check::good(NAME, format!("{state}, and off for the whole system")),
        (state, "madvise") => Check::limits(
            NAME,
            state.to_string(),
            "code that asks for huge pages by madvise gets them even in cases that are to be without",
            ALLOW_CALL,
        ),
        (state, _) => Check::limits(
            NAME,
            state.to_string(),
            "a page may be 2 MiB: growth jumps by where mappings happen to lie",
            "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
        ),
    }
}

fn pinning(trial: &Trial) -> Check {
    const NAME: &str = "CPU pinning";
    let (Some(worker), Some(parent)) =
        (trial.controls.get(&Control::PinnedCpu), trial.controls.get(&Control::ParentElsewhere))
    else {
        return not_known(NAME);
    };
    let strays = trial.workers.iter().filter(|seen| seen.cpus != Some(1)).count();
    match (worker, parent) {
        (ControlState::Granted, _) if strays > 0 => Check::limits(
            NAME,
            format!("granted without effect: {strays} workers may use other CPUs"),
            "per-CPU counters and arenas move between runs",
            "measure outside of sandboxes that ignore sched_setaffinity",
        ),
        (ControlState::Granted, ControlState::Granted) => {
            Check::good(NAME, "the worker on a CPU of its own, the parent off it")
        }
        (ControlState::Granted, parent) => Check::limits(
            NAME,
            format!("worker granted, parent {parent}"),
            "parent and worker share a CPU: stage times include its work; memory is not concerned",
            "give this machine or container a second CPU",
        ),
        (worker, _) => {
            Check::limits(NAME, format!("worker {worker}"), "per-CPU counters and arenas move between runs", ALLOW_CALL)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check::Grade, *};

    fn seen(addresses: &str, growth: u64) -> Seen {
        Seen { addresses: Some(addresses.into()), cpus: Some(1), level: Some(98_304), growth: Some(growth) }
    }

    fn granted() -> Trial {
        Trial {
            ending: Ending::Completed,
            controls: Control::ALL.into_iter().map(|control| (control, ControlState::Granted)).collect(),
            workers: vec![seen("0x1", 1 << 20); WORKERS],
            page: 4096,
        }
    }

    fn refusing(control: Control) -> Trial {
        let mut trial = granted();
        trial.controls.insert(control, ControlState::Refused("Operation not permitted (os error 1)".into()));
        trial
    }

    fn ended(ending: Ending) -> Trial {
        Trial { ending, controls: Default::default(), workers: Vec::new(), page: 4096 }
    }

    fn find(trial: &Trial, mode: &str, name: &str) -> Check {
        checks(trial, mode).into_iter().find(|check| check.name == name).expect("is checked")
    }

    #[test]
    fn a_machine_that_grants_everything_is_good_throughout() {
        for check in checks(&granted(), "madvise") {
            assert_eq!(check.grade, Grade::Good, "{check:?}");
        }
    }

    #[test]
    fn every_refusal_limits_says_what_it_costs_and_what_helps() {
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
    fn where_no_worker_starts_it_is_broken_and_the_rest_is_not_known() {
        for (ending, name) in [
            (Ending::NotStarted("cannot start a worker: Too many open files".into()), WORKER),
            (Ending::Died("killed by signal 31 (SIGSYS)".into()), WORKER),
            (Ending::Unreadable("/proc/7/smaps_rollup: Permission denied (os error 13)".into()), CHILD_MEMORY),
        ] {
            let checks = checks(&ended(ending), "never");
            let broken: Vec<_> = checks.iter().filter(|check| check.grade == Grade::Broken).collect();
            assert_eq!(broken.iter().map(|check| check.name).collect::<Vec<_>>(), [name]);
            assert!(checks.iter().filter(|check| check.finding.starts_with("not known")).count() >= 6);
        }
    }

    #[test]
    fn aslr_that_is_granted_and_stays_on_is_noticed() {
        let mut trial = granted();
        trial.workers[1].addresses = Some("0x2".into());
        let check = find(&trial, "madvise", ASLR_OFF);
        assert_eq!(
            (check.grade, check.finding.as_str()),
            (Grade::Limits, "granted without effect: 2 different layouts")
        );
    }

    #[test]
    fn growth_that_is_not_what_was_dirtied_is_not_exact() {
        let mut trial = granted();
        trial.workers[2].growth = Some(2 << 20);
        let check = find(&trial, "always", EXACTNESS);
        assert_eq!(
            (check.grade, check.finding.as_str()),
            (Grade::Limits, "1 MiB dirtied, 1 MiB or 2 MiB read; one level before")
        );
    }

    #[test]
    fn huge_pages_that_cannot_be_refused_matter_by_the_systems_mode() {
        let trial = refusing(Control::ThpOff);
        let grade = |mode| find(&trial, mode, "huge pages off").grade;
        assert_eq!((grade("never"), grade("madvise"), grade("always")), (Grade::Good, Grade::Limits, Grade::Limits));
        assert!(find(&trial, "always", "huge pages off").cost.contains("2 MiB"));
    }

    #[test]
    fn on_one_cpu_parent_and_worker_share_it_and_only_times_suffer() {
        let mut trial = granted();
        trial.controls.insert(Control::ParentElsewhere, ControlState::Refused("the worker needs all 1 CPUs".into()));
        let check = find(&trial, "madvise", "CPU pinning");
        assert!(check.grade == Grade::Limits && check.cost.contains("memory is not concerned"), "{check:?}");
    }

    #[test]
    fn a_worker_that_is_pinned_and_roams_all_the_same_is_noticed() {
        let mut trial = granted();
        trial.workers[0].cpus = Some(2);
        assert!(find(&trial, "madvise", "CPU pinning").finding.starts_with("granted without effect"));
    }
}
