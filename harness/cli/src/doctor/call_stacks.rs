//! Whether `highwater explain` may record the call stacks of page faults.

use std::io;

use highwater_explain::{FaultPermission, fault_permission};

use super::check::Check;

/// Whether this process may record page faults of a worker.
#[derive(Debug)]
pub(super) struct CallStacks {
    permission: io::Result<FaultPermission>,
}

impl CallStacks {
    pub(super) fn read() -> Self {
        Self { permission: fault_permission() }
    }

    pub(super) fn check(&self) -> Check {
        const NAME: &str = "call stacks";
        const PARANOID: &str = "sysctl kernel.perf_event_paranoid=1, or run as root";
        match &self.permission {
            Ok(FaultPermission::All) => Check::good(NAME, "of heap blocks, page faults, and calls that fill pages"),
            Ok(FaultPermission::OfFaults) => {
                Check::good(NAME, "of heap blocks and of all page faults; those of calls that fill pages need root")
            }
            Ok(FaultPermission::OfUserCode) => Check::limits(
                NAME,
                "of heap blocks, and of page faults outside of system calls",
                "`explain` does not know who touched the pages that system calls filled",
                PARANOID,
            ),
            Err(error) => Check::limits(
                NAME,
                format!("of heap blocks only; perf_event_open: {error}"),
                "`explain` does not know who touched pages outside the heap, and nothing of programs in other languages",
                match error.kind() {
                    io::ErrorKind::PermissionDenied => {
                        "sysctl kernel.perf_event_paranoid=2 or less; in a container, permit perf_event_open (seccomp)"
                    }
                    _ => "use a kernel with CONFIG_PERF_EVENTS",
                },
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check::Grade, *};

    #[test]
    fn without_permission_the_heap_remains() {
        let refused = CallStacks { permission: Err(io::ErrorKind::PermissionDenied.into()) };
        let check = refused.check();
        assert_eq!(check.grade, Grade::Limits);
        assert!(check.finding.contains("heap") && check.fix.contains("perf_event_paranoid"), "{check:?}");
        let part = CallStacks { permission: Ok(FaultPermission::OfUserCode) };
        assert_eq!(part.check().grade, Grade::Limits);
        let all = CallStacks { permission: Ok(FaultPermission::All) };
        assert_eq!(all.check().grade, Grade::Good);
    }
}
