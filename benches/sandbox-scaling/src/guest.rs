//! The guests that run inside a sandbox, and the files that a worker needs for them.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
};

use highwater_worker::{CaseError, CaseResult, Dirs, NotRun};
use wasm_guests::Cache;
use wasm_programs::{Error, Program, Table, to_stderr};

use crate::{Load, Shape, Strategy};

/// A guest that runs inside a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guest {
    /// Does nothing: all cost is the host's.
    Tiny,
    /// Has 256 zeroed pages and writes to 16 of them when called.
    Toucher,
    /// Has 10 MiB of initialised data and writes to 16 pages of it when called.
    Image,
    /// A snapshot with a table of 32 MiB, dense or sparse.
    Table(Table),
    /// A complete program of `wasm-programs`, by name.
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

    /// The kind of code that its engine must run.
    #[must_use]
    pub fn shape(self) -> Shape {
        match self {
            Self::Program(_) => Shape::Program,
            _ => Shape::Core,
        }
    }

    /// Whether every sandbox initialises its runtime itself, which takes 0.1 to 0.5 s.
    #[must_use]
    pub fn starts_slowly(self) -> bool {
        matches!(self, Self::Program("cpython" | "cpython312" | "numpy"))
    }

    /// The maximum number of bytes that a sandbox takes with any strategy.
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

    /// Creates the files that a worker needs: the guest compiled for the strategy's engines, or uncompiled if
    /// the worker compiles it; for a program, also the folders that it sees.
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
                // The stored form of an image depends on one setting that the engine's hash does not cover.
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

/// The error for a file that cannot be read.
pub(crate) fn unreadable(path: &Path, error: &io::Error) -> CaseError {
    format!("cannot read {}: {error}", path.display()).into()
}

/// A program that this machine cannot build makes its case `not run`.
fn or_not_run(error: Error) -> CaseError {
    match error {
        Error::NotBuilt { .. } | Error::Fetch { .. } => NotRun(error.to_string()).into(),
        other => other.into(),
    }
}
