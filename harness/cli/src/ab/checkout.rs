//! The two revisions as bench binaries: the base checked out into a git worktree below the target
//! folder, both built by cargo as `cargo bench` would.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::Deserialize;

use super::{Untestable, seed::seed};
use crate::CliError;

/// The workspace and its target folder, as cargo tells.
#[derive(Debug, Deserialize)]
pub(super) struct Workspace {
    #[serde(rename = "workspace_root")]
    pub(super) root: PathBuf,
    #[serde(rename = "target_directory")]
    pub(super) target: PathBuf,
    /// Where cargo keeps what it compiles on the way; since cargo 1.91 it may be a folder of its own.
    build_directory: Option<PathBuf>,
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    targets: Vec<Target>,
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
    pub(super) fn build(&self, packages: &[String]) -> Result<BTreeMap<String, Bench>, Untestable> {
        build(&self.root, packages, &[])
    }

    /// Builds those of a checkout, in a target folder of its own.
    pub(super) fn build_at(
        &self,
        checkout: &Checkout,
        packages: &[String],
    ) -> Result<BTreeMap<String, Bench>, Untestable> {
        let own = self.target.join("highwater/ab/target");
        let names = self.packages.iter().flat_map(|package| {
            std::iter::once(&package.name).chain(package.targets.iter().map(|target| &target.name))
        });
        let names: BTreeSet<String> = names.map(|name| name.replace('_', "-")).collect();
        seed(self.build_directory.as_ref().unwrap_or(&self.target), &own, &names);
        build(&checkout.folder, packages, &[("CARGO_TARGET_DIR", &own), ("CARGO_BUILD_BUILD_DIR", &own)])
    }
}

/// A revision checked out beside the working tree, in a git worktree that stays for the next time, so
/// that cargo builds only what differs.
#[derive(Debug)]
pub(super) struct Checkout {
    /// Its workspace.
    folder: PathBuf,
    /// The commit in full.
    pub(super) commit: String,
}

impl Checkout {
    /// Checks a revision out.
    ///
    /// # Errors
    /// [`CliError::Usage`] for a name that git does not know, [`Untestable`] for the rest.
    pub(super) fn of(revision: &str, workspace: &Workspace) -> Result<Self, CliError> {
        let git = |folder: &Path| {
            let mut command = Command::new("git");
            command.arg("-C").arg(folder);
            command
        };
        let here = |args: &[&str]| output(git(&workspace.root).args(args));
        let commit = here(&["rev-parse", "--verify", "--quiet", &format!("{revision}^{{commit}}")])
            .map_err(|_| CliError::Usage(format!("`{revision}` is no revision of this repository")))?
            .trim()
            .to_owned();
        // The workspace may lie below the top of the repository.
        let prefix = here(&["rev-parse", "--show-prefix"])?;
        let root = workspace.target.join("highwater/ab/base");
        let known = here(&["worktree", "list", "--porcelain"])?;
        if known.lines().any(|line| line.strip_prefix("worktree ").is_some_and(|path| Path::new(path) == root))
            && root.is_dir()
        {
            output(git(&root).args(["checkout", "--quiet", "--force", "--detach", &commit]))?;
        } else {
            // Somebody else's, or cut short: `worktree add` says what it cannot overwrite.
            let _ = fs::remove_dir_all(&root);
            let _ = here(&["worktree", "prune"]);
            output(
                git(&workspace.root)
                    .args(["worktree", "add", "--quiet", "--force", "--detach"])
                    .arg(&root)
                    .arg(&commit),
            )?;
        }
        Ok(Self { folder: root.join(prefix.trim()), commit })
    }
}

/// Builds benches and finds their binaries, by the name of the target.
fn build(
    folder: &Path,
    packages: &[String],
    environment: &[(&str, &Path)],
) -> Result<BTreeMap<String, Bench>, Untestable> {
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
    let built = |artefact: Artefact| {
        let Target { name, src_path: source, .. } = artefact.target;
        Some((name, Bench { program: artefact.executable?, source }))
    };
    Ok(benches.filter_map(built).collect())
}

/// A bench that was built.
pub(super) struct Bench {
    /// Its binary.
    pub(super) program: PathBuf,
    /// The source file that cargo compiled.
    pub(super) source: PathBuf,
}

/// cargo's message about something it built.
#[derive(Deserialize)]
struct Artefact {
    target: Target,
    executable: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct Target {
    kind: Vec<String>,
    name: String,
    src_path: PathBuf,
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
