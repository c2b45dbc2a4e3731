//! Whether this process may lock memory, as mlock(2) decides it: the bytes that are locked already and those to be
//! locked together within `RLIMIT_MEMLOCK`, or `CAP_IPC_LOCK`.

use procfs::process::Process;
use rustix::process::{Resource, getrlimit};

use crate::{Error, NotHeld, sys::smaps};

/// Bit of `CAP_IPC_LOCK` in a set of capabilities, include/uapi/linux/capability.h.
const IPC_LOCK: u64 = 1 << 14;

/// What a process may lock, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rights {
    /// Bytes to be locked that are not locked yet.
    needed: u64,
    /// Bytes that the process has locked.
    locked: u64,
    /// The limit, unless there is none.
    limit: Option<u64>,
    /// Whether the process has the capability, at least in its user namespace.
    privileged: bool,
}

impl Rights {
    /// The rights of this process and the needs of this memory.
    pub(super) fn for_memory(memory: &[u8]) -> Result<Self, Error> {
        let status = Process::myself().and_then(|process| process.status());
        let status = status.map_err(|error| Error::system("read /proc/self/status")(std::io::Error::other(error)))?;
        let held = smaps::sum(memory, "Locked").map_err(Error::system("read /proc/self/smaps"))?;
        Ok(Self {
            needed: (memory.len() as u64).saturating_sub(held),
            locked: status.vmlck.unwrap_or(0) << 10,
            limit: getrlimit(Resource::Memlock).current,
            privileged: status.capeff & IPC_LOCK != 0,
        })
    }

    /// # Errors
    /// [`Error::NotHeld`] when mlock(2) would certainly refuse.
    pub(super) fn allow(self) -> Result<(), Error> {
        let Self { needed, locked, limit, privileged } = self;
        match limit {
            Some(limit) if !privileged && locked.saturating_add(needed) > limit => {
                Err(NotHeld { needed, locked, limit }.into())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn without_the_capability_the_limit_bounds_the_sum(needed: u64, locked: u64, limit: Option<u64>) {
            let rights = Rights { needed, locked, limit, privileged: false };
            let fits = limit.is_none_or(|limit| locked.checked_add(needed).is_some_and(|sum| sum <= limit));
            // A sum that does not fit into 64 bits exceeds every limit but the largest.
            prop_assert_eq!(rights.allow().is_ok(), fits || limit == Some(u64::MAX));
            let privileged = Rights { privileged: true, ..rights };
            prop_assert!(privileged.allow().is_ok());
        }
    }

    #[test]
    fn a_refusal_reports_the_limit_and_what_to_do() {
        let rights = Rights { needed: 4096, locked: 65_536, limit: Some(65_536), privileged: false };
        let error = rights.allow().expect_err("beyond the limit").to_string();
        for part in ["4096", "65536", "RLIMIT_MEMLOCK", "CAP_IPC_LOCK"] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn this_process_has_rights() {
        assert_eq!(Rights::for_memory(&[]).expect("readable").needed, 0);
    }
}
