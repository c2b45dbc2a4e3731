//! Where all this happens: machine class and its baselines, page size, C library, load, terminal.

use std::{env, fs, io::IsTerminal};

use highwater_model::{Bytes, MachineClass};

use super::check::Check;

/// Variables by which CI systems make themselves known, the most telling first.
const CI_VARIABLES: [&str; 5] = ["GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "JENKINS_URL", "CI"];

/// What was found.
#[derive(Clone, Debug)]
pub(super) struct Surroundings {
    class: MachineClass,
    /// Families with a baseline for the class.
    baselines: Vec<String>,
    /// Families with one for the class that differs by ASLR alone.
    across_aslr: Vec<String>,
    /// Load average of the last minute.
    load: Option<f64>,
    cores: usize,
    terminal: bool,
    ci: Option<&'static str>,
}

impl Surroundings {
    /// `baselines` tells which families have a baseline for a class.
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
        const MAKE: &str = "`cargo bench -- --memory-only`, then `highwater bless --reason TEXT`";
        match (self.baselines.as_slice(), self.across_aslr.as_slice()) {
            ([], []) => Check::limits(
                NAME,
                "none for this machine class",
                "`highwater compare` has nothing to compare with and exits 4",
                MAKE,
            ),
            ([], across) => Check::limits(
                NAME,
                format!("{}, of {}", across.join(", "), self.class.with_other_aslr()),
                "only growth of anon_mapped and of heap bytes is judged against them",
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
                "a page is the least that can be seen: smaller growth hides in it, and baselines of 4 KiB do not compare",
                "a kernel with pages of 4 KiB, or baselines of this machine's own",
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
                "heap in use and heap retained are not told, and free heap cannot be trimmed",
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
                "parent and worker share it: stage times include the parent's; cases with threads are not parallel",
                "give this machine or container a second CPU",
            ),
            cores => Check::good(NAME, cores.to_string()),
        }
    }

    fn load(&self) -> Check {
        const NAME: &str = "load average";
        let cpus = if self.cores == 1 { "1 CPU".to_owned() } else { format!("{} CPUs", self.cores) };
        match self.load {
            None => Check::good(NAME, "not told"),
            Some(load) if load > self.cores as f64 => Check::limits(
                NAME,
                format!("{load} on {cpus}"),
                "times are worthless now; memory is not concerned",
                "wait until the machine is idle before timing",
            ),
            Some(load) => Check::good(NAME, format!("{load} on {cpus}")),
        }
    }

    fn terminal(&self) -> Check {
        let terminal = if self.terminal { "a terminal" } else { "no terminal: tables do not wrap" };
        let ci = self.ci.map_or("no CI".to_owned(), |variable| format!("CI ({variable} is set)"));
        Check::good("output", format!("{terminal}; {ci}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check::Grade, *};

    fn usual() -> Surroundings {
        Surroundings {
            class: "linux-x86_64-4k-thp_madvise-glibc-aslr_off".parse().expect("a class"),
            baselines: vec!["sandbox-scaling".into()],
            across_aslr: Vec::new(),
            load: Some(0.5),
            cores: 2,
            terminal: false,
            ci: Some("CI"),
        }
    }

    fn limited(surroundings: &Surroundings) -> Vec<Check> {
        surroundings.checks().into_iter().filter(|check| check.grade == Grade::Limits).collect()
    }

    #[test]
    fn an_idle_machine_with_a_baseline_is_good_throughout() {
        assert_eq!(limited(&usual()), []);
    }

    #[test]
    fn a_load_over_the_cores_spoils_times_and_not_memory() {
        let checks = limited(&Surroundings { load: Some(3.28), ..usual() });
        assert_eq!(checks[0].finding, "3.28 on 2 CPUs");
        assert_eq!(checks[0].cost, "times are worthless now; memory is not concerned");
        assert_eq!(limited(&Surroundings { load: Some(2.0), ..usual() }), []);
    }

    #[test]
    fn without_a_baseline_the_way_to_one_is_told() {
        let checks = limited(&Surroundings { baselines: Vec::new(), ..usual() });
        assert!(checks[0].cost.contains("exits 4") && checks[0].fix.contains("bless"), "{checks:?}");
    }

    #[test]
    fn a_baseline_across_aslr_is_named_with_its_class() {
        let across_aslr = vec!["sandbox-scaling".into()];
        let checks = limited(&Surroundings { baselines: Vec::new(), across_aslr, ..usual() });
        assert_eq!(checks[0].finding, "sandbox-scaling, of linux-x86_64-4k-thp_madvise-glibc-aslr_on");
        assert_eq!(checks[0].cost, "only growth of anon_mapped and of heap bytes is judged against them");
    }

    #[test]
    fn large_pages_another_c_library_and_a_single_cpu_limit() {
        let class = "linux-aarch64-64k-thp_never-musl-aslr_off".parse().expect("a class");
        let checks = limited(&Surroundings { class, cores: 1, ..usual() });
        assert_eq!(checks.iter().map(|check| check.name).collect::<Vec<_>>(), ["page size", "C library", "CPUs"]);
    }
}
