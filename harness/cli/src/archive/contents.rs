//! What an archive contains: gathered from the plans of the benches, which name the programs and the files of each case.

use std::{
    collections::BTreeMap,
    env::{self, consts},
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use highwater_model::Selection;
use highwater_runner::{Job, Plan, Planned, context};
use highwater_worker::{
    Program,
    archive::{COMMIT, FOLDER, ROOT, SOURCES},
};
use tempfile::TempDir;

use super::{
    ArchiveError,
    manifest::{FORMAT, Manifest, PackedBench},
};
use crate::{
    CliError,
    ab::{Bench, Workspace},
    paths::BaselineOptions,
};

/// The files of an archive.
pub(super) struct Contents {
    pub(super) manifest: Manifest,
    /// Each file and symbolic link by its path in the archive.
    pub(super) entries: BTreeMap<PathBuf, PathBuf>,
    /// Small files that exist only in the archive.
    pub(super) texts: Vec<(PathBuf, String)>,
    /// What cannot be packed, as sentences.
    pub(super) missing: Vec<String>,
    /// The prepared files, which are removed with it.
    stage: TempDir,
}

impl Contents {
    /// Gathers the files of benches. Those that cases need are prepared afresh, so that nothing else is packed.
    pub(super) fn gather(
        workspace: &Workspace,
        benches: &BTreeMap<String, Bench>,
        baselines: &BaselineOptions,
    ) -> Result<Self, CliError> {
        let own = workspace.target.join("highwater");
        fs::create_dir_all(&own).map_err(at(&own))?;
        let stage = tempfile::Builder::new().prefix("archive-").tempdir_in(&own).map_err(at(&own))?;
        let commit = context().remove("commit");
        let manifest = Manifest {
            format: FORMAT,
            highwater: env!("CARGO_PKG_VERSION").to_owned(),
            arch: consts::ARCH.to_owned(),
            os: consts::OS.to_owned(),
            commit: commit.clone(),
            packed: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            benches: Vec::new(),
        };
        let marker = "Signature: 8a477f597d28d172789f06886806bc55\n# A target folder from `highwater archive`.\n";
        let root = workspace.root.to_string_lossy().into_owned();
        let texts = [
            (Path::new(FOLDER).join(ROOT), root),
            (Path::new(FOLDER).join(COMMIT), commit.unwrap_or_default()),
            ("target/CACHEDIR.TAG".into(), marker.to_owned()),
        ];
        let (entries, missing) = (BTreeMap::new(), Vec::new());
        let mut contents = Self { manifest, entries, texts: texts.into(), missing, stage };
        let stage = contents.stage.path().to_owned();
        for bench in benches.values() {
            let plan = Plan::request(&bench.program, &stage, &Selection::default(), true)?;
            contents.add_bench(workspace, &bench.program, &plan)?;
        }
        contents.add_all(&stage.join("highwater/cache"), Path::new("target/highwater/cache"))?;
        contents.add_all(&baselines.folder, Path::new("baselines"))?;
        if let Some(policy) = &baselines.policy {
            contents.entries.insert("baselines/policy.toml".into(), policy.clone());
        }
        let exe = env::current_exe().map_err(at(Path::new("/proc/self/exe")))?;
        contents.entries.insert("bin/highwater".into(), exe);
        Ok(contents)
    }

    fn add_bench(&mut self, workspace: &Workspace, program: &Path, plan: &Plan) -> Result<(), CliError> {
        let place = place(workspace, program).ok_or_else(|| ArchiveError::Unfit {
            path: program.to_owned(),
            problem: "not in the target folder, so that it cannot be packed".to_owned(),
        })?;
        self.manifest.benches.push(PackedBench { family: plan.family.clone(), program: place.clone() });
        self.entries.insert(place, program.to_owned());
        self.add(workspace, &plan.worker, &plan.family)?;
        for case in &plan.cases {
            match case {
                Planned::Job(job) => self.add_job(workspace, job)?,
                Planned::NotRun { id, reason, .. } => self.missing.push(format!("{id} does not run here: {reason}")),
                Planned::NotPrepared { id, reason } => self.missing.push(format!("{id} has no files: {reason}")),
            }
        }
        Ok(())
    }

    fn add_job(&mut self, workspace: &Workspace, job: &Job) -> Result<(), CliError> {
        let case = job.case.as_str();
        // Relative paths are of prepared files.
        for input in job.inputs.iter().filter(|input| input.is_absolute()) {
            self.add(workspace, input, case)?;
        }
        let (program, arguments) = match &job.program {
            Program::Own => return Ok(()),
            Program::Other { path, args } => (path.clone(), args),
            Program::Unmodified(program) => (PathBuf::from(&program.path), &program.args),
        };
        self.add(workspace, &program, case)?;
        let is_file = |argument: &&Path| argument.is_absolute() && argument.exists();
        for argument in arguments.iter().map(Path::new).filter(is_file) {
            self.add(workspace, argument, case)?;
        }
        Ok(())
    }

    /// Adds a file or folder that `user` needs.
    fn add(&mut self, workspace: &Workspace, path: &Path, user: &str) -> Result<(), CliError> {
        if path.starts_with(self.stage.path()) {
            return Ok(());
        }
        match place(workspace, path) {
            Some(place) => self.add_all(path, &place),
            None => {
                let path = path.display();
                self.missing.push(format!("{path}, which {user} needs, must be on the machine that measures"));
                Ok(())
            }
        }
    }

    /// Adds a file, or all files of a folder, if it exists.
    fn add_all(&mut self, from: &Path, to: &Path) -> Result<(), CliError> {
        let metadata = match fs::symlink_metadata(from) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            metadata => metadata.map_err(at(from))?,
        };
        if !metadata.is_dir() {
            self.entries.insert(to.to_owned(), from.to_owned());
            return Ok(());
        }
        for entry in fs::read_dir(from).map_err(at(from))? {
            let entry = entry.map_err(at(from))?;
            self.add_all(&entry.path(), &to.join(entry.file_name()))?;
        }
        Ok(())
    }
}

/// The path in the archive of a file of the target folder, or of the workspace.
fn place(workspace: &Workspace, path: &Path) -> Option<PathBuf> {
    let within = |root: &Path, folder: &str| Some(Path::new(folder).join(path.strip_prefix(root).ok()?));
    within(&workspace.target, "target").or_else(|| within(&workspace.root, SOURCES))
}

fn at(path: &Path) -> impl Fn(io::Error) -> CliError + use<> {
    let path = path.to_owned();
    move |source| ArchiveError::Io { path: path.clone(), source }.into()
}
