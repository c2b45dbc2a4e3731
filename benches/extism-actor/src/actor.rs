//! Actors on Extism: components compiled once, plugins with a memory limit, and what is done with one after a call.

use std::path::PathBuf;

use extism::{CompiledPlugin, Manifest, Plugin, PluginBuilder, Wasm, WasmInput};

use crate::{Allocation, MemoryLimit, engine::PER_PLUGIN};

/// In which form Extism is given the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The bytes alone. Extism then makes an empty manifest, so there can be no limit.
    Bytes,
    /// A manifest with the bytes in it, which every plugin holds a copy of.
    Data,
    /// A manifest with the file's path.
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

/// Where a component's module lies, and Extism's compilation cache.
#[derive(Clone, Debug)]
pub struct Files {
    /// The module.
    pub module: PathBuf,
    /// The cache's settings, which name a folder. Without them the cache is off; Extism's own default would be a folder
    /// in the home folder.
    pub cache: Option<PathBuf>,
}

impl Files {
    /// A builder that compiles with these settings and the cache.
    ///
    /// # Errors
    /// When the environment names no target to compile for.
    pub fn builder<'a>(
        &self,
        wasm: impl Into<WasmInput<'a>>,
        allocation: Allocation,
    ) -> Result<PluginBuilder<'a>, extism::Error> {
        let builder = PluginBuilder::new(wasm).with_wasmtime_config(allocation.config(PER_PLUGIN)?);
        Ok(match &self.cache {
            Some(settings) => builder.with_cache_config(settings),
            None => builder.with_cache_disabled(),
        })
    }

    /// Compiles the component, or takes it from the cache.
    ///
    /// # Errors
    /// When a file cannot be read, the module is none, or wasmtime refuses the settings.
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
            Source::Bytes if limit.is_some() => return Err(extism::Error::msg("bytes alone carry no limit")),
            Source::Bytes => self.builder(self.bytes()?, allocation)?,
            Source::Data => self.builder(limited(Manifest::new([Wasm::data(self.bytes()?)])), allocation)?,
            Source::File => self.builder(limited(Manifest::new([Wasm::file(&self.module)])), allocation)?,
        };
        builder.compile()
    }

    /// The module's bytes.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn bytes(&self) -> Result<Vec<u8>, extism::Error> {
        let path = &self.module;
        std::fs::read(path).map_err(|error| extism::Error::msg(format!("{}: {error}", path.display())))
    }
}

/// What is done with an actor after each call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterCall {
    /// Nothing: its memory and state stay.
    Keep,
    /// `Plugin::reset`: Extism's own memory is marked free.
    Reset,
    /// A new plugin takes its place.
    Recreate,
}

/// Why a call came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// A memory would have passed the limit. The actor may be left half-way: [`Actor::recreate`] it.
    #[error("the actor's memory limit of {limit} is used up ({told})")]
    Limit {
        /// The limit.
        limit: MemoryLimit,
        /// Extism's words.
        told: String,
    },
    /// The guest trapped. It may be left half-way: [`Actor::recreate`] it.
    #[error("the actor trapped: {0}")]
    Trap(String),
    /// The guest answered with an error value, and goes on as before.
    #[error("the actor refused: {0}")]
    Refused(String),
}

/// A plugin as an actor.
pub struct Actor {
    compiled: CompiledPlugin,
    plugin: Plugin,
    limit: Option<MemoryLimit>,
    after: AfterCall,
}

impl Actor {
    /// One more of a component.
    ///
    /// # Errors
    /// When the system refuses the memory.
    pub fn new(compiled: &CompiledPlugin, limit: Option<MemoryLimit>, after: AfterCall) -> Result<Self, extism::Error> {
        let plugin = Plugin::new_from_compiled(compiled)?;
        Ok(Self { compiled: compiled.clone(), plugin, limit, after })
    }

    /// Calls a function. What the actor is left with is then as [`AfterCall`] says.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn call(&mut self, function: &str, input: &[u8]) -> Result<Vec<u8>, CallError> {
        let answer = self.plugin.call::<&[u8], Vec<u8>>(function, input).map_err(|error| self.reason(&error));
        match self.after {
            AfterCall::Keep => {}
            AfterCall::Reset => self.plugin.reset().map_err(|error| self.reason(&error))?,
            AfterCall::Recreate => self.recreate().map_err(|error| CallError::Trap(error.to_string()))?,
        }
        answer
    }

    /// Marks Extism's own memory free.
    ///
    /// # Errors
    /// When the kernel traps.
    pub fn reset(&mut self) -> Result<(), extism::Error> {
        self.plugin.reset()
    }

    /// Puts a new plugin in its place: the old one's memory and state are gone.
    ///
    /// # Errors
    /// When the system refuses the memory; the old plugin then stays.
    pub fn recreate(&mut self) -> Result<(), extism::Error> {
        self.plugin = Plugin::new_from_compiled(&self.compiled)?;
        Ok(())
    }

    /// Extism tells all failures as text: this is what they look like (1.30). The guest's backtrace, whose addresses say
    /// nothing to a caller, is left out.
    fn reason(&self, error: &extism::Error) -> CallError {
        let causes: Vec<String> = error
            .chain()
            .map(ToString::to_string)
            .filter(|cause| !cause.starts_with("error while executing at wasm backtrace"))
            .collect();
        let told = causes.join(": ");
        match self.limit {
            Some(limit) if causes.last().is_some_and(|cause| cause == "oom") => CallError::Limit { limit, told },
            _ if told.contains("wasm trap: ") => CallError::Trap(told),
            _ => CallError::Refused(told),
        }
    }
}
