//! A project with a git repository and a target folder, on which the command runs as a user would run it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// A project in the target folder of the tests, so that later runs of the tests build less.
pub(crate) struct Project {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
}

impl Project {
    /// The project of a name. What this workspace has compiled of other packages is not compiled again for it.
    pub(crate) fn named(name: &str) -> Self {
        let shared = Path::new(env!("CARGO_BIN_EXE_highwater")).ancestors().nth(2).expect("target/release/highwater");
        let place = shared.join(name);
        let project = Self { root: place.join("workspace"), target: place.join("target") };
        // Only crates of the workspace are built.
        let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec().expect("metadata");
        highwater_cli::bring_dependencies(&build_dir(shared), &project.target, &metadata);
        project
    }

    /// A command in the root of the project.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).env("HIGHWATER_TARGET_DIR", &self.target);
        command.env("CARGO_TARGET_DIR", &self.target).env("CARGO_BUILD_BUILD_DIR", &self.target);
        for name in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{name}_NAME"), "t").env(format!("GIT_{name}_EMAIL"), "t@example.org");
        }
        command
    }

    /// Runs the command of this crate.
    pub(crate) fn highwater(&self, args: &[&str]) -> Output {
        self.command(env!("CARGO_BIN_EXE_highwater")).args(args).output().expect("started")
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        text(&ran(self.command("git").args(args)))
    }

    /// Makes a new repository of the files of the project.
    pub(crate) fn start_repository(&self) {
        let _ = std::fs::remove_dir_all(self.root.join(".git"));
        self.git(&["init", "--quiet"]);
        self.commit("as it is");
    }

    /// Commits everything, and returns the hash.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--no-gpg-sign", "-m", message]);
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// Writes a file, unless it has this content: unchanged files keep their modification time, so that cargo does not
    /// build again.
    pub(crate) fn write(&self, file: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        write_if_changed(&self.root.join(file), content.as_ref());
    }
}

pub(crate) fn write_if_changed(path: &Path, content: &[u8]) {
    if std::fs::read(path).ok().as_deref() != Some(content) {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, content).expect("written");
    }
}

/// Cargo's folder for intermediate artifacts, if configured.
fn build_dir(target: &Path) -> PathBuf {
    std::env::var_os("CARGO_BUILD_BUILD_DIR").map_or_else(|| target.to_owned(), PathBuf::from)
}

pub(crate) fn ran(command: &mut Command) -> Output {
    let output = command.output().expect("started");
    assert!(output.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&output.stderr));
    output
}

pub(crate) fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// Stderr, for messages and searches.
pub(crate) fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
