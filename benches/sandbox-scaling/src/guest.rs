//! What runs inside a sandbox, and the files a worker needs for it.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
};

use highwater_worker::{CaseError, CaseResult, Dirs, NotRun};
use wasm_guests::Cache;
use wasm_programs::{Error, Program, Table, to_stderr};

use crate::{Load, Shape, Strategy};

/// What runs inside the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guest {
    /// Does nothing: what is left is the host's.
    Tiny,
    /// Has 256 zeroed pages and writes to 16 of them when called.
    Toucher,
    /// Has 10 MiB of initialised data and writes to 16 pages of it when called.
    Image,
    /// A snapshot with a table of 32 MiB, dense or sparse.
    Table(Table),
    /// A whole program of `wasm-programs`, by its name.
    Program(&'static str),
}

impl Guest {
    /// Its name in case ids, in `wasm-guests` and in `wasm-programs`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tiny => "tiny",
            Self::Toucher => "toucher",
            Self::Image => "image",
            Self::Table(table) => table.name(),
            Self::Program(name) => name,
        }
    }

    /// What an engine for it must be able to run.
    #[must_use]
    pub fn shape(self) -> Shape {
        match self {
            Self::Program(_) => Shape::Program,
            _ => Shape::Core,
        }
    }

    /// Whether every sandbox initialises itself, which takes a tenth of a second to half a one.
    #[must_use]
    pub fn starts_slowly(self) -> bool {
        matches!(self, Self::Program("cpython" | "cpython312" | "numpy"))
    }

    /// Bytes that a sandbox takes at most, by whatever strategy.
    #[must_use]
    pub fn may_take(self) -> u64 {
        match self {
            Self::Tiny => 64 << 10,
            Self::Toucher => 1 << 20 | 64 << 10,
            Self::Image => 11 << 20,
            Self::Table(_) => 36 << 20,
            Self::Program("sympy-pre" | "sympy-frozen-pre") => 64 << 20,
            Self::Program(_) => 32 << 20,
        }
    }

    /// Makes what a worker needs: the guest compiled for the strategy's engines, or as it is where the
    /// worker compiles; for a program, then the folders that it sees.
    pub(crate) fn files(self, strategy: Strategy, load: Load, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        let cache = Cache::at(dirs.cache);
        let engine = strategy.compiler(self.shape())?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let key = format!("wasmtime {:016x}", hasher.finish());
        let path = match self {
            Self::Program(name) => {
                let program = Program::named(name)?;
                return program.files(&cache, &engine, &to_stderr).map_err(or_not_run);
            }
            Self::Table(table) => {
                let module = table.module(&cache)?;
                // How an image is stored depends on one setting more than the engine's hash knows.
                let key = format!("{}\n{key}\n{:?}", module.sha256, strategy.allocation.dense_image);
                let made = cache.made(self.name(), "cwasm", &key, || {
                    let wasm = std::fs::read(&module.path).map_err(|error| unreadable(&module.path, &error))?;
                    Ok::<_, CaseError>(engine.precompile_module(&wasm)?)
                })?;
                made.path
            }
            _ => {
                let guest = wasm_guests::guest(self.name())?;
                if load == Load::Compile {
                    let module = cache.made(self.name(), "wasm", &guest.entry().wasm_sha256, || guest.wasm())?;
                    return Ok(vec![module.path]);
                }
                cache.precompiled(&guest, &key, |wasm| engine.precompile_module(wasm))?
            }
        };
        Ok(vec![path])
    }
}

/// The error of a file that cannot be read.
pub(crate) fn unreadable(path: &Path, error: &io::Error) -> CaseError {
    format!("cannot read {}: {error}", path.display()).into()
}

/// A program that this machine cannot make is a case that does not run here.
fn or_not_run(error: Error) -> CaseError {
    match error {
        Error::NotBuilt { .. } | Error::Fetch { .. } => NotRun(error.to_string()).into(),
        other => other.into(),
    }
}
