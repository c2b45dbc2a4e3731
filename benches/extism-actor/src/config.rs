//! Which components run as actors and how much memory each may use, read from a JSON file and refused with one clear
//! error where it cannot be meant.
//!
//! ```json
//! [{ "component": "image-resize", "metadata": { "memory_limit_mb": 64 } },
//!  { "component": "counter" }]
//! ```
//!
//! One entry alone needs no brackets. Without `metadata` an actor has the default limit.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

/// How much an actor's memories may grow, in whole MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemoryLimit(u32);

impl MemoryLimit {
    /// What an actor has that asks for nothing: 16 MiB (`DEFAULT_MEMORY_LIMIT` of Reflow's document).
    pub const DEFAULT: Self = Self(16);
    /// The most that an actor may ask for: 100 MiB (`MAX_MEMORY_LIMIT` of the same).
    pub const MAX: Self = Self(100);

    /// A limit of so many MiB, from 1 to 100.
    #[must_use]
    pub fn mib(mib: u32) -> Option<Self> {
        (1..=Self::MAX.0).contains(&mib).then_some(Self(mib))
    }

    /// In bytes.
    #[must_use]
    pub fn bytes(self) -> u64 {
        u64::from(self.0) << 20
    }

    /// In wasm pages of 64 KiB, the unit of Extism's manifest.
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
    /// What it may use.
    pub limit: MemoryLimit,
}

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The text is not JSON.
    #[error("{path}: not JSON: {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// What the parser met.
        source: serde_json::Error,
    },
    /// An entry is not what it must be.
    #[error("{path}: entry {entry}: {problem}")]
    Entry {
        /// The file.
        path: PathBuf,
        /// Its place among the entries, from 1.
        entry: usize,
        /// What is wrong.
        problem: Problem,
    },
}

/// What is wrong with an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A key that must be there is not.
    #[error("{key} is missing; {advice}")]
    Missing {
        /// The key.
        key: &'static str,
        /// What to write.
        advice: &'static str,
    },
    /// A value has another type.
    #[error("{key} is {found}, and must be {expected}")]
    WrongType {
        /// The key.
        key: &'static str,
        /// What it is.
        found: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A key that means nothing here: most likely a misspelt one.
    #[error("`{key}` is no key here; there are: {known}")]
    UnknownKey {
        /// The key.
        key: String,
        /// The keys that there are.
        known: &'static str,
    },
    /// A name of no characters.
    #[error("component is empty; name the component to run")]
    NoName,
    /// A limit of nothing.
    #[error("memory_limit_mb is 0, with which no actor can run; leave `metadata` out for {}", MemoryLimit::DEFAULT)]
    Zero,
    /// A limit below nothing.
    #[error("memory_limit_mb is {0}; it must be from 1 to {max}", max = MemoryLimit::MAX.0)]
    Negative(String),
    /// A part of a MiB.
    #[error("memory_limit_mb is {0}; it must be whole MiB")]
    Fractional(String),
    /// More than is allowed.
    #[error("memory_limit_mb is {0}, above the most of {max}", max = MemoryLimit::MAX.0)]
    AboveMaximum(String),
    /// Two entries for one component.
    #[error("component `{component}` has an entry already, entry {first}; keep one")]
    Duplicate {
        /// The component.
        component: String,
        /// The place of the other entry, from 1.
        first: usize,
    },
}

/// Reads a file.
///
/// # Errors
/// [`ConfigError`], for the first thing that is wrong.
pub fn read(path: &Path) -> Result<Vec<ActorConfig>, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Io { path: path.to_owned(), source })?;
    parse(&text, path)
}

/// Reads a file's text; `path` is for the errors.
///
/// # Errors
/// As [`read`].
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
            let advice = "leave `metadata` out for the default of 16 MiB";
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
        // A float that is too large becomes the largest integer, which is above the maximum too.
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
