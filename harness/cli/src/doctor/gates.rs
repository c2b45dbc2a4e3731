//! Which metrics can be gated on this machine, derived from the checks.

use serde::Serialize;

use super::check::{
    Check, Grade,
    name::{ASLR_OFF, CGROUP, CHILD_MEMORY, EXACTNESS, PEAK_RESET, WORKER},
};

/// A group of metrics and the checks that must be good to gate them.
struct Gate {
    metrics: &'static str,
    needs: &'static [&'static str],
}

const GATES: [Gate; 4] = [
    Gate { metrics: "growth and slope of anon and VMAs", needs: &[WORKER, CHILD_MEMORY, EXACTNESS] },
    Gate { metrics: "growth of peak", needs: &[WORKER, CHILD_MEMORY, EXACTNESS, PEAK_RESET] },
    Gate { metrics: "level of anon, page tables", needs: &[WORKER, CHILD_MEMORY, EXACTNESS, ASLR_OFF] },
    Gate { metrics: "cases with a memory limit", needs: &[WORKER, CHILD_MEMORY, CGROUP] },
];

/// Never gated by `compare`, on any machine.
const NEVER: &str = "time (reported only)";

/// The metrics that can and cannot be gated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Gates {
    /// Metrics that can be gated.
    pub on: Vec<String>,
    /// Metrics that cannot, each with the checks that failed.
    pub not_on: Vec<String>,
}

impl Gates {
    pub(super) fn of(checks: &[Check]) -> Self {
        let is_good = |name: &str| checks.iter().any(|check| check.name == name && check.grade == Grade::Good);
        let mut gates = Self { on: Vec::new(), not_on: Vec::new() };
        for gate in &GATES {
            let missing: Vec<&str> = gate.needs.iter().copied().filter(|name| !is_good(name)).collect();
            match missing.as_slice() {
                [] => gates.on.push(gate.metrics.to_owned()),
                missing => gates.not_on.push(format!("{} ({})", gate.metrics, missing.join(", "))),
            }
        }
        gates.not_on.push(NEVER.to_owned());
        gates
    }

    /// A summary in one line.
    #[must_use]
    pub(super) fn sentence(&self) -> String {
        let on = if self.on.is_empty() { "nothing".to_owned() } else { self.on.join("; ") };
        format!("this machine can gate: {on}; not: {}", self.not_on.join("; "))
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
    fn if_all_checks_are_good_only_time_is_excluded() {
        let gates = Gates::of(&checks(&[]));
        assert_eq!((gates.on.len(), gates.not_on.as_slice()), (GATES.len(), [NEVER.to_owned()].as_slice()));
    }

    #[test]
    fn with_aslr_on_growth_is_gated_and_levels_are_not() {
        assert_eq!(
            Gates::of(&checks(&[ASLR_OFF])).sentence(),
            "this machine can gate: growth and slope of anon and VMAs; growth of peak; cases with a memory limit; \
             not: level of anon, page tables (ASLR off); time (reported only)"
        );
    }

    #[test]
    fn without_workers_nothing_is_gated() {
        let gates = Gates::of(&checks(&[WORKER, CGROUP]));
        assert!(gates.sentence().starts_with("this machine can gate: nothing; not: "));
        assert!(gates.not_on.contains(&"cases with a memory limit (worker, memory cgroup)".to_owned()));
    }

    #[test]
    fn a_check_that_did_not_run_counts_as_failed() {
        assert_eq!(Gates::of(&[]).on, Vec::<String>::new());
    }
}
