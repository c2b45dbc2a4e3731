//! Builds the bench binaries of both revisions. The base is checked out to a git worktree in the target folder, and
//! both are built by cargo as for `cargo bench`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use cargo_metadata::{Message, Metadata, MetadataCommand, TargetKind};

use super::{Untestable, artifacts::bring_dependencies};
use crate::CliError;

/// The workspace and its target folder, from `cargo metadata`.
#[derive(Debug)]
pub(super) struct Workspace {
    pub(super) root: PathBuf,
    pub(super) target: PathBuf,
    metadata: Metadata,
}

impl Workspace {
    /// The workspace around the working directory.
    pub(super) fn find() -> Result<Self, Untestable> {
        let metadata = MetadataCommand::new().no_deps().exec();
        let metadata = metadata.map_err(|error| Untestable(error.to_string().trim().to_owned()))?;
        let (root, target) = (metadata.workspace_root.clone().into(), metadata.target_directory.clone().into());
        Ok(Self { root, target, metadata })
    }

    /// The package whose bench target this binary is: `target/release/deps/yaml_parse-0123` is of the target `yaml-parse`.
    pub(super) fn package_of(&self, program: &Path) -> Option<String> {
        let stem = program.file_stem()?.to_str()?;
        let name = stem.rsplit_once('-').map_or(stem, |(name, _)| name);
        let has_bench = |package: &&cargo_metadata::Package| {
            let mut benches = package.targets.iter().filter(|target| target.is_bench());
            benches.any(|target| target.name.replace('-', "_") == name)
        };
        self.metadata.packages.iter().find(has_bench).map(|package| package.name.to_string())
    }

    /// Builds the bench binaries of the working tree.
    pub(super) fn build(&self, packages: &[String]) -> Result<BTreeMap<String, Bench>, Untestable> {
        build(&self.root, packages, &[])
    }

    /// Builds the bench binaries of a checkout in a separate target folder.
    pub(super) fn build_at(
        &self,
        checkout: &Checkout,
        packages: &[String],
    ) -> Result<BTreeMap<String, Bench>, Untestable> {
        let target = self.target.join("highwater/ab/target");
        // Intermediate artifacts may be in another folder than the target folder since cargo 1.91.
        let artifacts = self.metadata.build_directory.as_ref().unwrap_or(&self.metadata.target_directory);
        bring_dependencies(artifacts.as_std_path(), &target, &self.metadata);
        build(&checkout.folder, packages, &[("CARGO_TARGET_DIR", &target), ("CARGO_BUILD_BUILD_DIR", &target)])
    }
}

/// A revision in a git worktree. The worktree is kept, so that the next build is incremental.
#[derive(Debug)]
pub(super) struct Checkout {
    /// The root of its workspace.
    pub(super) folder: PathBuf,
    /// The full commit hash.
    pub(super) commit: String,
}

impl Checkout {
    /// Checks a revision out.
    ///
    /// # Errors
    /// Returns [`CliError::Usage`] for an unknown revision and [`Untestable`] for all other errors.
    pub(super) fn new(revision: &str, workspace: &Workspace) -> Result<Self, CliError> {
        let git = |folder: &Path| {
            let mut command = Command::new("git");
            command.arg("-C").arg(folder);
            command
        };
        let here = |args: &[&str]| output(git(&workspace.root).args(args));
        let commit = here(&["rev-parse", "--verify", "--quiet", &format!("{revision}^{{commit}}")])
            .map_err(|_| CliError::Usage(format!("`{revision}` is not a revision of this repository")))?
            .trim()
            .to_owned();
        // The workspace may be in a subfolder of the repository.
        let prefix = here(&["rev-parse", "--show-prefix"])?;
        let root = workspace.target.join("highwater/ab/base");
        let known = here(&["worktree", "list", "--porcelain"])?;
        if known.lines().any(|line| line.strip_prefix("worktree ").is_some_and(|path| Path::new(path) == root))
            && root.is_dir()
        {
            output(git(&root).args(["checkout", "--quiet", "--force", "--detach", &commit]))?;
        } else {
            // A leftover of an interrupted run. If it cannot be removed, `worktree add` reports the reason.
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

/// Builds benches and returns their binaries by target name.
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
    let mut benches = BTreeMap::new();
    for message in Message::parse_stream(text.as_bytes()) {
        let message = message.map_err(|error| Untestable(format!("the output of cargo cannot be read: {error}")))?;
        if let Message::CompilerArtifact(artifact) = message
            && artifact.target.is_kind(TargetKind::Bench)
            && let Some(program) = artifact.executable
        {
            let bench = Bench { program: program.into(), source: artifact.target.src_path.into() };
            benches.insert(artifact.target.name, bench);
        }
    }
    Ok(benches)
}

/// A bench target.
pub(super) struct Bench {
    /// Its binary.
    pub(super) program: PathBuf,
    /// The source file that cargo compiled.
    pub(super) source: PathBuf,
}

/// Runs a program and returns its stdout. Its stderr is inherited.
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
