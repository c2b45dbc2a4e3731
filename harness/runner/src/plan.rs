//! The plan of a bench binary: the jobs of the selected cases, with their files prepared. A bench binary executes its
//! own plan. `highwater` requests one (`--plan FILE`) to run some of its workers again, or to interleave the workers of
//! two revisions.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use highwater_model::{CaseId, Context, Selection, Stage};
use highwater_store::{StoreError, write_atomically};
use serde::{Deserialize, Serialize};

use crate::Job;

/// The version of the plan format.
const VERSION: u32 = 2;

/// The jobs of a family.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    version: u32,
    /// The family.
    pub family: String,
    /// The name of one unit of the ladder.
    pub unit: String,
    /// The stage that growth is measured from.
    pub baseline_stage: Stage,
    /// Versions and settings that the family reports.
    pub context: Context,
    /// The program that the workers of [`highwater_worker::Program::Own`] execute, as an absolute path.
    pub worker: PathBuf,
    /// The selected cases, in the family's order.
    pub cases: Vec<Planned>,
}

/// One case of a plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Planned {
    /// The job of its workers.
    Job(Box<Job>),
    /// It cannot run on this machine.
    NotRun {
        /// The case.
        id: CaseId,
        /// The reason.
        reason: String,
        /// Whether an option of the run left it out.
        #[serde(default)]
        left_out: bool,
    },
    /// Its files could not be prepared.
    NotPrepared {
        /// The case.
        id: CaseId,
        /// The family's error.
        reason: String,
    },
}

impl Planned {
    /// The case.
    #[must_use]
    pub fn id(&self) -> &CaseId {
        match self {
            Self::Job(job) => &job.case,
            Self::NotRun { id, .. } | Self::NotPrepared { id, .. } => id,
        }
    }
}

/// Why there is no plan from a bench binary.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The program could not be started, or its plan could not be read.
    #[error("{path}: {source}")]
    Io {
        /// The program or the file.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// The plan could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The program failed, or does not support plans.
    #[error("{program}: {message}")]
    Refused {
        /// The program.
        program: PathBuf,
        /// The first line of its error output.
        message: String,
    },
    /// The plan has another version.
    #[error("{program}: built with another version of highwater: {problem}")]
    Version {
        /// The program.
        program: PathBuf,
        /// The difference.
        problem: String,
    },
}

impl Plan {
    /// Creates a plan.
    #[must_use]
    pub fn new(
        family: &str,
        unit: &str,
        baseline_stage: Stage,
        context: Context,
        worker: PathBuf,
        cases: Vec<Planned>,
    ) -> Self {
        let (family, unit) = (family.to_owned(), unit.to_owned());
        Self { version: VERSION, family, unit, baseline_stage, context, worker, cases }
    }

    /// Requests the plan of a bench binary, which prepares the files of its cases below `target`.
    ///
    /// # Errors
    /// If the program cannot be run, or does not write a plan.
    pub fn request(program: &Path, target: &Path, selection: &Selection, aslr_off: bool) -> Result<Self, PlanError> {
        let io_error = |path: &Path| {
            let path = path.to_owned();
            move |source| PlanError::Io { path, source }
        };
        let file = tempfile::NamedTempFile::new().map_err(io_error(&std::env::temp_dir()))?;
        let mut command = Command::new(program);
        command.args(["--bench", "--memory-only", "--aslr", if aslr_off { "off" } else { "on" }]);
        command.arg("--plan").arg(file.path()).env("HIGHWATER_TARGET_DIR", target);
        command.args(selection.worker_options.iter().map(|(option, value)| format!("--{option}={value}")));
        if let Some(ladder) = &selection.ladder {
            let scales: Vec<String> = ladder.iter().map(ToString::to_string).collect();
            command.arg(format!("--ladder={}", scales.join(",")));
        }
        command.args(selection.parameters.iter().map(|filter| format!("--param={filter}")));
        command.args(&selection.filter);
        let output = command.stdin(Stdio::null()).output().map_err(io_error(program))?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            let message =
                stderr.lines().find(|line| !line.trim().is_empty()).unwrap_or("failed without a message").to_owned();
            return Err(PlanError::Refused { program: program.to_owned(), message });
        }
        // Read the path and not the open file, because the program replaces the file.
        Self::read(file.path(), program)
    }

    /// Reads the plan that `program` wrote to a file.
    ///
    /// # Errors
    /// If the file cannot be read, or is from another version.
    pub fn read(path: &Path, program: &Path) -> Result<Self, PlanError> {
        let text = fs::read_to_string(path).map_err(|source| PlanError::Io { path: path.to_owned(), source })?;
        let problem = |problem| PlanError::Version { program: program.to_owned(), problem };
        let plan: Self = serde_json::from_str(&text).map_err(|error| problem(error.to_string()))?;
        match plan.version {
            VERSION => Ok(plan),
            other => Err(problem(format!("its plan has version {other}, this build reads {VERSION}"))),
        }
    }

    /// The path of the plan of the last run of a family, in the folder of the records. Workers that confirm a finding
    /// run by it, so that they have the environment, files and options of the first ones.
    #[must_use]
    pub fn path_of_run(folder: &Path, family: &str) -> PathBuf {
        folder.join("plans").join(format!("{family}.json"))
    }

    /// Writes the plan to a file.
    ///
    /// # Errors
    /// If the file or its folder cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), PlanError> {
        let io_error = |source| PlanError::Io { path: path.to_owned(), source };
        let text = serde_json::to_string(self).map_err(|error| io_error(error.into()))?;
        path.parent().map_or(Ok(()), fs::create_dir_all).map_err(io_error)?;
        Ok(write_atomically(path, text.as_bytes())?)
    }
}
