//! Resource limits that workers inherit: the required values and the consequences of lower ones.

use highwater_model::Bytes;
use rustix::{
    process::{Resource, getrlimit},
    thread::{CapabilitySet, capabilities},
};

use super::check::Check;

/// A resource limit and its requirement.
struct Rule {
    name: &'static str,
    resource: Resource,
    /// The unit of its value.
    unit: Unit,
    /// The smallest good value; `None` if only unlimited is good.
    enough: Option<u64>,
    /// The capability that exempts from the limit.
    exempt: CapabilitySet,
    cost: &'static str,
    fix: &'static str,
}

#[derive(Clone, Copy)]
enum Unit {
    Bytes,
    Count,
}

impl Unit {
    fn show(self, value: Option<u64>) -> String {
        match (self, value) {
            (_, None) => "unlimited".to_owned(),
            (Self::Bytes, Some(bytes)) => Bytes(bytes).to_string(),
            (Self::Count, Some(count)) => count.to_string(),
        }
    }
}

/// The soft limit that workers set, if the hard limit allows it.
const USUAL_STACK: u64 = 8 << 20;

const RULES: [Rule; 5] = [
    Rule {
        name: "RLIMIT_AS",
        resource: Resource::As,
        unit: Unit::Bytes,
        enough: None,
        exempt: CapabilitySet::empty(),
        cost: "reservations of address space beyond it fail even if they use no memory, so cases fail",
        fix: "ulimit -v unlimited",
    },
    Rule {
        name: "RLIMIT_DATA",
        resource: Resource::Data,
        unit: Unit::Bytes,
        enough: None,
        exempt: CapabilitySet::empty(),
        cost: "allocations of writable private memory beyond it fail, so large cases fail",
        fix: "ulimit -d unlimited",
    },
    Rule {
        name: "RLIMIT_MEMLOCK",
        resource: Resource::Memlock,
        unit: Unit::Bytes,
        enough: None,
        exempt: CapabilitySet::IPC_LOCK,
        cost: "cases that lock more memory than this are not run",
        fix: "ulimit -l unlimited (as root, or in limits.conf), or CAP_IPC_LOCK",
    },
    Rule {
        name: "RLIMIT_NOFILE",
        resource: Resource::Nofile,
        unit: Unit::Count,
        enough: Some(1024),
        exempt: CapabilitySet::empty(),
        cost: "the harness uses file descriptors above 100, and cases with many files fail",
        fix: "ulimit -n 1024",
    },
    Rule {
        name: "RLIMIT_NPROC",
        resource: Resource::Nproc,
        unit: Unit::Count,
        enough: Some(512),
        exempt: CapabilitySet::SYS_RESOURCE,
        cost: "all processes of this user count towards it, so starting workers or threads may fail",
        fix: "ulimit -u 4096",
    },
];

/// The values of the limits.
#[derive(Clone, Debug)]
pub(super) struct ResourceLimits {
    /// In the order of [`RULES`]; `None` means unlimited.
    values: [Option<u64>; RULES.len()],
    /// The hard limit; `None` means unlimited.
    stack: Option<u64>,
    capabilities: CapabilitySet,
}

impl ResourceLimits {
    pub(super) fn read() -> Self {
        let current = |resource| getrlimit(resource).current;
        Self {
            values: RULES.each_ref().map(|rule| current(rule.resource)),
            stack: getrlimit(Resource::Stack).maximum,
            capabilities: capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective),
        }
    }

    pub(super) fn checks(&self) -> Vec<Check> {
        let rules = RULES.iter().zip(self.values).map(|(rule, value)| self.check(rule, value));
        rules.chain([self.stack()]).collect()
    }

    fn check(&self, rule: &Rule, value: Option<u64>) -> Check {
        let finding = rule.unit.show(value);
        let enough = match (value, rule.enough) {
            (None, _) => true,
            (Some(value), Some(enough)) => value >= enough,
            (Some(_), None) => false,
        };
        if enough {
            Check::good(rule.name, finding)
        } else if self.capabilities.intersects(rule.exempt) {
            Check::good(rule.name, format!("{finding}; this user is exempt"))
        } else {
            Check::limits(rule.name, finding, rule.cost, rule.fix)
        }
    }

    /// Only the hard limit matters, because workers set the soft limit themselves.
    fn stack(&self) -> Check {
        const NAME: &str = "RLIMIT_STACK";
        match self.stack {
            Some(low) if low < USUAL_STACK => Check::limits(
                NAME,
                Bytes(low).to_string(),
                format!(
                    "address space and page tables differ from baselines measured with {}; deep recursion overflows earlier",
                    Bytes(USUAL_STACK)
                ),
                format!("ulimit -H -s {}", USUAL_STACK / 1024),
            ),
            enough => Check::good(NAME, Unit::Bytes.show(enough)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check::Grade, *};

    fn usual() -> ResourceLimits {
        ResourceLimits {
            values: [None, None, None, Some(1024), Some(96_365)],
            stack: Some(USUAL_STACK),
            capabilities: CapabilitySet::empty(),
        }
    }

    fn limited(limits: &ResourceLimits) -> Vec<Check> {
        limits.checks().into_iter().filter(|check| check.grade == Grade::Limits).collect()
    }

    #[test]
    fn the_usual_limits_are_good() {
        assert_eq!(limited(&usual()), []);
    }

    #[test]
    fn every_low_limit_has_a_consequence_and_a_fix() {
        let tight = [Some(4 << 30), Some(1 << 30), Some(8 << 20), Some(256), Some(64)];
        let limits = ResourceLimits { values: tight, ..usual() };
        let checks = limited(&limits);
        assert_eq!(checks.iter().map(|check| check.name).collect::<Vec<_>>(), RULES.map(|rule| rule.name));
        assert!(checks.iter().all(|check| !check.cost.is_empty() && check.fix.starts_with("ulimit")));
        assert_eq!(checks[0].finding, "4 GiB");
    }

    #[test]
    fn a_capability_exempts_from_its_limit_only() {
        let tight = [Some(4 << 30), None, Some(8 << 20), Some(1024), Some(64)];
        let capabilities = CapabilitySet::IPC_LOCK | CapabilitySet::SYS_RESOURCE;
        let checks = limited(&ResourceLimits { values: tight, capabilities, ..usual() });
        assert_eq!(checks.iter().map(|check| check.name).collect::<Vec<_>>(), ["RLIMIT_AS"]);
    }

    #[test]
    fn only_a_low_hard_stack_limit_is_reported() {
        for (stack, count) in [(None, 0), (Some(64 << 20), 0), (Some(1 << 20), 1)] {
            assert_eq!(limited(&ResourceLimits { stack, ..usual() }).len(), count, "{stack:?}");
        }
    }
}
