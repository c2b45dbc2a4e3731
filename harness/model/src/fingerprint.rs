//! Which machine and which conditions a run was taken under: the machine class that decides whether
//! two runs may be compared at all, the controls granted to the workers, and the rest as context.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::unique;

/// The comparability key (design §4), spelled out as the folder's name under `baselines/`:
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
    /// The class that differs in nothing but ASLR. Growth of anonymous memory compares across the
    /// two, levels do not.
    #[must_use]
    pub fn with_other_aslr(&self) -> Self {
        Self { aslr_off: !self.aslr_off, ..self.clone() }
    }
}

/// A text that is not the name of a machine class.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a machine class: one reads linux-x86_64-4k-thp_madvise-glibc-aslr_off")]
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
        // One spelling for each: it is the name of a folder.
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

/// What the harness asks of the system for each worker (design §3.1).
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
    /// `RLIMIT_CORE` 0: a worker that dies writes no core file.
    NoCoreFile,
    /// `sched_setaffinity`: the worker on CPUs of its own.
    PinnedCpu,
    /// `RLIMIT_STACK` 8 MiB, whatever the shell that started the run has: the kernel lays out mappings by it.
    StackLimit,
    /// The parent on the other CPUs.
    ParentElsewhere,
    /// Resetting `VmHWM` at the reference stage by `clear_refs`.
    PeakReset,
}

impl Control {
    /// Every control.
    pub const ALL: [Self; 8] = [
        Self::AslrOff,
        Self::ThpOff,
        Self::ParentDeathSignal,
        Self::NoCoreFile,
        Self::PinnedCpu,
        Self::StackLimit,
        Self::ParentElsewhere,
        Self::PeakReset,
    ];
}

impl Control {
    /// Its name in records and baselines.
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
        }
    }
}

/// What became of a control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ControlState {
    /// The system did it.
    Granted,
    /// The system refused, with its reason.
    Refused(String),
    /// The user or the case asked for it not to be done.
    NotAsked,
}

impl ControlState {
    /// Whether the control holds.
    #[must_use]
    pub fn is_granted(&self) -> bool {
        *self == Self::Granted
    }
}

impl fmt::Display for ControlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Granted => f.write_str("granted"),
            Self::Refused(reason) => write!(f, "refused ({reason})"),
            Self::NotAsked => f.write_str("not asked"),
        }
    }
}

/// Facts about the surroundings that do not decide comparability, by name: kernel, CPU, cores,
/// overcommit, engine versions, rustc, commit, load. Their differences are printed above a
/// comparison.
pub type Context = BTreeMap<String, String>;

/// Where and how a run was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// The comparability key.
    pub class: MachineClass,
    /// The controls, each granted or not.
    #[serde(deserialize_with = "unique::map")]
    pub controls: BTreeMap<Control, ControlState>,
    /// The rest.
    #[serde(deserialize_with = "unique::map")]
    pub context: Context,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text is a folder's name in git: it may not change by accident.
    #[test]
    fn controls_are_named_as_in_a_record() {
        for control in Control::ALL {
            assert_eq!(serde_json::to_value(control).expect("a name"), control.name());
        }
    }

    #[test]
    fn the_machine_class_spells_itself_out_and_reads_back() {
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
