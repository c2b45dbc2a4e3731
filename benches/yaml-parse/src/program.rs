//! Parsers in Python, in workers that are Python programs: `peers/worker.py` speaks the stage protocol.

use std::{env, path::PathBuf};

use highwater::{Case, CaseId, CaseResult, Dirs, NotRun, Program, Stages};

use crate::generate::{Input, SIZE};

/// A parser for Python.
#[derive(Clone, Copy, Debug)]
pub struct PythonPeer {
    name: &'static str,
    module: &'static str,
}

impl PythonPeer {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self { name: "pyyaml", module: "yaml" },
        Self { name: "pyyaml-c", module: "yaml/_yaml" },
        Self { name: "ruamel", module: "ruamel/yaml" },
        Self { name: "rapidyaml", module: "ryml" },
    ];
}

/// Where `just peers-python` puts its environment, below cargo's target folder.
const ENVIRONMENT: &str = "highwater/peers-python";

fn environment() -> CaseResult<PathBuf> {
    let target = match env::var_os("HIGHWATER_TARGET_DIR").or_else(|| env::var_os("CARGO_TARGET_DIR")) {
        Some(target) => PathBuf::from(target),
        None => PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target")),
    };
    Ok(target.join(ENVIRONMENT))
}

impl Case for PythonPeer {
    fn id(&self) -> CaseId {
        CaseId::new("yaml-parse", "peer-python", &[("parser", self.name)]).expect("names are lower case words")
    }

    fn is_heavy(&self) -> bool {
        true
    }

    fn limits(&self) -> highwater::Limits {
        highwater::Limits { time: std::time::Duration::from_secs(120), memory: None }
    }

    fn program(&self) -> Program {
        let path = environment().unwrap_or_default().join("bin/python");
        let worker = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/worker.py");
        Program::Other { path, args: vec!["-E".into(), "-s".into(), worker.into(), self.name.into()] }
    }

    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        let environment = environment()?;
        let missing = || NotRun(format!("{} is not installed: `just peers-python` does it", self.name));
        let libraries = environment.join("lib").read_dir().map_err(|_| missing())?;
        let modules = libraries.flatten().map(|python| python.path().join("site-packages"));
        let (folder, name) = self.module.rsplit_once('/').unwrap_or(("", self.module));
        let mut entries = modules.filter_map(|modules| modules.join(folder).read_dir().ok()).flatten().flatten();
        let found = entries.any(|entry| entry.file_name().to_string_lossy().split('.').next() == Some(name));
        if found { Ok(vec![Input::Repeat.file(SIZE, dirs.cache)?]) } else { Err(missing().into()) }
    }

    fn run(&self, _: &mut Stages) -> CaseResult {
        Err("its worker is a Python program".into())
    }
}
