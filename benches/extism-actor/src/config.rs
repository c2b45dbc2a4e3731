//! The actor host's configuration file: which components run as actors and how much memory each may use. The file is
//! JSON, and invalid values are rejected with one error.
//!
//! ```json
//! [{ "component": "image-resize", "metadata": { "memory_limit_mb": 64 } },
//!  { "component": "counter" }]
//! ```
//!
//! A single entry needs no brackets. Without `metadata`, an actor has the default limit.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

/// The maximum size of an actor's memories, in whole MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemoryLimit(u32);

impl MemoryLimit {
    /// The limit of an actor that does not configure one: 16 MiB (`DEFAULT_MEMORY_LIMIT` in Reflow's document).
    pub const DEFAULT: Self = Self(16);
    /// The largest limit that can be configured: 100 MiB (`MAX_MEMORY_LIMIT` in Reflow's document).
    pub const MAX: Self = Self(100);

    /// Creates a limit in MiB, or returns `None` if `mib` is not from 1 to 100.
    #[must_use]
    pub fn mib(mib: u32) -> Option<Self> {
        (1..=Self::MAX.0).contains(&mib).then_some(Self(mib))
    }

    /// The limit in bytes.
    #[must_use]
    pub fn bytes(self) -> u64 {
        u64::from(self.0) << 20
    }

    /// The limit in wasm pages of 64 KiB, the unit of Extism's manifest.
    #[must_use]
    pub fn pages(self) -> u32 {
        self.0 * 16
    }
}

impl std::fmt::Display for MemoryLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} MiB", self.0)
    }
}

/// One entry of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorConfig {
    /// The component to run.
    pub component: String,
    /// The memory limit of each actor.
    pub limit: MemoryLimit,
}

/// An error in reading a configuration file.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system error.
        source: std::io::Error,
    },
    /// The text is not JSON.
    #[error("{path}: not JSON: {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// The parser error.
        source: serde_json::Error,
    },
    /// An entry is invalid.
    #[error("{path}: entry {entry}: {problem}")]
    Entry {
        /// The file.
        path: PathBuf,
        /// The position of the entry, from 1.
        entry: usize,
        /// The problem.
        problem: Problem,
    },
}

/// A problem with an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A required key is missing.
    #[error("{key} is missing; {advice}")]
    Missing {
        /// The key.
        key: &'static str,
        /// What to do about it.
        advice: &'static str,
    },
    /// A value has the wrong type.
    #[error("{key} is {found}, but must be {expected}")]
    WrongType {
        /// The key.
        key: &'static str,
        /// The value or type found.
        found: String,
        /// The expected type.
        expected: &'static str,
    },
    /// A key is unknown, for example because of a typo.
    #[error("unknown key `{key}`; expected {known}")]
    UnknownKey {
        /// The key.
        key: String,
        /// The known keys.
        known: &'static str,
    },
    /// The component name is empty.
    #[error("component is empty; name the component to run")]
    NoName,
    /// The limit is zero.
    #[error("memory_limit_mb is 0, but an actor needs memory; omit `metadata` for {}", MemoryLimit::DEFAULT)]
    Zero,
    /// The limit is negative.
    #[error("memory_limit_mb is {0}; it must be from 1 to {max}", max = MemoryLimit::MAX.0)]
    Negative(String),
    /// The limit is not a whole number.
    #[error("memory_limit_mb is {0}; it must be a whole number of MiB")]
    Fractional(String),
    /// The limit is larger than allowed.
    #[error("memory_limit_mb is {0}, above the maximum of {max}", max = MemoryLimit::MAX.0)]
    AboveMaximum(String),
    /// The component has another entry.
    #[error("component `{component}` duplicates entry {first}; keep one")]
    Duplicate {
        /// The component.
        component: String,
        /// The position of the other entry, from 1.
        first: usize,
    },
}

/// Reads a configuration file.
///
/// # Errors
/// [`ConfigError`] for the first problem found.
pub fn read(path: &Path) -> Result<Vec<ActorConfig>, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Io { path: path.to_owned(), source })?;
    parse(&text, path)
}

/// Parses the text of a configuration file. `path` is used in error messages.
///
/// # Errors
/// See [`read`].
pub fn parse(text: &str, path: &Path) -> Result<Vec<ActorConfig>, ConfigError> {
    let root = serde_json::from_str(text).map_err(|source| ConfigError::Json { path: path.to_owned(), source })?;
    let entries = match root {
        Value::Array(entries) => entries,
        one => vec![one],
    };
    let mut actors: Vec<ActorConfig> = Vec::new();
    for (index, value) in entries.iter().enumerate() {
        let bad = |problem| ConfigError::Entry { path: path.to_owned(), entry: index + 1, problem };
        let actor = entry(value).map_err(bad)?;
        if let Some(first) = actors.iter().position(|other| other.component == actor.component) {
            return Err(bad(Problem::Duplicate { component: actor.component, first: first + 1 }));
        }
        actors.push(actor);
    }
    Ok(actors)
}

fn entry(value: &Value) -> Result<ActorConfig, Problem> {
    let entry = object("the entry", value)?;
    only(entry, &["component", "metadata"], "component, metadata")?;
    let component = match entry.get("component") {
        None => return Err(Problem::Missing { key: "component", advice: "name the component to run" }),
        Some(Value::String(name)) if name.trim().is_empty() => return Err(Problem::NoName),
        Some(Value::String(name)) => name.clone(),
        Some(other) => return Err(wrong("component", other, "text")),
    };
    let limit = match entry.get("metadata") {
        None => MemoryLimit::DEFAULT,
        Some(metadata) => {
            let metadata = object("metadata", metadata)?;
            only(metadata, &["memory_limit_mb"], "memory_limit_mb")?;
            let advice = "omit `metadata` for the default of 16 MiB";
            limit(metadata.get("memory_limit_mb").ok_or(Problem::Missing { key: "memory_limit_mb", advice })?)?
        }
    };
    Ok(ActorConfig { component, limit })
}

fn limit(value: &Value) -> Result<MemoryLimit, Problem> {
    let Value::Number(number) = value else { return Err(wrong("memory_limit_mb", value, "a number of MiB")) };
    let text = number.to_string();
    let mib = number.as_f64().unwrap_or(f64::INFINITY);
    if mib == 0.0 {
        Err(Problem::Zero)
    } else if mib < 0.0 {
        Err(Problem::Negative(text))
    } else if mib.fract() != 0.0 {
        Err(Problem::Fractional(text))
    } else {
        // The cast saturates, and the largest integer is above the maximum too.
        MemoryLimit::mib(mib as u32).ok_or(Problem::AboveMaximum(text))
    }
}

fn object<'a>(key: &'static str, value: &'a Value) -> Result<&'a Map<String, Value>, Problem> {
    value.as_object().ok_or_else(|| wrong(key, value, "an object"))
}

fn only(object: &Map<String, Value>, keys: &[&str], known: &'static str) -> Result<(), Problem> {
    let known_keys: BTreeSet<&str> = keys.iter().copied().collect();
    match object.keys().find(|key| !known_keys.contains(key.as_str())) {
        Some(key) => Err(Problem::UnknownKey { key: key.clone(), known }),
        None => Ok(()),
    }
}

fn wrong(key: &'static str, value: &Value, expected: &'static str) -> Problem {
    let found = match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    };
    Problem::WrongType { key, found, expected }
}
