//! Input files for workers: the guest module, and messages by size and format.

use std::{collections::BTreeMap, path::PathBuf};

use highwater_store::write_atomically;
use highwater_worker::{CaseResult, Dirs, Stages};
use serde::Serialize;

use crate::{Allocation, Files, RawHost, Source};

/// The encoding of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON, read by `process`.
    Json,
    /// MessagePack, read by `process_msgpack`.
    Msgpack,
    /// Unencoded bytes, read by `echo`.
    Raw,
}

impl Format {
    /// All formats.
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

    /// The guest function that reads this format.
    #[must_use]
    pub fn function(self) -> &'static str {
        match self {
            Self::Json => "process",
            Self::Msgpack => "process_msgpack",
            Self::Raw => "echo",
        }
    }

    /// Encodes a message with `size` bytes of text, plus the small overhead of the format.
    ///
    /// # Errors
    /// When encoding fails, which is not expected.
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

/// The input of the guest's `process`.
#[derive(Serialize)]
struct Context<'a> {
    payload: BTreeMap<&'static str, Message<'a>>,
    state: BTreeMap<&'static str, u64>,
}

/// The variant `text` of the guest's message type.
#[derive(Serialize)]
struct Message<'a> {
    text: &'a str,
}

/// Encodes `{"items": ..., "bytes": ...}`, the input of the guest functions of `habits` and `leaks`.
#[must_use]
pub fn work(items: u32, bytes: u32) -> Vec<u8> {
    format!(r#"{{"items":{items},"bytes":{bytes}}}"#).into_bytes()
}

/// Writes the files that every case needs: the guest module, and the settings of a compilation cache below cargo's
/// target folder. Also compiles the module with each of the `allocations`, so that workers find it in the cache.
///
/// # Errors
/// When the committed artefact is corrupt, or a file cannot be written.
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

/// The number of files that [`common`] writes. The files of the case itself come after them.
pub const COMMON: usize = 2;

/// Returns the common files from the inputs of a worker or a criterion routine.
///
/// # Errors
/// When they were not prepared.
pub fn files(inputs: &[PathBuf]) -> CaseResult<Files> {
    match inputs {
        [module, cache, ..] => Ok(Files { module: module.clone(), cache: Some(cache.clone()) }),
        _ => Err("the module was not prepared".into()),
    }
}

/// Returns the common files of a worker.
///
/// # Errors
/// When they were not prepared.
pub fn files_of(stages: &Stages) -> CaseResult<Files> {
    files(&[stages.input(0)?.to_owned(), stages.input(1)?.to_owned()])
}

/// The settings file of wasmtime's compilation cache.
#[derive(Serialize)]
struct CacheFile {
    cache: CacheSettings,
}

/// With the default values of the last two settings, the cache's thread would occasionally clean up, or recompress an
/// entry that is used often, which takes 200 MiB of the worker's memory.
#[derive(Serialize)]
struct CacheSettings {
    directory: PathBuf,
    #[serde(rename = "optimized-compression-usage-counter-threshold")]
    usages: &'static str,
    #[serde(rename = "cleanup-interval")]
    cleanup: &'static str,
}

/// Writes the settings of the cache, which has a separate folder for this family.
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

/// Writes a message with `size` bytes of text.
///
/// # Errors
/// When the file cannot be written.
pub fn message(dirs: Dirs<'_>, format: Format, size: usize) -> CaseResult<PathBuf> {
    written(dirs, &format!("message-{size}.{}", format.name()), &format.message(size)?)
}

/// Writes a file unless it already has this content.
fn written(dirs: Dirs<'_>, name: &str, content: &[u8]) -> CaseResult<PathBuf> {
    let path = dirs.cache.join(name);
    if std::fs::read(&path).is_ok_and(|present| present == content) {
        return Ok(path);
    }
    write_atomically(&path, content)?;
    Ok(path)
}
