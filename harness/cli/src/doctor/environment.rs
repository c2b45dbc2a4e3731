//! The environment: machine class and its baselines, page size, C library, CPUs, load, terminal.

use std::{env, fs, io::IsTerminal};

use highwater_model::{Bytes, MachineClass};

use super::check::Check;

/// Variables that CI systems set, the most specific first.
const CI_VARIABLES: [&str; 5] = ["GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "JENKINS_URL", "CI"];

/// Readings about the environment.
#[derive(Clone, Debug)]
pub(super) struct Environment {
    class: MachineClass,
    /// Families with a baseline for the class.
    baselines: Vec<String>,
    /// Families with a baseline for the class that differs only in ASLR.
    across_aslr: Vec<String>,
    /// Load average over one minute.
    load: Option<f64>,
    cores: usize,
    terminal: bool,
    ci: Option<&'static str>,
}

impl Environment {
    /// `baselines` returns the families that have a baseline for a class.
    pub(super) fn read(class: &MachineClass, baselines: impl Fn(&MachineClass) -> Vec<String>) -> Self {
        let load = fs::read_to_string("/proc/loadavg").ok();
        let is_set = |name: &&str| env::var_os(name).is_some_and(|value| !value.is_empty() && value != "false");
        Self {
            class: class.clone(),
            baselines: baselines(class),
            across_aslr: baselines(&class.with_other_aslr()),
            load: load.as_deref().and_then(|text| text.split(' ').next()?.parse().ok()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            terminal: std::io::stdout().is_terminal(),
            ci: CI_VARIABLES.into_iter().find(is_set),
        }
    }

    pub(super) fn checks(&self) -> Vec<Check> {
        vec![self.class(), self.baseline(), self.page_size(), self.libc(), self.cpus(), self.load(), self.terminal()]
    }

    fn class(&self) -> Check {
        Check::good("machine class", self.class.to_string())
    }

    fn baseline(&self) -> Check {
        const NAME: &str = "baselines";
        const MAKE: &str = "run `cargo bench -- --memory-only`, then `highwater bless --reason TEXT`";
        match (self.baselines.as_slice(), self.across_aslr.as_slice()) {
            ([], []) => {
                Check::limits(NAME, "none for this machine class", "`highwater compare` exits with status 4", MAKE)
            }
            ([], across) => Check::limits(
                NAME,
                format!("{}, for {}", across.join(", "), self.class.with_other_aslr()),
                "only growth of anon_mapped and of heap bytes is compared with them",
                MAKE,
            ),
            (families, _) => Check::good(NAME, families.join(", ")),
        }
    }

    fn page_size(&self) -> Check {
        const NAME: &str = "page size";
        let size = Bytes(self.class.page_size);
        match self.class.page_size {
            4096 => Check::good(NAME, size.to_string()),
            _ => Check::limits(
                NAME,
                size.to_string(),
                "growth below one page is not visible; baselines for 4 KiB pages are not comparable",
                "use a kernel with 4 KiB pages, or create baselines on this machine",
            ),
        }
    }

    fn libc(&self) -> Check {
        const NAME: &str = "C library";
        match self.class.libc.as_str() {
            "glibc" => Check::good(NAME, "glibc"),
            other => Check::limits(
                NAME,
                other,
                "heap_in_use and heap_retained are not available, and free heap memory cannot be trimmed",
                "build for a target with glibc (-gnu)",
            ),
        }
    }

    fn cpus(&self) -> Check {
        const NAME: &str = "CPUs";
        match self.cores {
            1 => Check::limits(
                NAME,
                "1",
                "parent and worker share it, so stage times include the parent; threads do not run in parallel",
                "give this machine or container a second CPU",
            ),
            cores => Check::good(NAME, cores.to_string()),
        }
    }

    fn load(&self) -> Check {
        const NAME: &str = "load average";
        let cpus = if self.cores == 1 { "1 CPU".to_owned() } else { format!("{} CPUs", self.cores) };
        match self.load {
            None => Check::good(NAME, "unknown"),
            Some(load) if load > self.cores as f64 => Check::limits(
                NAME,
                format!("{load} on {cpus}"),
                "time measurements are unreliable; memory is not affected",
                "wait until the machine is idle",
            ),
            Some(load) => Check::good(NAME, format!("{load} on {cpus}")),
        }
    }

    fn terminal(&self) -> Check {
        let terminal = if self.terminal { "a terminal" } else { "no terminal (tables do not wrap)" };
        let ci = self.ci.map_or("no CI".to_owned(), |variable| format!("CI ({variable} is set)"));
        Check::good("output", format!("{terminal}; {ci}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check::Grade, *};

    fn usual() -> Environment {
        Environment {
            class: "linux-x86_64-4k-thp_madvise-glibc-aslr_off".parse().expect("a class"),
            baselines: vec!["sandbox-scaling".into()],
            across_aslr: Vec::new(),
            load: Some(0.5),
            cores: 2,
            terminal: false,
            ci: Some("CI"),
        }
    }

    fn limited(environment: &Environment) -> Vec<Check> {
        environment.checks().into_iter().filter(|check| check.grade == Grade::Limits).collect()
    }

    #[test]
    fn all_checks_are_good_on_an_idle_machine_with_a_baseline() {
        assert_eq!(limited(&usual()), []);
    }

    #[test]
    fn high_load_affects_time_only() {
        let checks = limited(&Environment { load: Some(3.28), ..usual() });
        assert_eq!(checks[0].finding, "3.28 on 2 CPUs");
        assert_eq!(checks[0].cost, "time measurements are unreliable; memory is not affected");
        assert_eq!(limited(&Environment { load: Some(2.0), ..usual() }), []);
    }

    #[test]
    fn a_missing_baseline_has_a_fix() {
        let checks = limited(&Environment { baselines: Vec::new(), ..usual() });
        assert!(checks[0].cost.contains("status 4") && checks[0].fix.contains("bless"), "{checks:?}");
    }

    #[test]
    fn a_baseline_with_other_aslr_is_listed_with_its_class() {
        let across_aslr = vec!["sandbox-scaling".into()];
        let checks = limited(&Environment { baselines: Vec::new(), across_aslr, ..usual() });
        assert_eq!(checks[0].finding, "sandbox-scaling, for linux-x86_64-4k-thp_madvise-glibc-aslr_on");
        assert_eq!(checks[0].cost, "only growth of anon_mapped and of heap bytes is compared with them");
    }

    #[test]
    fn large_pages_other_libcs_and_a_single_cpu_limit() {
        let class = "linux-aarch64-64k-thp_never-musl-aslr_off".parse().expect("a class");
        let checks = limited(&Environment { class, cores: 1, ..usual() });
        assert_eq!(checks.iter().map(|check| check.name).collect::<Vec<_>>(), ["page size", "C library", "CPUs"]);
    }
}
