//! Python parsers, run in workers that are Python programs: `peers/worker.py` implements the stage protocol.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use highwater_model::CaseId;
use highwater_worker::{Case, CaseResult, Dirs, NotRun, Program, Stages, archive};

use crate::generate::{Input, SIZE};

/// A Python parser.
#[derive(Clone, Copy, Debug)]
pub struct PythonPeer {
    name: &'static str,
    module: &'static str,
}

impl PythonPeer {
    /// All Python parsers.
    pub const ALL: [Self; 8] = [
        Self { name: "pyyaml", module: "yaml" },
        Self { name: "pyyaml-c", module: "yaml/_yaml" },
        Self { name: "ruamel", module: "ruamel/yaml" },
        Self { name: "rapidyaml", module: "ryml" },
        Self { name: "libfyaml", module: "libfyaml" },
        Self { name: KEPT, module: "libfyaml" },
        // From a string, with the arena trimmed after parsing (the default) and not.
        Self { name: "libfyaml-string", module: "libfyaml" },
        Self { name: "libfyaml-untrimmed", module: "libfyaml" },
    ];
}

/// libfyaml reopens a file that it has kept in its cache.
const KEPT: &str = "libfyaml-kept";

const WORKER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/worker.py");

/// The virtual environment that `just peers-python` creates, relative to cargo's target folder.
const ENVIRONMENT: &str = "highwater/peers-python";

fn environment() -> PathBuf {
    let target = match env::var_os("HIGHWATER_TARGET_DIR").or_else(|| env::var_os("CARGO_TARGET_DIR")) {
        Some(target) => PathBuf::from(target),
        None => PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target")),
    };
    target.join(ENVIRONMENT)
}

/// Returns the folder of packages in the environment. Its path contains the version of Python.
fn packages() -> Option<PathBuf> {
    let library = environment().join("lib").read_dir().ok()?.flatten().next()?;
    Some(library.path().join("site-packages"))
}

impl PythonPeer {
    /// The arguments of Python. It finds its environment by the name of its executable, which is that of a worker here.
    /// So pass the folder of packages explicitly and disable the default search path.
    fn arguments(self) -> Vec<OsString> {
        let packages = packages().unwrap_or_default();
        let worker = archive::source(WORKER).into_os_string();
        let arguments = ["-E".into(), "-S".into(), worker, self.name.into()].into_iter();
        arguments.chain([packages.into()]).collect()
    }

    /// Has libfyaml keep the parsed file, so that no worker parses it.
    fn keep(self, input: &Path) -> CaseResult {
        let python = environment().join("bin/python");
        let output = Command::new(&python).args(self.arguments()).arg("keep").arg(input).output();
        let output = output.map_err(|error| format!("{}: {error}", python.display()))?;
        if output.status.success() {
            return Ok(());
        }
        let message = String::from_utf8_lossy(&output.stderr);
        Err(format!("libfyaml cannot keep {}: {}", input.display(), message.trim().lines().last().unwrap_or_default())
            .into())
    }
}

impl Case for PythonPeer {
    fn id(&self) -> CaseId {
        CaseId::new("yaml-parse", "peer-python", &[("parser", self.name)]).expect("names are lower case words")
    }

    fn is_heavy(&self) -> bool {
        true
    }

    fn limits(&self) -> highwater_worker::Limits {
        highwater_worker::Limits { time: std::time::Duration::from_secs(120), memory: None }
    }

    fn program(&self) -> Program {
        Program::Other { path: environment().join("bin/python"), args: self.arguments() }
    }

    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        let (folder, name) = self.module.rsplit_once('/').unwrap_or(("", self.module));
        let entries = packages().and_then(|packages| packages.join(folder).read_dir().ok());
        let named = |entry: fs::DirEntry| entry.file_name().to_string_lossy().split('.').next() == Some(name);
        let found = entries.is_some_and(|entries| entries.flatten().any(named));
        if !found {
            return Err(NotRun(format!("{} is not installed; run `just peers-python`", self.name)).into());
        }
        let input = Input::Repeat.file(SIZE, dirs.cache)?;
        if self.name == KEPT {
            self.keep(&input)?;
        }
        Ok(vec![input])
    }

    fn run(&self, _: &mut Stages) -> CaseResult {
        Err("this case runs in a Python worker".into())
    }
}
