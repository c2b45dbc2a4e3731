//! The files that workers need: the guest's module, and messages by size and format.

use std::{collections::BTreeMap, path::PathBuf};

use highwater_store::write_atomically;
use highwater_worker::{CaseResult, Dirs, Stages};
use serde::Serialize;

use crate::{Allocation, Files, RawHost, Source};

/// How a message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON, for `process`.
    Json,
    /// MessagePack, for `process_msgpack`.
    Msgpack,
    /// Bytes as they are, for `echo`.
    Raw,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Json, Self::Msgpack, Self::Raw];

    /// The name in case ids.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Msgpack => "msgpack",
            Self::Raw => "raw",
        }
    }

    /// The guest's function for it.
    #[must_use]
    pub fn function(self) -> &'static str {
        match self {
            Self::Json => "process",
            Self::Msgpack => "process_msgpack",
            Self::Raw => "echo",
        }
    }

    /// A message that holds so many bytes of text, and the little that its format adds.
    ///
    /// # Errors
    /// When an encoder refuses, which it has no reason to.
    pub fn message(self, size: usize) -> CaseResult<Vec<u8>> {
        let text: String = ('a'..='z').cycle().take(size).collect();
        let context = Context {
            payload: BTreeMap::from([("in", Message { text: &text })]),
            state: BTreeMap::from([("count", 41)]),
        };
        Ok(match self {
            Self::Json => serde_json::to_vec(&context)?,
            Self::Msgpack => rmp_serde::to_vec_named(&context)?,
            Self::Raw => text.into_bytes(),
        })
    }
}

/// What the guest's `process` reads.
#[derive(Serialize)]
struct Context<'a> {
    payload: BTreeMap<&'static str, Message<'a>>,
    state: BTreeMap<&'static str, u64>,
}

/// A guest's message of the variant `text`.
#[derive(Serialize)]
struct Message<'a> {
    text: &'a str,
}

/// `{"items": ..., "bytes": ...}`: the work of a habit or a leak.
#[must_use]
pub fn work(items: u32, bytes: u32) -> Vec<u8> {
    format!(r#"{{"items":{items},"bytes":{bytes}}}"#).into_bytes()
}

/// The files that every case has: the guest's module, and the settings of a compilation cache below cargo's target
/// folder. What is allocated and compiled so is put into the cache, where a worker finds it.
///
/// # Errors
/// When the committed artefact is not sound, or a file cannot be written.
pub fn common(dirs: Dirs<'_>, allocations: &[Allocation]) -> CaseResult<Vec<PathBuf>> {
    let guest = wasm_guests::guest("actor")?;
    let name = format!("actor-{}.wasm", &guest.entry().wasm_sha256[..16]);
    let files = Files { module: written(dirs, &name, &guest.wasm()?)?, cache: Some(cache(dirs)?) };
    for allocation in allocations {
        files.compile(Source::File, None, *allocation)?;
        RawHost::new(&files, *allocation)?;
    }
    Ok([files.module].into_iter().chain(files.cache).collect())
}

/// How many files [`common`] makes; a case's own come after them.
pub const COMMON: usize = 2;

/// The common files, as a worker or criterion is given them.
///
/// # Errors
/// When they are not there.
pub fn files(inputs: &[PathBuf]) -> CaseResult<Files> {
    match inputs {
        [module, cache, ..] => Ok(Files { module: module.clone(), cache: Some(cache.clone()) }),
        _ => Err("the module was not prepared".into()),
    }
}

/// The same for a worker.
///
/// # Errors
/// When they are not there.
pub fn files_of(stages: &Stages) -> CaseResult<Files> {
    files(&[stages.input(0)?.to_owned(), stages.input(1)?.to_owned()])
}

/// The settings file of wasmtime's compilation cache.
#[derive(Serialize)]
struct CacheFile {
    cache: CacheSettings,
}

/// Without the last two, the cache's own thread would now and then clean up, or compress an entry that was used often
/// once more, in 200 MiB of the worker's memory.
#[derive(Serialize)]
struct CacheSettings {
    directory: PathBuf,
    #[serde(rename = "optimized-compression-usage-counter-threshold")]
    usages: &'static str,
    #[serde(rename = "cleanup-interval")]
    cleanup: &'static str,
}

/// Settings for the cache, in a folder of this family's.
fn cache(dirs: Dirs<'_>) -> CaseResult<PathBuf> {
    let settings = CacheFile {
        cache: CacheSettings {
            directory: std::path::absolute(dirs.cache.join("extism"))?,
            usages: "1000000000",
            cleanup: "365d",
        },
    };
    written(dirs, "extism-cache.toml", toml::to_string(&settings)?.as_bytes())
}

/// A message of a format and a size in bytes.
///
/// # Errors
/// When the file cannot be written.
pub fn message(dirs: Dirs<'_>, format: Format, size: usize) -> CaseResult<PathBuf> {
    written(dirs, &format!("message-{size}.{}", format.name()), &format.message(size)?)
}

/// Leaves a file that is there and right as it is.
fn written(dirs: Dirs<'_>, name: &str, content: &[u8]) -> CaseResult<PathBuf> {
    let path = dirs.cache.join(name);
    if std::fs::read(&path).is_ok_and(|present| present == content) {
        return Ok(path);
    }
    write_atomically(&path, content)?;
    Ok(path)
}
