//! A small project in a repository of its own, whose bench is the example `toy`, so that a revision is compiled in less
//! than a second. Cargo, git and the workers are real.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{self, Output},
};

use assert_cmd::Command;
use tempfile::TempDir;

use super::{Ran, run, toy};

const MANIFEST: &str = "[package]\nname = \"small\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[[bench]]\nname = \"toy\"\nharness = false\n";

/// The project.
pub(crate) struct Project(TempDir);

impl Project {
    /// A project with one commit, whose bench is the family `toy`.
    pub(crate) fn new() -> Self {
        let project = Self(tempfile::tempdir().expect("a folder"));
        project.write("Cargo.toml", MANIFEST);
        project.write("src/lib.rs", "");
        project.write(".gitignore", "/target\n/history\nCargo.lock\n");
        project.write("benches/toy.rs", &becomes_toy(""));
        project.git(&["init", "--quiet"]);
        project.commit("the bench");
        project
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }

    /// Replaces the source of the bench, and makes a commit.
    pub(crate) fn bench(&self, source: &str) -> String {
        self.write("benches/toy.rs", source);
        self.commit("the bench")
    }

    /// Makes a commit of everything, and returns its abbreviated hash.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--no-gpg-sign", "--message", message]);
        self.git(&["rev-parse", "--short=12", "HEAD"])
    }

    /// The output of git.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let output = self.std_command("git").args(arguments).output().expect("git");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        text(&output)
    }

    /// A program in the folder of the project.
    pub(crate) fn std_command(&self, program: &str) -> process::Command {
        let mut command = process::Command::new(program);
        command.current_dir(self.path()).env("COLUMNS", "200");
        for name in ["CARGO_TARGET_DIR", "CARGO_BUILD_BUILD_DIR", "HIGHWATER_TARGET_DIR"] {
            command.env_remove(name);
        }
        for name in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{name}_NAME"), "t").env(format!("GIT_{name}_EMAIL"), "t@example.org");
        }
        command
    }

    pub(crate) fn std_highwater(&self, arguments: &[&str]) -> process::Command {
        let mut command = self.std_command(env!("CARGO_BIN_EXE_highwater"));
        command.args(arguments);
        command
    }

    /// Runs `highwater` in the project.
    pub(crate) fn highwater(&self, arguments: &[&str], status: u8) -> Ran {
        run(Command::from_std(self.std_highwater(arguments)), status.into())
    }

    /// The files below a folder of the project; none if it does not exist.
    pub(crate) fn files(&self, folder: &str) -> Vec<PathBuf> {
        let folder = self.path().join(folder);
        if folder.exists() { super::files_below(&folder) } else { Vec::new() }
    }
}

/// The source of a bench that executes the example `toy`, changed in one way (see the example).
pub(crate) fn becomes_toy(change: &str) -> String {
    let change = if change.is_empty() { String::new() } else { format!(".env(\"TOY_CHANGE\", {change:?})") };
    format!(
        "use std::{{env, os::unix::process::CommandExt, process::Command}};\n\nfn main() {{\n    \
         let error = Command::new({:?}).args(env::args_os().skip(1)){change}.exec();\n    panic!(\"{{error}}\");\n}}\n",
        toy()
    )
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text").trim().to_owned()
}
