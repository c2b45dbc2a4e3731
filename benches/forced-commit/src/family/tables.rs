//! The commit strategies by name, and what the case types share.

use std::time::Duration;

use highwater_worker::Conditions;
use linear_memory::{
    Commit, Error, Target, best,
    commit::{Guarded, Lock, LockOnFault, Pages, Populate, PopulateRead, ReadOsPages, Threads, TouchOsPages, WillNeed},
};

use crate::{
    GuestCommit, Live,
    commit::{DeclaredMinimum, Deferred, GuestProbe, HostMemory, StaticMaximum, TouchWasmPages, TwoPass, ZeroNewPages},
    guest::Declared,
};

/// Bytes in a MiB.
pub(super) const MIB: u64 = 1 << 20;

/// A commit strategy and its name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    /// Its name in case ids.
    pub(super) name: &'static str,
    /// The strategy.
    pub(super) make: fn() -> Box<dyn GuestCommit>,
    /// Whether it may use huge pages.
    pub(super) huge: bool,
    /// Number of CPUs that it uses.
    pub(super) cpus: usize,
}

const HUGE: Populate = Populate { pages: Pages::Huge, ..Populate::CHUNKED };

const fn small(name: &'static str, make: fn() -> Box<dyn GuestCommit>) -> Way {
    Way { name, make, huge: false, cpus: 1 }
}

const fn huge(name: &'static str, make: fn() -> Box<dyn GuestCommit>) -> Way {
    Way { name, make, huge: true, cpus: 1 }
}

impl Way {
    /// Claimed to pre-allocate; commits nothing.
    pub(super) const STATIC_MAXIMUM: Self = small("static-maximum", || Box::new(StaticMaximum));
    /// Claimed to pre-allocate; commits nothing.
    pub(super) const DECLARED_MINIMUM: Self = small("declared-minimum", || Box::new(DeclaredMinimum));
    /// A function in the guest.
    pub(super) const GUEST_PROBE: Self = small("guest-probe", || Box::new(GuestProbe));
    /// Recommended first; commits a sixteenth.
    pub(super) const TOUCH_WASM_PAGES: Self = small("touch-wasm-pages", || Box::new(TouchWasmPages));
    /// The published recipe.
    pub(super) const TWO_PASS: Self = small("two-pass", || Box::new(TwoPass));
    /// A byte in every page.
    pub(super) const TOUCH_OS_PAGES: Self = small("touch-os-pages", || Box::new(TouchOsPages));
    /// One call.
    pub(super) const POPULATE: Self = small("populate", || Box::new(Populate::WHOLE));
    /// A call for each 16 MiB.
    pub(super) const POPULATE_CHUNKS: Self = small("populate-chunks", || Box::new(Populate::CHUNKED));
    /// The same on two threads.
    pub(super) const POPULATE_THREADS: Self = Self {
        cpus: 2,
        ..small("populate-chunks-threads-2", || {
            Box::new(Populate { threads: Threads::Exactly(2), ..Populate::CHUNKED })
        })
    };
    /// Huge pages, in chunks.
    pub(super) const HUGE_CHUNKS: Self = huge("huge-chunks", || Box::new(HUGE));
    /// Huge pages, one call.
    pub(super) const HUGE_WHOLE: Self = huge("huge", || Box::new(Populate { chunk: None, ..HUGE }));
    /// Huge pages on two threads.
    pub(super) const HUGE_THREADS: Self = Self {
        cpus: 2,
        ..huge("huge-chunks-threads-2", || Box::new(Populate { threads: Threads::Exactly(2), ..HUGE }))
    };
    /// `MAP_POPULATE`.
    pub(super) const HOST_MEMORY: Self = small("host-memory", || Box::new(HostMemory { huge: false }));
    /// The same in huge pages.
    pub(super) const HOST_MEMORY_HUGE: Self = huge("host-memory-huge", || Box::new(HostMemory { huge: true }));
    /// mlock.
    pub(super) const LOCK: Self = small("mlock", || Box::new(Lock));
    /// Deferred to the first job.
    pub(super) const DEFERRED: Self = small("deferred", || Box::new(Deferred(Populate::CHUNKED)));
    /// With a headroom check.
    pub(super) const GUARDED: Self = small("guarded", || Box::new(Guarded::new(Populate::CHUNKED)));
    /// The same in huge pages: what `best()` returns on a machine that has them.
    pub(super) const GUARDED_HUGE: Self = huge("guarded-huge", || Box::new(Guarded::new(HUGE)));
    /// What `best()` is on this machine, with as many threads as help.
    pub(super) const BEST: Self = Self { cpus: 2, ..huge("best", || Box::new(best())) };
    /// A host that withdrew the published recipe: grows, and zeroes the new pages only.
    pub(super) const ZERO_NEW_PAGES: Self = small("zero-new-pages", || Box::new(ZeroNewPages));
    /// Control: reads.
    pub(super) const READ_OS_PAGES: Self = small("read-os-pages", || Box::new(ReadOsPages));
    /// Control: reads in one call.
    pub(super) const POPULATE_READ: Self = small("populate-read", || Box::new(PopulateRead));
    /// Control: read-ahead, which anonymous memory has none of.
    pub(super) const WILL_NEED: Self = small("will-need", || Box::new(WillNeed));
    /// Control: pins pages only when they are faulted in.
    pub(super) const LOCK_ON_FAULT: Self = small("mlock-on-fault", || Box::new(LockOnFault));

    /// The conditions that its worker needs. Huge pages stay off for strategies that do not use them, so that
    /// a machine with huge pages always on gives the same results.
    pub(super) fn conditions(&self) -> Conditions {
        Conditions { thp_off: !self.huge, cpus: self.cpus, ..Conditions::default() }
    }

    /// The limits that its module declares: a static maximum and growth leave the minimum small.
    pub(super) fn declared(&self, bytes: u64) -> Declared {
        let grows = [Self::STATIC_MAXIMUM.name, Self::ZERO_NEW_PAGES.name].contains(&self.name);
        if grows { Declared::up_to(bytes) } else { Declared::exactly(bytes) }
    }
}

/// The state, in the hypervisor, of the free pages that the kernel will hand out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// They were in use a moment ago, so the hypervisor still backs them.
    Warm,
    /// They have been free for three seconds: a virtual machine with free page reporting has returned them,
    /// and its host must allocate each again. On bare metal this equals `Warm`.
    Cold,
    /// As the previous worker left them, neither warm nor cold: a host that takes free pages back does so
    /// while gigabytes of them are being handed out again.
    AsFound,
}

impl Host {
    /// Its name in case ids.
    #[must_use]
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Warm => "warm",
            Self::Cold => "cold",
            Self::AsFound => "as-found",
        }
    }

    /// Prepares this state for the next `bytes`: a guest commits that many and is dropped.
    pub(super) fn prepare(self, mut guest: Live, bytes: u64) -> Result<(), Error> {
        if self == Self::AsFound {
            return Ok(());
        }
        guest.renew()?;
        // With huge pages where available: whether pages are warm does not depend on their size.
        let off = rustix::thread::transparent_huge_pages_are_disabled().unwrap_or(true);
        // If a call fails, the pages stay as warm as they were, and the figures show it.
        let _ = rustix::thread::disable_transparent_huge_pages(false);
        let mut part = &mut guest.memory()[..bytes as usize];
        let committed = Commit::commit(&HUGE, &mut part).or_else(|_| Commit::commit(&Populate::CHUNKED, &mut part));
        let _ = rustix::thread::disable_transparent_huge_pages(off);
        drop(guest);
        if self == Self::Cold {
            std::thread::sleep(Duration::from_secs(3));
        }
        committed
    }
}

/// A size in case ids: `256m`, `4g`.
pub(super) fn size_name(bytes: u64) -> String {
    if bytes.is_multiple_of(1024 * MIB) { format!("{}g", bytes / (1024 * MIB)) } else { format!("{}m", bytes / MIB) }
}
