//! The target that guests are compiled for: a fixed instruction set level, so that a guest's code and metadata are the
//! same bytes on every machine of a class. By default, an engine compiles for the CPU that it runs on.
//!
//! | target | triple | features |
//! |---|---|---|
//! | `x86-64-v3` | the host's | features of the level for which wasmtime has a flag |
//! | `x86-64` | the host's | none; used if the CPU lacks part of the level |
//! | `aarch64` | the host's | none |
//! | `native` | not set | those that the engine detects |
//!
//! ```ignore
//! if let Some(target) = GuestTarget::chosen()?.settings() {
//!     config.target(target.triple)?;
//!     for flag in target.flags {
//!         unsafe { config.cranelift_flag_enable(flag) };
//!     }
//! }
//! ```

use std::fmt;

/// The environment variable that selects the target: `native`, `baseline` or `x86-64-v3`.
pub const VARIABLE: &str = "HIGHWATER_GUEST_TARGET";

/// The target that guests are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuestTarget {
    /// The CPU that compiles.
    Native,
    /// Every CPU of the architecture.
    Baseline,
    /// x86-64 with AVX2, BMI and FMA (Haswell, Zen, and all later ones).
    X86_64V3,
}

/// The settings of an engine for a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The target triple. Setting it disables detection of the host's features.
    pub triple: &'static str,
    /// The Cranelift flags to enable.
    pub flags: &'static [&'static str],
}

/// The variable has an unsupported value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{VARIABLE} is `{0}`; use `native`, `baseline` or, if this CPU supports it, `x86-64-v3`; unset it for the default"
)]
pub struct UnknownTarget(String);

/// The features of x86-64-v3, as Cranelift names them. Cranelift's preset of that name lacks `has_avx`. F16C, MOVBE and
/// OSXSAVE have no flag, because Cranelift never uses them.
const V3: &[&str] = &[
    "has_cmpxchg16b",
    "has_sse3",
    "has_ssse3",
    "has_sse41",
    "has_sse42",
    "has_popcnt",
    "has_avx",
    "has_avx2",
    "has_fma",
    "has_bmi1",
    "has_bmi2",
    "has_lzcnt",
];

/// The host's triple. An engine can only run code compiled for it.
const TRIPLE: Option<&str> = if cfg!(not(target_os = "linux")) {
    None
} else if cfg!(all(target_arch = "x86_64", target_env = "gnu")) {
    Some("x86_64-unknown-linux-gnu")
} else if cfg!(all(target_arch = "x86_64", target_env = "musl")) {
    Some("x86_64-unknown-linux-musl")
} else if cfg!(all(target_arch = "aarch64", target_env = "gnu")) {
    Some("aarch64-unknown-linux-gnu")
} else if cfg!(all(target_arch = "aarch64", target_env = "musl")) {
    Some("aarch64-unknown-linux-musl")
} else {
    None
};

impl GuestTarget {
    /// The target that [`VARIABLE`] selects. If it is not set, the level that machines of this class have in common.
    ///
    /// # Errors
    /// If the value is not a target, or this CPU does not support it.
    pub fn chosen() -> Result<Self, UnknownTarget> {
        let value = std::env::var_os(VARIABLE).map(|value| value.to_string_lossy().into_owned());
        Self::parse(value.as_deref(), host_has_v3())
    }

    fn parse(value: Option<&str>, has_v3: bool) -> Result<Self, UnknownTarget> {
        match value {
            None | Some("") if TRIPLE.is_none() => Ok(Self::Native),
            None | Some("") if has_v3 => Ok(Self::X86_64V3),
            None | Some("") | Some("baseline") => Ok(Self::Baseline),
            Some("native") => Ok(Self::Native),
            Some("x86-64-v3") if has_v3 => Ok(Self::X86_64V3),
            Some(other) => Err(UnknownTarget(other.to_owned())),
        }
    }

    /// The name of the target, as recorded in the context of a run.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Baseline if cfg!(target_arch = "x86_64") => "x86-64",
            Self::Baseline => std::env::consts::ARCH,
            Self::X86_64V3 => "x86-64-v3",
        }
    }

    /// The engine settings for compiling; `None` for [`GuestTarget::Native`].
    #[must_use]
    pub fn settings(self) -> Option<Settings> {
        let flags = match self {
            Self::Native => return None,
            Self::Baseline => &[],
            Self::X86_64V3 => V3,
        };
        TRIPLE.map(|triple| Settings { triple, flags })
    }

    /// The environment variables that make a worker that compiles by itself select the same target. Empty unless
    /// [`VARIABLE`] is set.
    #[must_use]
    pub fn environment() -> Vec<(String, String)> {
        let value = std::env::var_os(VARIABLE).map(|value| value.to_string_lossy().into_owned());
        value.into_iter().map(|value| (VARIABLE.to_owned(), value)).collect()
    }

    /// The entry of a family's context: the key, and the target's name or the reason why it is missing.
    #[must_use]
    pub fn context() -> (String, String) {
        let name = Self::chosen().map_or_else(|error| error.to_string(), |target| target.name().to_owned());
        ("guest_target".to_owned(), name)
    }
}

impl fmt::Display for GuestTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether this CPU supports the complete level, including features that Cranelift has no flag for.
fn host_has_v3() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        macro_rules! all {
            ($($feature:tt),*) => { true $(&& std::arch::is_x86_feature_detected!($feature))* };
        }
        all!(
            "cmpxchg16b",
            "sse3",
            "ssse3",
            "sse4.1",
            "sse4.2",
            "popcnt",
            "avx",
            "avx2",
            "fma",
            "bmi1",
            "bmi2",
            "lzcnt",
            "f16c",
            "movbe"
        )
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_target_depends_only_on_the_supported_level() {
        if TRIPLE.is_none() {
            return;
        }
        for value in [None, Some("")] {
            assert_eq!(GuestTarget::parse(value, true), Ok(GuestTarget::X86_64V3));
            assert_eq!(GuestTarget::parse(value, false), Ok(GuestTarget::Baseline));
        }
    }

    #[test]
    fn unsupported_and_unknown_targets_are_rejected() {
        assert_eq!(GuestTarget::parse(Some("native"), false), Ok(GuestTarget::Native));
        assert_eq!(GuestTarget::parse(Some("baseline"), true), Ok(GuestTarget::Baseline));
        for (value, has_v3) in [("x86-64-v3", false), ("x86-64-v4", true), ("Native", true)] {
            let error = GuestTarget::parse(Some(value), has_v3).expect_err(value).to_string();
            assert!(error.contains(value) && error.contains("`native`"), "{error}");
        }
    }

    #[test]
    fn only_the_native_target_keeps_feature_detection() {
        assert_eq!(GuestTarget::Native.settings(), None);
        assert_eq!(GuestTarget::Baseline.settings().map(|settings| settings.flags.len()), TRIPLE.map(|_| 0));
        assert_eq!(GuestTarget::X86_64V3.settings().map(|settings| settings.flags), TRIPLE.map(|_| V3));
    }
}
