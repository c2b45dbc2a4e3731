//! Python parsers, run in workers that are Python programs: `peers/worker.py` implements the stage protocol.

use std::{env, fs, path::PathBuf};

use highwater_model::CaseId;
use highwater_worker::{Case, CaseResult, Dirs, NotRun, Program, Stages};

use crate::generate::{Input, SIZE};

/// A Python parser.
#[derive(Clone, Copy, Debug)]
pub struct PythonPeer {
    name: &'static str,
    module: &'static str,
}

impl PythonPeer {
    /// All Python parsers.
    pub const ALL: [Self; 4] = [
        Self { name: "pyyaml", module: "yaml" },
        Self { name: "pyyaml-c", module: "yaml/_yaml" },
        Self { name: "ruamel", module: "ruamel/yaml" },
        Self { name: "rapidyaml", module: "ryml" },
    ];
}

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
        let packages = packages().unwrap_or_default();
        let worker = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/worker.py");
        // Python finds its environment by the name of its executable, which is that of a worker here. So pass the
        // folder of packages explicitly and disable the default search path.
        let args = ["-E", "-S", worker, self.name].map(Into::into).into_iter().chain([packages.into()]);
        Program::Other { path: environment().join("bin/python"), args: args.collect() }
    }

    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        let (folder, name) = self.module.rsplit_once('/').unwrap_or(("", self.module));
        let entries = packages().and_then(|packages| packages.join(folder).read_dir().ok());
        let named = |entry: fs::DirEntry| entry.file_name().to_string_lossy().split('.').next() == Some(name);
        let found = entries.is_some_and(|entries| entries.flatten().any(named));
        if !found {
            return Err(NotRun(format!("{} is not installed; run `just peers-python`", self.name)).into());
        }
        Ok(vec![Input::Repeat.file(SIZE, dirs.cache)?])
    }

    fn run(&self, _: &mut Stages) -> CaseResult {
        Err("this case runs in a Python worker".into())
    }
}
