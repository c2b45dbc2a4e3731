//! What a bench binary would do, written down: the jobs of the selected cases, with their files made.
//! The binary measures by its own plan; `highwater` asks it for one (`--plan FILE`) to run some of its
//! workers again, or those of two revisions by turns.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use highwater_model::{CaseId, Context, Selection, Stage};
use serde::{Deserialize, Serialize};

use crate::Job;

/// The version of the plan's shape.
const VERSION: u32 = 1;

/// The jobs of a family.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    version: u32,
    /// The family.
    pub family: String,
    /// What one unit of the ladder is.
    pub unit: String,
    /// The stage that growth is measured from.
    pub reference: Stage,
    /// Versions and settings that the family tells.
    pub context: Context,
    /// The selected cases, in the family's order.
    pub cases: Vec<Planned>,
}

/// One case of a plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Planned {
    /// What its workers are to do.
    Job(Box<Job>),
    /// It cannot run here.
    NotRun {
        /// The case.
        id: CaseId,
        /// Why.
        reason: String,
    },
}

impl Planned {
    /// The case.
    #[must_use]
    pub fn id(&self) -> &CaseId {
        match self {
            Self::Job(job) => &job.case,
            Self::NotRun { id, .. } => id,
        }
    }
}

/// Why a bench binary gave no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// It could not be started, or its plan not be read.
    #[error("{path}: {source}")]
    Io {
        /// The program or the file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// It refused, or knows no plans.
    #[error("{program}: {said}")]
    Refused {
        /// The program.
        program: PathBuf,
        /// The last line it wrote.
        said: String,
    },
    /// Its plan is of another version.
    #[error("{program}: it speaks another version of highwater: {problem}")]
    Version {
        /// The program.
        program: PathBuf,
        /// What could not be understood.
        problem: String,
    },
}

impl Plan {
    /// A plan of these cases.
    #[must_use]
    pub fn new(family: &str, unit: &str, reference: Stage, context: Context, cases: Vec<Planned>) -> Self {
        Self { version: VERSION, family: family.to_owned(), unit: unit.to_owned(), reference, context, cases }
    }

    /// Asks a bench binary for its plan. Its files will be made below `target`.
    ///
    /// # Errors
    /// When it cannot be run, or answers with none.
    pub fn ask(program: &Path, target: &Path, selection: &Selection, aslr_off: bool) -> Result<Self, PlanError> {
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
        command.args(&selection.filter);
        // stderr, with the progress of making files, is the user's to see unless it fails.
        let output = command.stdin(Stdio::null()).output().map_err(io_error(program))?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            let said = stderr.lines().find(|line| !line.trim().is_empty()).unwrap_or("no word why").to_owned();
            return Err(PlanError::Refused { program: program.to_owned(), said });
        }
        // By its path: the plan was written beside it and renamed.
        let text = fs::read_to_string(file.path()).map_err(io_error(file.path()))?;
        let problem = |problem| PlanError::Version { program: program.to_owned(), problem };
        let plan: Self = serde_json::from_str(&text).map_err(|error| problem(error.to_string()))?;
        match plan.version {
            VERSION => Ok(plan),
            other => Err(problem(format!("its plan is of version {other}, this build reads {VERSION}"))),
        }
    }
}
