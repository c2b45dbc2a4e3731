//! Builds the bench binaries of revisions, by cargo as for `cargo bench`. Other revisions than the working tree are
//! checked out to git worktrees in the target folder. `backfill` does this with many revisions in one worktree.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use cargo_metadata::{Message, Metadata, MetadataCommand, TargetKind};
use highwater_report::terminal::note;
use highwater_store::FolderLock;

use super::{Untestable, WORKING_TREE, artifacts::bring_dependencies, pair::Built};
use crate::CliError;

/// Where a revision is checked out and built, below `target/highwater/ab`. Cargo gives the artifacts of the workspace
/// the same names in every checkout, so each place has a target folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    sources: &'static str,
    target: &'static str,
}

impl Place {
    /// The base of a comparison.
    pub(crate) const BASE: Self = Self { sources: "base", target: "target" };
    /// A revision that is compared with the base in place of the working tree.
    pub(crate) const CANDIDATE: Self = Self { sources: "candidate", target: "candidate-target" };
    /// The base with other versions of dependencies.
    pub(crate) const BASE_VERSIONS: Self = Self { sources: "base-versions", target: "base-versions-target" };
    /// The working tree with other versions of dependencies.
    pub(crate) const VERSIONS: Self = Self { sources: "versions", target: "versions-target" };
    /// The same with yet others.
    pub(crate) const CANDIDATE_VERSIONS: Self =
        Self { sources: "candidate-versions", target: "candidate-versions-target" };
}

/// The workspace and its target folder, from `cargo metadata`.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    metadata: Metadata,
}

impl Workspace {
    /// The workspace around the working directory.
    pub(crate) fn find() -> Result<Self, Untestable> {
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

    /// Builds the bench binaries of the working tree. `name` is what it is called.
    pub(crate) fn build(&self, name: &str, packages: &[String]) -> Result<Built, Untestable> {
        let benches = build(&mut build_command(&self.root, packages))?;
        Ok(Built { name: name.to_owned(), commit: WORKING_TREE.to_owned(), root: self.root.clone(), benches })
    }

    /// Highwater's part of the target folder.
    pub(crate) fn folder(&self) -> PathBuf {
        self.target.join("highwater")
    }

    /// Keeps other runs away from the folder.
    ///
    /// # Errors
    /// If the folder cannot be made or locked.
    pub(crate) fn lock(&self) -> Result<FolderLock, CliError> {
        let folder = self.folder();
        fs::create_dir_all(&folder).map_err(|source| CliError::Io { path: folder.clone(), source })?;
        Ok(FolderLock::take(&folder, |line| note(line))?)
    }

    /// The root of the sources of a place, which contain the workspace.
    pub(super) fn sources(&self, place: Place) -> PathBuf {
        self.folder().join("ab").join(place.sources)
    }

    /// Builds the bench binaries of the workspace in a folder below the sources of a place.
    pub(super) fn build_at(
        &self,
        place: Place,
        folder: &Path,
        packages: &[String],
    ) -> Result<BTreeMap<String, Bench>, Untestable> {
        let target = self.folder().join("ab").join(place.target);
        build(&mut self.build_command(folder, packages, &target))
    }

    /// The command that builds the bench binaries of a checkout in another target folder, which gets the dependencies
    /// that are compiled here. [`benches`] reads its output.
    pub(crate) fn build_command(&self, folder: &Path, packages: &[String], target: &Path) -> Command {
        // Intermediate artifacts may be in another folder than the target folder since cargo 1.91.
        let artifacts = self.metadata.build_directory.as_ref().unwrap_or(&self.metadata.target_directory);
        bring_dependencies(artifacts.as_std_path(), target, &self.metadata);
        let mut command = build_command(folder, packages);
        command.env("CARGO_TARGET_DIR", target).env("CARGO_BUILD_BUILD_DIR", target);
        command
    }

    /// The names of the bench targets of these packages, of all without any.
    pub(crate) fn bench_names(&self, packages: &[String]) -> BTreeSet<String> {
        let is_wanted = |package: &&cargo_metadata::Package| {
            packages.is_empty() || packages.iter().any(|name| *name == package.name.as_str())
        };
        let targets = self.metadata.packages.iter().filter(is_wanted).flat_map(|package| &package.targets);
        targets.filter(|target| target.is_bench()).map(|target| target.name.clone()).collect()
    }
}

/// A revision in a git worktree. The worktree is kept, so that the next build is incremental.
#[derive(Debug)]
pub(crate) struct Checkout {
    /// The root of its workspace.
    pub(crate) folder: PathBuf,
    /// The full commit hash.
    pub(crate) commit: String,
}

impl Checkout {
    /// Checks a revision out to a place.
    ///
    /// # Errors
    /// Returns [`CliError::Usage`] for an unknown revision and [`Untestable`] for all other errors.
    pub(crate) fn new(revision: &str, place: Place, workspace: &Workspace) -> Result<Self, CliError> {
        let root = workspace.sources(place);
        // A lock file that is not in the repository is that of an earlier checkout, perhaps with other versions.
        if place == Place::BASE_VERSIONS
            && let Ok(prefix) = output(git(&workspace.root).args(["rev-parse", "--show-prefix"]))
        {
            let _ = fs::remove_file(root.join(prefix.trim()).join("Cargo.lock"));
        }
        Self::at(revision, workspace, &root)
    }

    /// Checks a revision out to a folder.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub(crate) fn at(revision: &str, workspace: &Workspace, root: &Path) -> Result<Self, CliError> {
        let here = |args: &[&str]| output(git(&workspace.root).args(args));
        let commit = Self::commit(revision, workspace)?;
        // The workspace may be in a subfolder of the repository.
        let prefix = here(&["rev-parse", "--show-prefix"])?;
        let known = here(&["worktree", "list", "--porcelain"])?;
        if known.lines().any(|line| line.strip_prefix("worktree ").is_some_and(|path| Path::new(path) == root))
            && root.is_dir()
        {
            output(git(root).args(["checkout", "--quiet", "--force", "--detach", &commit]))?;
        } else {
            // A leftover of an interrupted run. If it cannot be removed, `worktree add` reports the reason.
            let _ = fs::remove_dir_all(root);
            let _ = here(&["worktree", "prune"]);
            output(
                git(&workspace.root).args(["worktree", "add", "--quiet", "--force", "--detach"]).arg(root).arg(&commit),
            )?;
        }
        Ok(Self { folder: root.join(prefix.trim()), commit })
    }

    /// The full hash of a revision.
    ///
    /// # Errors
    /// Returns [`CliError::Usage`] for an unknown revision.
    pub(crate) fn commit(revision: &str, workspace: &Workspace) -> Result<String, CliError> {
        let object = format!("{revision}^{{commit}}");
        let commit = output(git(&workspace.root).args(["rev-parse", "--verify", "--quiet", &object]));
        let unknown = |_| CliError::Usage(format!("`{revision}` is not a revision of this repository"));
        Ok(commit.map_err(unknown)?.trim().to_owned())
    }

    /// Builds its benches. `name` is what the revision is called.
    ///
    /// # Errors
    /// Returns [`Untestable`] if it does not build.
    pub(crate) fn build(
        self,
        name: &str,
        place: Place,
        workspace: &Workspace,
        packages: &[String],
    ) -> Result<Built, CliError> {
        let benches = workspace.build_at(place, &self.folder, packages)?;
        Ok(Built { name: name.to_owned(), commit: self.commit, root: self.folder, benches })
    }
}

/// Git in a folder.
fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder);
    command
}

/// The command that builds benches.
fn build_command(folder: &Path, packages: &[String]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(folder).args(["bench", "--no-run", "--quiet", "--message-format=json-render-diagnostics"]);
    match packages {
        [] => cargo.arg("--workspace"),
        named => cargo.args(named.iter().flat_map(|name| ["--package", name])),
    };
    cargo.args(["--benches"]);
    cargo
}

/// Builds benches and returns their binaries by target name.
fn build(command: &mut Command) -> Result<BTreeMap<String, Bench>, Untestable> {
    let folder = command.get_current_dir().unwrap_or(Path::new(".")).to_owned();
    let text = output(command).map_err(|error| Untestable(format!("{} does not build: {error}", folder.display())))?;
    benches(&text)
}

/// The benches that cargo built, by target name.
pub(crate) fn benches(output: &str) -> Result<BTreeMap<String, Bench>, Untestable> {
    let mut benches = BTreeMap::new();
    for message in Message::parse_stream(output.as_bytes()) {
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
pub(crate) struct Bench {
    /// Its binary.
    pub(crate) program: PathBuf,
    /// The source file that cargo compiled.
    pub(crate) source: PathBuf,
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
