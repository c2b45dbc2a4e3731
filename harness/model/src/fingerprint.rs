//! The machine and the conditions of a run: the machine class, which decides whether two runs are comparable, the
//! controls that the system granted to the workers, and everything else as context.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::unique;

/// Runs are comparable only within one machine class. Its text is the name of a folder in `baselines/`:
/// `linux-x86_64-4k-thp_madvise-glibc-aslr_off`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", schemars(with = "String"))]
pub struct MachineClass {
    /// Operating system: `linux`.
    pub os: String,
    /// Architecture as Rust names it: `x86_64`, `aarch64`.
    pub arch: String,
    /// Page size in bytes.
    pub page_size: u64,
    /// The system's mode of transparent huge pages: `always`, `madvise`, `never`, `unknown`.
    pub thp: String,
    /// C library: `glibc`, `musl`.
    pub libc: String,
    /// Whether the workers ran without address space layout randomisation.
    pub aslr_off: bool,
}

impl MachineClass {
    /// The class that differs only in ASLR. Growth of anonymous memory is comparable between the two, levels are not.
    #[must_use]
    pub fn with_other_aslr(&self) -> Self {
        Self { aslr_off: !self.aslr_off, ..self.clone() }
    }
}

/// The text is not the name of a machine class.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a machine class such as linux-x86_64-4k-thp_madvise-glibc-aslr_off")]
pub struct ClassParseError(String);

impl fmt::Display for MachineClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { os, arch, page_size, thp, libc, aslr_off } = self;
        let aslr = if *aslr_off { "off" } else { "on" };
        write!(f, "{os}-{arch}-{}k-thp_{thp}-{libc}-aslr_{aslr}", page_size / 1024)
    }
}

impl FromStr for MachineClass {
    type Err = ClassParseError;

    fn from_str(text: &str) -> Result<Self, ClassParseError> {
        let word = |text: &str| {
            let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            (!text.is_empty() && text.chars().all(allowed)).then(|| text.to_owned())
        };
        let parts: Vec<&str> = text.split('-').collect();
        let class = match parts.as_slice() {
            [os, arch, page, thp, libc, aslr] => (|| {
                let kib: u64 = page.strip_suffix('k')?.parse().ok()?;
                Some(Self {
                    os: word(os)?,
                    arch: word(arch)?,
                    page_size: kib.checked_mul(1024).filter(|size| size.is_power_of_two())?,
                    thp: word(thp.strip_prefix("thp_")?)?,
                    libc: word(libc)?,
                    aslr_off: match *aslr {
                        "aslr_off" => true,
                        "aslr_on" => false,
                        _ => return None,
                    },
                })
            })(),
            _ => None,
        };
        // The text is the name of a folder, so each class must have exactly one spelling.
        class.filter(|class| class.to_string() == text).ok_or_else(|| ClassParseError(text.to_owned()))
    }
}

impl TryFrom<String> for MachineClass {
    type Error = ClassParseError;

    fn try_from(text: String) -> Result<Self, ClassParseError> {
        text.parse()
    }
}

impl From<MachineClass> for String {
    fn from(class: MachineClass) -> Self {
        class.to_string()
    }
}

/// What the harness requests from the system for each worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// `personality(ADDR_NO_RANDOMIZE)`.
    AslrOff,
    /// `prctl(PR_SET_THP_DISABLE)`.
    ThpOff,
    /// `prctl(PR_SET_PDEATHSIG, SIGKILL)`.
    ParentDeathSignal,
    /// `RLIMIT_CORE` 0: a worker that crashes writes no core file.
    NoCoreFile,
    /// `sched_setaffinity`: the worker is pinned to CPUs that nothing else of the harness uses.
    PinnedCpu,
    /// `RLIMIT_STACK` 8 MiB, regardless of the shell that started the run: the limit changes how the kernel places
    /// mappings.
    StackLimit,
    /// The parent runs on the other CPUs.
    ParentElsewhere,
    /// `VmHWM` is reset at each stage with `clear_refs`.
    PeakReset,
    /// A memory cgroup for each worker.
    MemoryCgroup,
}

impl Control {
    /// Every control.
    pub const ALL: [Self; 9] = [
        Self::AslrOff,
        Self::ThpOff,
        Self::ParentDeathSignal,
        Self::NoCoreFile,
        Self::PinnedCpu,
        Self::StackLimit,
        Self::ParentElsewhere,
        Self::PeakReset,
        Self::MemoryCgroup,
    ];
}

impl Control {
    /// The name in records and baselines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AslrOff => "aslr_off",
            Self::ThpOff => "thp_off",
            Self::ParentDeathSignal => "parent_death_signal",
            Self::NoCoreFile => "no_core_file",
            Self::PinnedCpu => "pinned_cpu",
            Self::StackLimit => "stack_limit",
            Self::ParentElsewhere => "parent_elsewhere",
            Self::PeakReset => "peak_reset",
            Self::MemoryCgroup => "memory_cgroup",
        }
    }
}

/// Whether the system applied a control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ControlState {
    /// The system applied it.
    Granted,
    /// The system refused, for this reason.
    Refused(String),
    /// The user or the case opted out.
    NotAsked,
}

impl ControlState {
    /// Whether the control was applied.
    #[must_use]
    pub fn is_granted(&self) -> bool {
        *self == Self::Granted
    }
}

/// Baselines store this text, so it must not change.
impl fmt::Display for ControlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Granted => f.write_str("granted"),
            Self::Refused(reason) => write!(f, "refused ({reason})"),
            Self::NotAsked => f.write_str("not asked"),
        }
    }
}

/// Facts about the environment that do not decide comparability, by name: kernel, CPU, cores, overcommit, engine
/// versions, rustc, commit, load. A comparison prints their differences.
pub type Context = BTreeMap<String, String>;

/// The machine and the conditions of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// The machine class.
    pub class: MachineClass,
    /// The controls, and whether each was granted.
    #[serde(deserialize_with = "unique::map")]
    pub controls: BTreeMap<Control, ControlState>,
    /// Everything else that is known about the machine and the program.
    #[serde(deserialize_with = "unique::map")]
    pub context: Context,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_names_match_their_names_in_a_record() {
        for control in Control::ALL {
            assert_eq!(serde_json::to_value(control).expect("a name"), control.name());
        }
    }

    /// The text names a folder in git, so it must not change by accident.
    #[test]
    fn a_machine_class_round_trips_through_its_text() {
        let class = MachineClass {
            os: "linux".into(),
            arch: "x86_64".into(),
            page_size: 4096,
            thp: "madvise".into(),
            libc: "glibc".into(),
            aslr_off: true,
        };
        assert_eq!(class.to_string(), "linux-x86_64-4k-thp_madvise-glibc-aslr_off");
        assert_eq!(class.to_string().parse(), Ok(class.clone()));
        assert_eq!(class.with_other_aslr().to_string(), "linux-x86_64-4k-thp_madvise-glibc-aslr_on");
        for text in [
            "",
            "linux-x86_64-4k",
            "linux-x86_64-xk-thp_madvise-glibc-aslr_off",
            "linux-x86_64-0k-thp_madvise-glibc-aslr_off",
            "linux-x86_64-5k-thp_madvise-glibc-aslr_off",
            "linux-x86_64-+4k-thp_madvise-glibc-aslr_off",
            "linux-x86_64-04k-thp_madvise-glibc-aslr_off",
            "../linux-x86_64-4k-thp_madvise-glibc-aslr_off",
            "linux--4k-thp_madvise-glibc-aslr_off",
        ] {
            assert!(text.parse::<MachineClass>().is_err(), "{text}");
        }
    }
}
