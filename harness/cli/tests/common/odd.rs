//! Runs of the example `odd`, whose workers misbehave.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use highwater_model::{CaseRecord, Outcome, Record};
use highwater_store::read_record;
use tempfile::TempDir;

use super::example;

/// The example, built once per test binary.
fn program() -> &'static Path {
    static ODD: OnceLock<PathBuf> = OnceLock::new();
    ODD.get_or_init(|| example::build("odd"))
}

/// A temporary target folder for runs of the example.
pub(crate) struct OddDesk(TempDir);

impl OddDesk {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// A run of these cases, with one worker each.
    pub(crate) fn bench(&self, cases: &[String]) -> Command {
        let mut command = Command::new(program());
        command.args(["--bench", "--memory-only", "--samples", "1"]).env("HIGHWATER_TARGET_DIR", self.path());
        command.env("ODD_CASES", cases.join(","));
        command
    }

    pub(crate) fn record_path(&self) -> PathBuf {
        self.path().join("highwater/odd.json")
    }

    /// The record, which must be readable.
    pub(crate) fn record(&self) -> Record {
        read_record(&self.record_path()).expect("a record that was written can be read")
    }

    /// The live processes that work in this folder: workers and what they have started. Their command lines.
    pub(crate) fn workers(&self) -> Vec<String> {
        workers_in(self.path())
    }
}

/// The command lines of the live processes whose working directory is in `folder`.
pub(crate) fn workers_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir("/proc").expect("a folder").flatten().map(|entry| entry.path());
    let working = entries.filter(|path| fs::read_link(path.join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder)));
    working.map(|path| fs::read_to_string(path.join("cmdline")).unwrap_or_default()).collect()
}

/// The only failure of a case.
pub(crate) fn failure<'a>(record: &'a Record, case: &str) -> &'a Outcome {
    let id = format!("odd/{case}");
    let case: &CaseRecord = record.case(&id).unwrap_or_else(|| panic!("no case {id}"));
    match case.failures.as_slice() {
        [failure] => &failure.outcome,
        others => panic!("{id}: {} failures, {} samples, {:?}", others.len(), case.samples, case.not_run),
    }
}
