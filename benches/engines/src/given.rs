//! A module of the user with every engine that is built, for `just try`: what the workers load, and the jobs that the
//! runner gives them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use engine_worker::{Given, Row, SETUPS, Setup, given_row};
use highwater_model::{Scale, WorkerOptions};
use highwater_runner::Job;
use highwater_worker::{CaseError, CaseResult, Conditions, Limits, Program};
use wasm_guests::Cache;

use crate::{BUILD_COMMAND, built};

/// The engines and compilers whose worker programs are built.
pub fn setups() -> impl Iterator<Item = Setup> {
    SETUPS.iter().copied().filter(|setup| built::find(setup.build).is_ok())
}

/// The command that builds engines which are not built.
#[must_use]
pub fn build_command() -> String {
    format!("{BUILD_COMMAND} wasmi tinywasm")
}

/// A core module without imports, and what to do with each of its instances.
#[derive(Clone, Copy, Debug)]
pub struct Module<'a> {
    /// The binary.
    pub wasm: &'a [u8],
    /// Its SHA-256.
    pub sha256: &'a str,
    /// What to do with it.
    pub given: &'a Given,
}

impl Module<'_> {
    /// The job of a worker of an engine. The files that it reads are made in `cache`, which is below `folder`, where
    /// workers run.
    ///
    /// # Errors
    /// If the engine cannot load the module, or a file cannot be written.
    pub fn job(&self, setup: Setup, ladder: &[Scale], limits: Limits, folder: &Path) -> CaseResult<Job> {
        let row = given_row(setup);
        let cache = folder.join("cache");
        let code = self.code(row, &Cache::at(&cache))?;
        let order = cache.join("try-given.txt");
        fs::write(&order, self.given.text()).map_err(|error| format!("{}: {error}", order.display()))?;
        // A relative path, so that the length of the folder's path does not affect the worker's heap.
        let relative = |path: PathBuf| path.strip_prefix(folder).map(Path::to_owned).unwrap_or(path);
        Ok(Job {
            program: Program::Other { path: built::program(setup.build), args: Vec::new() },
            case: row.id()?,
            warm_up: true,
            alone: true,
            takes_turns: false,
            ladder: ladder.to_vec(),
            options: WorkerOptions::default(),
            inputs: vec![relative(code), relative(order)],
            baseline_stage: engine_worker::BASELINE_STAGE.parse()?,
            limits,
            conditions: Conditions::default(),
            environment: Vec::new(),
        })
    }

    fn code(&self, row: Row, cache: &Cache) -> CaseResult<PathBuf> {
        let worker = built::find(row.setup.build)?;
        let wasm = cache.made("given", "wasm", self.sha256, || Ok::<_, CaseError>(self.wasm.to_vec()))?;
        crate::inputs::code((row.setup, row.load, row.guest.name()), &worker, wasm, cache)
    }
}
