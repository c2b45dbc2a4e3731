//! The kernel and what it offers beyond reading memory: each feature is tried, on this process.

use std::{fs, io, os::unix::fs::FileExt, path::Path};

use rustix::mm::UserfaultfdFlags;

use super::{
    check::Check,
    memory::sysctl,
    sys::{self, Ground},
    worker::ALLOW_CALL,
};

/// `UFFD_USER_MODE_ONLY`: allowed to everyone since Linux 5.11, whatever the sysctl says.
const USER_MODE_ONLY: UserfaultfdFlags = UserfaultfdFlags::from_bits_retain(1);
/// The bit of a pagemap entry that says soft-dirty; set on every page just written to, if at all.
const SOFT_DIRTY: u64 = 1 << 55;

/// What came of trying a call: nothing to say, or the system's words.
type Tried = Result<(), String>;

/// How a userfaultfd with asynchronous write protection can be had.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Userfaultfd {
    Full,
    /// Only for faults in user mode, which is all that asynchronous write protection needs.
    UserMode,
    Refused(String),
}

/// What was tried and read.
#[derive(Clone, Debug)]
pub(super) struct Kernel {
    release: String,
    smaps_rollup: bool,
    pagemap_scan: Tried,
    userfaultfd: Userfaultfd,
    unprivileged_userfaultfd: Option<u64>,
    process_madvise: Tried,
    soft_dirty: Result<bool, String>,
    ptrace_scope: Option<u64>,
}

impl Kernel {
    pub(super) fn read() -> Self {
        let words = |error: io::Error| error.to_string();
        Self {
            release: rustix::system::uname().release().to_string_lossy().into_owned(),
            smaps_rollup: Path::new("/proc/self/smaps_rollup").exists(),
            pagemap_scan: pagemap_scan().map_err(words),
            userfaultfd: userfaultfd(),
            unprivileged_userfaultfd: sysctl("vm/unprivileged_userfaultfd"),
            process_madvise: Ground::map(1).and_then(|ground| sys::try_process_madvise(&ground)).map_err(words),
            soft_dirty: soft_dirty().map_err(words),
            ptrace_scope: sysctl("kernel/yama/ptrace_scope"),
        }
    }

    pub(super) fn checks(&self) -> Vec<Check> {
        vec![
            self.release(),
            self.pagemap_scan(),
            self.userfaultfd(),
            self.process_madvise(),
            self.soft_dirty(),
            self.ptrace_scope(),
        ]
    }

    fn release(&self) -> Check {
        const NAME: &str = "kernel";
        let release = &self.release;
        match self.smaps_rollup {
            true => Check::good(NAME, format!("{release}, with smaps_rollup")),
            false => Check::broken(
                NAME,
                format!("{release}, without smaps_rollup"),
                "nothing can be measured",
                "Linux 4.14 or newer with CONFIG_PROC_PAGE_MONITOR, and /proc mounted",
            ),
        }
    }

    fn pagemap_scan(&self) -> Check {
        const NAME: &str = "PAGEMAP_SCAN";
        match &self.pagemap_scan {
            Ok(()) => Check::good(NAME, "works"),
            Err(error) => Check::limits(
                NAME,
                error,
                "cases that look for dirtied pages by it are not run; measuring does not need it",
                "Linux 6.7 or newer",
            ),
        }
    }

    fn userfaultfd(&self) -> Check {
        const NAME: &str = "userfaultfd WP_ASYNC";
        let sysctl = match self.unprivileged_userfaultfd {
            Some(value) => format!(" (vm.unprivileged_userfaultfd = {value})"),
            None => String::new(),
        };
        match &self.userfaultfd {
            Userfaultfd::Full => Check::good(NAME, "works"),
            Userfaultfd::UserMode => Check::good(NAME, format!("works for faults in user mode{sysctl}")),
            Userfaultfd::Refused(error) => Check::limits(
                NAME,
                format!("{error}{sysctl}"),
                "cases that track writes by it are not run; measuring does not need it",
                format!("Linux 6.7 or newer with CONFIG_USERFAULTFD; or {ALLOW_CALL}"),
            ),
        }
    }

    fn process_madvise(&self) -> Check {
        const NAME: &str = "process_madvise";
        match &self.process_madvise {
            Ok(()) => Check::good(NAME, "works on this process"),
            Err(error) => Check::limits(
                NAME,
                error,
                "cases that advise many ranges in one call are not run; measuring does not need it",
                format!("Linux 5.10 or newer (before 6.13 with CAP_SYS_NICE); or {ALLOW_CALL}"),
            ),
        }
    }

    /// Not having it costs nothing where its two successors work.
    fn soft_dirty(&self) -> Check {
        const NAME: &str = "soft-dirty";
        let successors = self.pagemap_scan.is_ok() && !matches!(self.userfaultfd, Userfaultfd::Refused(_));
        let finding = match &self.soft_dirty {
            Ok(true) => return Check::good(NAME, "works"),
            Ok(false) => "not in this kernel".to_owned(),
            Err(error) => error.clone(),
        };
        if successors {
            return Check::good(NAME, format!("{finding}; PAGEMAP_SCAN with WP_ASYNC does its work"));
        }
        Check::limits(
            NAME,
            finding,
            "dirtied pages cannot be told from clean ones here; measuring does not need it",
            "a kernel with CONFIG_MEM_SOFT_DIRTY, or Linux 6.7 or newer",
        )
    }

    /// Yama restricts attaching, not the reading of `/proc/PID`: what counts is whether that was
    /// readable (`memory of a child`).
    fn ptrace_scope(&self) -> Check {
        let finding = match self.ptrace_scope {
            None => "no Yama".to_owned(),
            Some(scope) => format!("{scope}; it restricts attaching, not reading a child's smaps"),
        };
        Check::good("ptrace scope", finding)
    }
}

fn pagemap_scan() -> io::Result<()> {
    let mut ground = Ground::map(4)?;
    ground.dirty(0);
    ground.dirty(2);
    match sys::scan_pagemap(&ground)? {
        2 => Ok(()),
        found => Err(io::Error::other(format!("found {found} of 2 pages that were written to"))),
    }
}

fn userfaultfd() -> Userfaultfd {
    match sys::try_userfaultfd(UserfaultfdFlags::empty()) {
        Ok(()) => Userfaultfd::Full,
        Err(error) => match sys::try_userfaultfd(USER_MODE_ONLY) {
            Ok(()) => Userfaultfd::UserMode,
            Err(_) => Userfaultfd::Refused(error.to_string()),
        },
    }
}

fn soft_dirty() -> io::Result<bool> {
    let mut ground = Ground::map(1)?;
    ground.dirty(0);
    let mut entry = [0; 8];
    let offset = ground.address() / rustix::param::page_size() * entry.len();
    fs::File::open("/proc/self/pagemap")?.read_exact_at(&mut entry, offset as u64)?;
    Ok(u64::from_ne_bytes(entry) & SOFT_DIRTY != 0)
}

#[cfg(test)]
mod tests {
    use super::{super::check::Grade, *};

    fn modern() -> Kernel {
        Kernel {
            release: "6.18.44".into(),
            smaps_rollup: true,
            pagemap_scan: Ok(()),
            userfaultfd: Userfaultfd::Full,
            unprivileged_userfaultfd: Some(0),
            process_madvise: Ok(()),
            soft_dirty: Ok(false),
            ptrace_scope: None,
        }
    }

    fn refused() -> String {
        "Operation not permitted (os error 1)".into()
    }

    fn graded(kernel: &Kernel, grade: Grade) -> Vec<&'static str> {
        kernel.checks().iter().filter(|check| check.grade == grade).map(|check| check.name).collect()
    }

    #[test]
    fn a_modern_kernel_without_soft_dirty_is_good_throughout() {
        assert_eq!(graded(&modern(), Grade::Good).len(), 6);
    }

    #[test]
    fn a_kernel_without_smaps_rollup_is_broken_whatever_else_it_has() {
        let kernel = Kernel { release: "4.9.0".into(), smaps_rollup: false, ..modern() };
        assert_eq!(graded(&kernel, Grade::Broken), ["kernel"]);
    }

    #[test]
    fn soft_dirty_is_only_missed_where_its_successors_are_missing_too() {
        let kernel = Kernel { pagemap_scan: Err("Inappropriate ioctl for device (os error 25)".into()), ..modern() };
        assert_eq!(graded(&kernel, Grade::Limits), ["PAGEMAP_SCAN", "soft-dirty"]);
        assert_eq!(graded(&Kernel { soft_dirty: Ok(true), ..kernel }, Grade::Limits), ["PAGEMAP_SCAN"]);
    }

    #[test]
    fn refusals_of_a_container_limit_and_break_nothing() {
        let kernel = Kernel {
            userfaultfd: Userfaultfd::Refused(refused()),
            process_madvise: Err(refused()),
            soft_dirty: Ok(true),
            ..modern()
        };
        assert_eq!(graded(&kernel, Grade::Limits), ["userfaultfd WP_ASYNC", "process_madvise"]);
        let check = kernel.userfaultfd();
        assert_eq!(check.finding, "Operation not permitted (os error 1) (vm.unprivileged_userfaultfd = 0)");
        assert!(check.fix.contains("seccomp"));
    }

    #[test]
    fn a_userfaultfd_for_user_mode_alone_is_enough() {
        let kernel = Kernel { userfaultfd: Userfaultfd::UserMode, ..modern() };
        assert_eq!(graded(&kernel, Grade::Good).len(), 6);
    }

    #[test]
    fn ptrace_scope_is_told_and_costs_nothing() {
        for scope in [None, Some(0), Some(1), Some(3)] {
            assert_eq!(Kernel { ptrace_scope: scope, ..modern() }.ptrace_scope().grade, Grade::Good);
        }
    }

    #[test]
    fn trying_the_features_leaves_an_answer_for_each_and_harms_nothing() {
        let kernel = Kernel::read();
        assert_eq!(kernel.checks().len(), 6);
        assert_eq!(kernel.release().grade, Grade::Good, "{}", kernel.release);
    }
}
