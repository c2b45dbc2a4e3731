//! A small repository with a history store: a handmade record for each commit.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
};

use assert_cmd::Command;
use highwater_model::{CaseRecord, Record, exit};
use highwater_store::write_record;

use super::{Desk, Ran, files_below, highwater, record, run};

/// 2026-01-05T00:00:00Z, a Monday.
const BEGIN: i64 = 1_767_571_200;
const DAY: i64 = 86_400;

/// A desk that is a repository, with a store.
pub(crate) struct Project(pub(crate) Desk);

impl Project {
    pub(crate) fn new(policy: &str) -> Self {
        let project = Self(Desk::new());
        fs::create_dir_all(project.0.baselines()).expect("a folder");
        fs::write(project.0.baselines().join("policy.toml"), policy).expect("written");
        project.git(&["init", "--quiet"], 0);
        project
    }

    pub(crate) fn git(&self, arguments: &[&str], time: i64) -> String {
        let date = format!("@{time} +0000");
        let mut git = process::Command::new("git");
        git.current_dir(self.0.path()).args(["-c", "user.name=a", "-c", "user.email=a@b"]).args(arguments);
        let ran = git.env("GIT_COMMITTER_DATE", &date).env("GIT_AUTHOR_DATE", &date).output().expect("git");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).expect("text").trim().to_owned()
    }

    /// Makes a commit, and records a run of it.
    pub(crate) fn commit(&self, day: i64, change: impl FnOnce(&mut CaseRecord)) -> Ran {
        let time = BEGIN + day * DAY;
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "change"], time);
        let commit = self.git(&["rev-parse", "--short=12", "HEAD"], time);
        self.measured(|record| {
            record.fingerprint.context.insert("commit".into(), commit);
            record.fingerprint.context.insert("run_id".into(), format!("{day}-1"));
            record.fingerprint.context.insert("started".into(), "2026-06-01T00:00:00Z".into());
            change(&mut record.cases[0]);
        });
        self.record(exit::PASSED)
    }

    /// Writes a run.
    pub(crate) fn measured(&self, change: impl FnOnce(&mut Record)) {
        let mut record = record();
        change(&mut record);
        write_record(&self.0.record_path(), &record).expect("written");
    }

    pub(crate) fn record(&self, status: u8) -> Ran {
        run(self.0.judge("record", &["store"]), status.into())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn trend(&self, arguments: &[&str], status: u8) -> Ran {
        run(self.trend_command(arguments), status.into())
    }

    pub(crate) fn trend_command(&self, arguments: &[&str]) -> Command {
        let mut command = highwater(&[&["trend", "--store", "store"], arguments].concat());
        command.current_dir(self.path()).env_remove("CONBENCH_PROJECT_REPOSITORY");
        command
    }

    pub(crate) fn files(&self) -> Vec<PathBuf> {
        files_below(&self.0.path().join("store"))
    }
}
