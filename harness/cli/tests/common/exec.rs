//! Runs of unmodified programs with `highwater exec`.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use highwater_model::{CaseRecord, Record};
use highwater_store::read_record;

use super::{Desk, Ran, run};

/// The size of the pages that figures are compared by.
pub(crate) const PAGE: u64 = 4096;

/// An interpreter of Python, not one of the shell scripts that choose a version.
pub(crate) fn python() -> &'static str {
    let found = ["/usr/bin/python3", "/usr/local/bin/python3"].into_iter().find(|path| Path::new(path).exists());
    found.unwrap_or("python3")
}

/// Options of Python with which it does the same in every worker.
pub(crate) const ISOLATED: [&str; 2] = ["-I", "-S"];

impl Desk {
    /// `highwater exec` with the folders of this desk.
    pub(crate) fn std_exec<S: AsRef<OsStr>>(&self, flags: &[&str], command: &[S]) -> Command {
        let mut exec = self.std_judge("exec", flags);
        exec.arg("--").args(command).env("PYTHONHASHSEED", "0").env("COLUMNS", "400");
        exec
    }

    /// Runs it, and asserts its exit status.
    pub(crate) fn exec<S: AsRef<OsStr>>(&self, flags: &[&str], command: &[S], status: u8) -> Ran {
        run(assert_cmd::Command::from_std(self.std_exec(flags, command)), status.into())
    }

    /// The record of a name.
    pub(crate) fn record_of(&self, name: &str) -> Record {
        read_record(&self.run_folder().join(format!("{name}.json"))).expect("a record")
    }

    /// Runs a Python script once, after a warm-up, and returns its case. `arguments` are those of the script.
    pub(crate) fn python(&self, flags: &[&str], script: &str, arguments: &[&str]) -> CaseRecord {
        let command = [&[python()], &ISOLATED[..], &["-c", script], arguments].concat();
        let ran = self.exec(&[&["--samples", "1", "--name", "script"], flags].concat(), &command, 0);
        let case = self.record_of("script").cases.remove(0);
        assert_eq!((case.samples, case.failures.as_slice()), (1, &[][..]), "{}\n{}", ran.stdout, ran.stderr);
        case
    }

    /// A file in the folder of the desk.
    pub(crate) fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path().join(name)
    }
}

/// The value of a quantity at a stage, of the only worker.
pub(crate) fn value(case: &CaseRecord, stage: &str, quantity: &str) -> u64 {
    let columns = case.stage(&stage.parse().expect("a stage")).unwrap_or_else(|| panic!("{stage} was not reached"));
    let quantity = quantity.parse().expect("a quantity");
    columns.memory.get(&quantity).and_then(|series| series.at(0)).unwrap_or_else(|| panic!("{quantity} was not read"))
}

/// The names of the stages.
pub(crate) fn stages(case: &CaseRecord) -> Vec<String> {
    case.stages.iter().map(|columns| columns.stage.to_string()).collect()
}

/// Asserts that two sizes differ by at most `pages` pages.
pub(crate) fn within_pages(measured: u64, expected: u64, pages: u64) {
    assert!(measured.abs_diff(expected) <= pages * PAGE, "{measured} is not within {pages} pages of {expected}");
}
