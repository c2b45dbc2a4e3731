//! The two revisions as bench binaries: the base checked out into a git worktree below the target
//! folder, both built by cargo as `cargo bench` would, dependencies shared.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::Deserialize;

use super::Untestable;

/// The workspace and its target folder, as cargo tells.
#[derive(Debug, Deserialize)]
pub(super) struct Workspace {
    #[serde(rename = "workspace_root")]
    pub(super) root: PathBuf,
    #[serde(rename = "target_directory")]
    pub(super) target: PathBuf,
    /// Where cargo keeps what it compiles on the way; since cargo 1.91 it may be a folder of its own.
    build_directory: Option<PathBuf>,
}

impl Workspace {
    /// The workspace around the working directory.
    pub(super) fn find() -> Result<Self, Untestable> {
        let mut cargo = Command::new("cargo");
        cargo.args(["metadata", "--no-deps", "--format-version", "1", "--quiet"]);
        let text = output(&mut cargo)?;
        serde_json::from_str(&text).map_err(|error| Untestable(format!("cargo metadata: {error}")))
    }

    /// Builds the bench binaries of the working tree.
    pub(super) fn build(&self, packages: &[String]) -> Result<BTreeMap<String, PathBuf>, Untestable> {
        build(&self.root, packages, &[])
    }

    /// Builds those of a checkout, with compiled dependencies shared and artefacts apart.
    pub(super) fn build_at(
        &self,
        checkout: &Checkout,
        packages: &[String],
    ) -> Result<BTreeMap<String, PathBuf>, Untestable> {
        let shared = self.build_directory.as_ref().unwrap_or(&self.target);
        let apart = self.target.join("highwater/ab/target");
        build(&checkout.folder, packages, &[("CARGO_BUILD_BUILD_DIR", shared), ("CARGO_TARGET_DIR", &apart)])
    }
}

/// A revision checked out beside the working tree; the worktree goes when this is dropped.
#[derive(Debug)]
pub(super) struct Checkout {
    repository: PathBuf,
    /// The worktree.
    root: PathBuf,
    /// Its workspace.
    folder: PathBuf,
    /// The commit in full.
    pub(super) commit: String,
}

impl Checkout {
    /// Checks a revision out, always into the same folder, so that cargo builds only what changed.
    pub(super) fn of(revision: &str, workspace: &Workspace) -> Result<Self, Untestable> {
        let git = |args: &[&str]| output(Command::new("git").arg("-C").arg(&workspace.root).args(args));
        let commit = git(&["rev-parse", "--verify", "--quiet", &format!("{revision}^{{commit}}")])
            .map_err(|_| Untestable(format!("`{revision}` is no revision of this repository")))?
            .trim()
            .to_owned();
        // The workspace may lie below the top of the repository.
        let prefix = git(&["rev-parse", "--show-prefix"])?;
        let root = workspace.target.join("highwater/ab/base");
        let repository = workspace.root.clone();
        let checkout = Self { folder: root.join(prefix.trim()), repository, root, commit };
        checkout.remove();
        let place = checkout.root.to_string_lossy();
        git(&["worktree", "add", "--quiet", "--force", "--detach", &place, &checkout.commit])?;
        Ok(checkout)
    }

    fn remove(&self) {
        // Left over from a run that was killed, or never there: what remains is told by `worktree add`.
        let _ = fs::remove_dir_all(&self.root);
        let _ = Command::new("git").arg("-C").arg(&self.repository).args(["worktree", "prune"]).status();
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Builds benches and finds their binaries, by the name of the target.
fn build(
    folder: &Path,
    packages: &[String],
    environment: &[(&str, &Path)],
) -> Result<BTreeMap<String, PathBuf>, Untestable> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(folder).args(["bench", "--no-run", "--quiet", "--message-format=json-render-diagnostics"]);
    match packages {
        [] => cargo.arg("--workspace"),
        named => cargo.args(named.iter().flat_map(|name| ["--package", name])),
    };
    let text = output(cargo.args(["--benches"]).envs(environment.iter().copied()))
        .map_err(|error| Untestable(format!("{} does not build: {error}", folder.display())))?;
    let artefacts = text.lines().filter_map(|line| serde_json::from_str::<Artefact>(line).ok());
    let benches = artefacts.filter(|artefact| artefact.target.kind.iter().any(|kind| kind == "bench"));
    Ok(benches.filter_map(|artefact| Some((artefact.target.name, artefact.executable?))).collect())
}

/// cargo's message about something it built.
#[derive(Deserialize)]
struct Artefact {
    target: Target,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    name: String,
}

/// What a program wrote to stdout. Its stderr is the user's.
fn output(command: &mut Command) -> Result<String, Untestable> {
    let name = command.get_program().to_string_lossy().into_owned();
    let ran = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = ran.map_err(|error| Untestable(format!("{name}: {error}")))?;
    if !output.status.success() {
        let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
        return Err(Untestable(format!("`{name} {}` failed ({})", arguments.join(" "), output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
