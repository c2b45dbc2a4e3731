//! Actors on Extism: components compiled once, plugins with a memory limit, and the action after each call.

use std::path::PathBuf;

use extism::{CompiledPlugin, Manifest, Plugin, PluginBuilder, Wasm, WasmInput};
use highwater_worker::records_stacks;
use wasmtime43::ProfilingStrategy;

use crate::{Allocation, MemoryLimit, engine::PER_PLUGIN};

/// The form in which the module is passed to Extism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The bytes without a manifest. Extism then creates an empty manifest, so a limit is not possible.
    Bytes,
    /// A manifest that contains the bytes. Every plugin keeps a copy of them.
    Data,
    /// A manifest that contains the path of the file.
    File,
}

impl Source {
    /// The name in case ids.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Data => "data",
            Self::File => "file",
        }
    }
}

/// The paths of a component's module and of the settings of the compilation cache.
#[derive(Clone, Debug)]
pub struct Files {
    /// The path of the module.
    pub module: PathBuf,
    /// The settings file of the cache, which names a folder. `None` turns the cache off, whereas Extism's default is a
    /// folder in the home folder.
    pub cache: Option<PathBuf>,
}

impl Files {
    /// Returns a plugin builder that compiles with this allocation strategy and the cache.
    ///
    /// # Errors
    /// When the environment names a target that is unknown or that this CPU cannot run.
    pub fn builder<'a>(
        &self,
        wasm: impl Into<WasmInput<'a>>,
        allocation: Allocation,
    ) -> Result<PluginBuilder<'a>, extism::Error> {
        let mut builder = PluginBuilder::new(wasm).with_wasmtime_config(allocation.config(PER_PLUGIN)?);
        if records_stacks() {
            // `highwater explain` shows the names of the component's functions.
            builder = builder.with_profiling_strategy(ProfilingStrategy::PerfMap);
        }
        Ok(match &self.cache {
            Some(settings) => builder.with_cache_config(settings),
            None => builder.with_cache_disabled(),
        })
    }

    /// Compiles the component, or loads it from the cache.
    ///
    /// # Errors
    /// When a file cannot be read, the module is invalid, wasmtime rejects the settings, or a limit is set for
    /// [`Source::Bytes`].
    pub fn compile(
        &self,
        source: Source,
        limit: Option<MemoryLimit>,
        allocation: Allocation,
    ) -> Result<CompiledPlugin, extism::Error> {
        let limited = |manifest: Manifest| match limit {
            Some(limit) => manifest.with_memory_max(limit.pages()),
            None => manifest,
        };
        let builder = match source {
            Source::Bytes if limit.is_some() => return Err(extism::Error::msg("plain bytes do not support a limit")),
            Source::Bytes => self.builder(self.bytes()?, allocation)?,
            Source::Data => self.builder(limited(Manifest::new([Wasm::data(self.bytes()?)])), allocation)?,
            Source::File => self.builder(limited(Manifest::new([Wasm::file(&self.module)])), allocation)?,
        };
        builder.compile()
    }

    /// Reads the module.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn bytes(&self) -> Result<Vec<u8>, extism::Error> {
        let path = &self.module;
        std::fs::read(path).map_err(|error| extism::Error::msg(format!("{}: {error}", path.display())))
    }
}

/// The action on an actor after each call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterCall {
    /// None: the actor keeps its memory and state.
    Keep,
    /// `Plugin::reset`: the memory of Extism's kernel is marked as free.
    Reset,
    /// The plugin is replaced by a new one.
    Recreate,
}

/// The reason why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The call needed more memory than the limit allows. The actor may be in an inconsistent state: call
    /// [`Actor::recreate`].
    #[error("the actor exceeded its memory limit of {limit} ({cause})")]
    Limit {
        /// The limit.
        limit: MemoryLimit,
        /// The error message of Extism.
        cause: String,
    },
    /// The guest trapped. It may be in an inconsistent state: call [`Actor::recreate`].
    #[error("the actor trapped: {0}")]
    Trap(String),
    /// The guest returned an error value. It remains usable.
    #[error("the actor returned an error: {0}")]
    Refused(String),
}

/// A plugin used as an actor.
pub struct Actor {
    compiled: CompiledPlugin,
    plugin: Plugin,
    limit: Option<MemoryLimit>,
    after: AfterCall,
}

impl Actor {
    /// Creates an actor of a component.
    ///
    /// # Errors
    /// When the system has no memory for it.
    pub fn new(compiled: &CompiledPlugin, limit: Option<MemoryLimit>, after: AfterCall) -> Result<Self, extism::Error> {
        let plugin = Plugin::new_from_compiled(compiled)?;
        Ok(Self { compiled: compiled.clone(), plugin, limit, after })
    }

    /// Calls a function, then applies the [`AfterCall`] action of the actor.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn call(&mut self, function: &str, input: &[u8]) -> Result<Vec<u8>, CallError> {
        let answer = self.plugin.call::<&[u8], Vec<u8>>(function, input).map_err(|error| self.reason(&error));
        match self.after {
            AfterCall::Keep => {}
            AfterCall::Reset => self.plugin.reset().map_err(|error| self.reason(&error))?,
            AfterCall::Recreate => self.recreate().map_err(|error| CallError::Trap(error.to_string()))?,
        }
        answer
    }

    /// Marks the memory of Extism's kernel as free.
    ///
    /// # Errors
    /// When Extism's kernel traps.
    pub fn reset(&mut self) -> Result<(), extism::Error> {
        self.plugin.reset()
    }

    /// Replaces the plugin by a new one and drops the old one with its memory and state.
    ///
    /// # Errors
    /// When the system has no memory for it. The old plugin is then kept.
    pub fn recreate(&mut self) -> Result<(), extism::Error> {
        self.plugin = Plugin::new_from_compiled(&self.compiled)?;
        Ok(())
    }

    /// Classifies an error by its text, because Extism reports all failures as text (as of 1.30). Leaves out the
    /// guest's backtrace, since its addresses do not help a caller.
    fn reason(&self, error: &extism::Error) -> CallError {
        let causes: Vec<String> = error
            .chain()
            .map(ToString::to_string)
            .filter(|cause| !cause.starts_with("error while executing at wasm backtrace"))
            .collect();
        let cause = causes.join(": ");
        match self.limit {
            Some(limit) if causes.last().is_some_and(|cause| cause == "oom") => CallError::Limit { limit, cause },
            _ if cause.contains("wasm trap: ") => CallError::Trap(cause),
            _ => CallError::Refused(cause),
        }
    }
}
