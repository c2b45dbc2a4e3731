//! What the checks come to: which figures may fail a build on this machine, and which may not.

use serde::Serialize;

use super::check::{
    Check, Grade,
    name::{ASLR_OFF, CGROUP, CHILD_MEMORY, EXACTNESS, PEAK_RESET, WORKER},
};

/// A group of figures and the checks that must be good before a build may fail by it.
struct Gate {
    what: &'static str,
    needs: &'static [&'static str],
}

const GATES: [Gate; 4] = [
    Gate { what: "growth and slope of anon and VMAs", needs: &[WORKER, CHILD_MEMORY, EXACTNESS] },
    Gate { what: "growth of peak", needs: &[WORKER, CHILD_MEMORY, EXACTNESS, PEAK_RESET] },
    Gate { what: "level of anon, page tables", needs: &[WORKER, CHILD_MEMORY, EXACTNESS, ASLR_OFF] },
    Gate { what: "cases with a memory limit", needs: &[WORKER, CHILD_MEMORY, CGROUP] },
];

/// No machine is good enough for this one (design §3.7).
const NEVER: &str = "time (it only informs)";

/// What may be gated here and what not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Gates {
    /// Figures that may fail a build.
    pub on: Vec<String>,
    /// Figures that may not, each with the checks that stand in the way.
    pub not_on: Vec<String>,
}

impl Gates {
    pub(super) fn of(checks: &[Check]) -> Self {
        let is_good = |name: &str| checks.iter().any(|check| check.name == name && check.grade == Grade::Good);
        let mut gates = Self { on: Vec::new(), not_on: Vec::new() };
        for gate in &GATES {
            let missing: Vec<&str> = gate.needs.iter().copied().filter(|name| !is_good(name)).collect();
            match missing.as_slice() {
                [] => gates.on.push(gate.what.to_owned()),
                missing => gates.not_on.push(format!("{} ({})", gate.what, missing.join(", "))),
            }
        }
        gates.not_on.push(NEVER.to_owned());
        gates
    }

    /// The summing-up in one line.
    #[must_use]
    pub(super) fn sentence(&self) -> String {
        let on = if self.on.is_empty() { "nothing".to_owned() } else { self.on.join("; ") };
        format!("this machine can gate on: {on}; not on: {}", self.not_on.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks(refused: &[&str]) -> Vec<Check> {
        [WORKER, CHILD_MEMORY, EXACTNESS, ASLR_OFF, PEAK_RESET, CGROUP]
            .into_iter()
            .map(|name| match refused.contains(&name) {
                true => Check::limits(name, "refused", "something", "something else"),
                false => Check::good(name, "granted"),
            })
            .collect()
    }

    #[test]
    fn where_all_is_good_only_time_is_left_out() {
        let gates = Gates::of(&checks(&[]));
        assert_eq!((gates.on.len(), gates.not_on.as_slice()), (GATES.len(), [NEVER.to_owned()].as_slice()));
    }

    #[test]
    fn without_aslr_control_growth_is_still_gated_and_levels_are_not() {
        assert_eq!(
            Gates::of(&checks(&[ASLR_OFF])).sentence(),
            "this machine can gate on: growth and slope of anon and VMAs; growth of peak; cases with a memory limit; \
             not on: level of anon, page tables (ASLR off); time (it only informs)"
        );
    }

    #[test]
    fn where_no_worker_starts_nothing_is_gated_and_every_obstacle_is_named() {
        let gates = Gates::of(&checks(&[WORKER, CGROUP]));
        assert!(gates.sentence().starts_with("this machine can gate on: nothing; not on: "));
        assert!(gates.not_on.contains(&"cases with a memory limit (worker, memory cgroup)".to_owned()));
    }

    #[test]
    fn a_check_that_was_not_made_counts_as_missing() {
        assert_eq!(Gates::of(&[]).on, Vec::<String>::new());
    }
}
