//! A family and its cases: the only thing a bench crate has to supply.

use std::{
    error::Error,
    path::{Path, PathBuf},
};

use criterion::Bencher;

use super::{Claim, Stages};
use crate::{
    isolate::{Conditions, Limits, Program},
    model::{CaseId, Context, Scale},
};

/// Any error of a family's own; its text ends up in the record.
pub type CaseError = Box<dyn Error + Send + Sync>;

/// What a case's own code returns.
pub type CaseResult<T = ()> = Result<T, CaseError>;

/// Says that a case cannot run here, and why. Returned as an error by [`Case::prepare`] or
/// [`Case::run`], it becomes `not run` in the record.
#[derive(Clone, Debug, thiserror::Error)]
#[error("not run: {0}")]
pub struct NotRun(pub String);

/// One bench crate.
pub struct Family {
    /// Its name, the first part of every case id.
    pub name: &'static str,
    /// What one unit of a ladder is, in the singular: `sandbox`.
    pub unit: &'static str,
    /// The stage that growth is measured from: everything shared is there, no unit is.
    pub reference: &'static str,
    /// Versions and settings worth knowing when two runs differ.
    pub context: Context,
    /// Its lines.
    pub cases: Vec<Box<dyn Case>>,
    /// What people say about its subject.
    pub claims: Vec<Claim>,
}

/// Where a family may keep what it makes.
#[derive(Clone, Copy, Debug)]
pub struct Dirs<'a> {
    /// Files that outlive the run, below cargo's target folder.
    pub cache: &'a Path,
}

/// One line of a family: a strategy and its parameters.
///
/// `prepare` runs in the parent, `run` in a worker of its own, `time` in criterion's hands. `Sync`, because a worker
/// runs it on a thread with a heap that nothing else has used.
pub trait Case: Sync {
    /// The stable name.
    fn id(&self) -> CaseId;

    /// The scales to go through, ascending; empty for a case without units.
    fn ladder(&self) -> Vec<Scale> {
        Vec::new()
    }

    /// Whether `--quick` leaves it out.
    fn is_heavy(&self) -> bool {
        false
    }

    /// Whether a worker that is discarded goes before the samples. A case whose workers bring about
    /// the ground that they stand on, and take seconds for it, can do without.
    fn warms_up(&self) -> bool {
        true
    }

    /// Time and memory that a worker may use.
    fn limits(&self) -> Limits {
        Limits::default()
    }

    /// What is asked of the system for the worker.
    fn conditions(&self) -> Conditions {
        Conditions::default()
    }

    /// What the worker executes: this program again, unless the case is about another one.
    fn program(&self) -> Program {
        Program::Own
    }

    /// The worker's whole environment.
    fn environment(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Makes the files that the worker will need (compiled guests, input data), in the parent. The
    /// worker finds them by [`Stages::input`] in the same order.
    ///
    /// # Errors
    /// [`NotRun`] when the case cannot run here, anything else when making them failed.
    fn prepare(&self, _dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        Ok(Vec::new())
    }

    /// Takes the case through its stages, in a worker of its own. Every `reached` is a pause in
    /// which the parent looks.
    ///
    /// # Errors
    /// Whatever goes wrong; the worker then counts as died.
    fn run(&self, stages: &mut Stages) -> CaseResult;

    /// Names of what criterion times, each a function id below the case's id.
    fn routines(&self) -> &'static [&'static str] {
        &[]
    }

    /// Times one routine.
    ///
    /// # Errors
    /// Whatever goes wrong; the bench run then fails.
    fn time(&self, routine: &str, _inputs: &[PathBuf], _bencher: &mut Bencher<'_>) -> CaseResult {
        Err(format!("{} has no routine {routine}", self.id()).into())
    }
}

/// The version of a package in a `Cargo.lock`, for [`Family::context`]. Where the lock has several, the
/// newest; `wasmtime@43` is the newest of 43.
#[must_use]
pub fn locked_version(lock: &str, package: &str) -> Option<String> {
    let (name, line) = package.split_once('@').unwrap_or((package, ""));
    let field = |entry: &str, key: &str| {
        let value = entry.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))?;
        Some(value.trim_matches('"').to_owned())
    };
    let versions = lock.split("[[package]]").filter(|entry| field(entry, "name").as_deref() == Some(name));
    // Cargo sorts entries of one name by version.
    versions
        .filter_map(|entry| field(entry, "version"))
        .filter(|version| line.is_empty() || version.strip_prefix(line).is_some_and(|rest| rest.starts_with('.')))
        .last()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locked_version_is_found_by_the_whole_name() {
        let lock = "[[package]]\nname = \"wasmtime-environ\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"wasmtime\"\nversion = \"48.0.8\"\n";
        assert_eq!(locked_version(lock, "wasmtime").as_deref(), Some("48.0.8"));
        assert_eq!(locked_version(lock, "wasm"), None);
    }

    #[test]
    fn of_several_versions_the_newest_of_those_asked_for_is_told() {
        let entry = |version: &str| format!("[[package]]\nname = \"wasmtime\"\nversion = \"{version}\"\n\n");
        let lock = ["4.0.0", "43.0.1", "43.0.2", "48.0.8"].map(entry).concat();
        let told = |package| locked_version(&lock, package);
        assert_eq!(told("wasmtime").as_deref(), Some("48.0.8"));
        assert_eq!(told("wasmtime@43").as_deref(), Some("43.0.2"));
        assert_eq!(told("wasmtime@4").as_deref(), Some("4.0.0"));
        assert_eq!(told("wasmtime@5"), None);
    }
}
