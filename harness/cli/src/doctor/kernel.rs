//! The kernel: its release, and whether it has what measuring needs.

use std::path::Path;

use super::check::Check;

/// Readings about the kernel.
#[derive(Clone, Debug)]
pub(super) struct Kernel {
    release: String,
    smaps_rollup: bool,
}

impl Kernel {
    pub(super) fn read() -> Self {
        Self {
            release: rustix::system::uname().release().to_string_lossy().into_owned(),
            smaps_rollup: Path::new("/proc/self/smaps_rollup").exists(),
        }
    }

    pub(super) fn check(&self) -> Check {
        const NAME: &str = "kernel";
        let release = &self.release;
        match self.smaps_rollup {
            true => Check::good(NAME, format!("{release}, with smaps_rollup")),
            false => Check::broken(
                NAME,
                format!("{release}, without smaps_rollup"),
                "nothing can be measured",
                "use Linux 4.14 or newer with CONFIG_PROC_PAGE_MONITOR, and mount /proc",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check::Grade, *};

    #[test]
    fn a_kernel_without_smaps_rollup_is_broken() {
        let kernel = Kernel { release: "4.9.0".into(), smaps_rollup: false };
        assert_eq!(kernel.check().grade, Grade::Broken);
    }

    #[test]
    fn this_kernel_is_good() {
        let kernel = Kernel::read();
        assert_eq!(kernel.check().grade, Grade::Good, "{}", kernel.release);
    }
}
