//! The given file: read, classified (text or binary, core module or component), and compiled into the cache,
//! once for each setting that affects compiled code.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use wasm_guests::Cache;

use super::{
    refusal::{Refusal, one_line},
    strategy::Strategy,
};

/// The first bytes of every binary.
const MAGIC: &[u8] = b"\0asm";
/// The version of a core module, in the next four bytes; components have another.
const CORE_VERSION: &[u8] = &[1, 0, 0, 0];

/// A WebAssembly binary.
pub(super) struct Given {
    path: PathBuf,
    wasm: Vec<u8>,
    /// Whether it is a component.
    pub(super) component: bool,
}

impl Given {
    /// Reads a file in text or binary format.
    ///
    /// # Errors
    /// When it cannot be read or is not WebAssembly.
    pub(super) fn read(path: &Path) -> Result<Self, Refusal> {
        let bytes = fs::read(path).map_err(|source| Refusal::Read { path: path.to_owned(), source })?;
        let not_wasm = |problem: &str| Refusal::NotWasm { path: path.to_owned(), problem: problem.to_owned() };
        let wasm = match bytes.starts_with(MAGIC) {
            true => bytes,
            false => text(&bytes).map_err(|problem| not_wasm(&problem))?,
        };
        match wasm.get(MAGIC.len()..8) {
            None => Err(not_wasm("a WebAssembly file that is truncated in its header")),
            Some(version) => Ok(Self { path: path.to_owned(), component: version != CORE_VERSION, wasm }),
        }
    }

    /// The binary.
    #[must_use]
    pub(super) fn wasm(&self) -> &[u8] {
        &self.wasm
    }

    /// The SHA-256 of the binary, in hexadecimal.
    #[must_use]
    pub(super) fn sha256(&self) -> String {
        format!("{:x}", Sha256::digest(&self.wasm))
    }

    /// Its size in bytes.
    #[must_use]
    pub(super) fn size(&self) -> u64 {
        self.wasm.len() as u64
    }

    /// The path of its compiled form for a strategy, in the cache.
    ///
    /// # Errors
    /// When it is invalid, or needs a feature that this engine is built without.
    pub(super) fn compiled(&self, strategy: &Strategy, cache: &Path) -> Result<PathBuf, Refusal> {
        let invalid = |error: &wasmtime::Error| Refusal::NotWasm { path: self.path.clone(), problem: one_line(error) };
        let engine = strategy.compiler().map_err(|error| Refusal::Harness(one_line(&error)))?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let key = format!("{} wasmtime {:016x}", self.sha256(), hasher.finish());
        let made = Cache::at(cache).made("try", "cwasm", &key, || {
            let compiled = match self.component {
                true => engine.precompile_component(&self.wasm),
                false => engine.precompile_module(&self.wasm),
            };
            compiled.map_err(Made::Wasm)
        });
        match made {
            Ok(made) => Ok(made.path),
            Err(Made::Wasm(error)) => Err(invalid(&error)),
            Err(Made::Cache(error)) => Err(Refusal::Harness(error.to_string())),
        }
    }
}

/// Why compilation failed.
enum Made {
    Wasm(wasmtime::Error),
    Cache(wasm_guests::Error),
}

impl From<wasm_guests::Error> for Made {
    fn from(error: wasm_guests::Error) -> Self {
        Self::Cache(error)
    }
}

/// Converts the text format to binary.
fn text(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err("neither WebAssembly (it does not start with \\0asm) nor its text format".to_owned());
    };
    wat::parse_str(text).map_err(|error| {
        let said = error.to_string();
        let mut lines = said.lines().map(str::trim);
        let problem = lines.next().unwrap_or("unknown error").to_owned();
        match lines.find_map(|line| line.strip_prefix("--> <anon>:")) {
            Some(place) => format!("not WebAssembly text: {problem} (line {place})"),
            None => format!("not WebAssembly text: {problem}"),
        }
    })
}
