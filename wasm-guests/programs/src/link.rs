//! Links wasm shared libraries into one component ahead of time, as a dynamic linker would at run time.

use std::path::Path;

use wasm_encoder::{Module, RawSection};
use wasmparser::{Parser, Payload};
use wit_component::{Linker, StringEncoding};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The interface that the WASI adapter implements.
const ADAPTED: &str = "wasi_snapshot_preview1";

/// A shared library of a component.
pub struct Library {
    /// The name by which other libraries refer to it. If the program opens it by `dlopen`, the path it opens.
    pub name: String,
    /// The module, with its `dylink.0` section.
    pub wasm: Vec<u8>,
    /// Whether the program opens it by `dlopen`.
    pub opened: bool,
}

/// Links the libraries and the adapter from WASI preview 1 to 2 into one component.
///
/// # Errors
/// If a library is invalid, or an import of a library is not defined by any.
pub fn link(libraries: impl IntoIterator<Item = Library>, adapter: &[u8]) -> Result<Vec<u8>> {
    let mut linker = Linker::default().validate(true).use_built_in_libdl(true);
    for library in libraries {
        linker = linker.library(&library.name, &strip(&library.wasm)?, library.opened)?;
    }
    // The adapter is not stripped: the linker finds its functions by the names in its custom section.
    Ok(linker.adapter(ADAPTED, adapter)?.encode()?)
}

/// Embeds the world that the library exports, read from a folder of WIT.
///
/// # Errors
/// If the WIT is invalid or does not have exactly one world.
pub fn with_world(mut wasm: Vec<u8>, wit: &Path) -> Result<Vec<u8>> {
    let mut resolve = wit_parser::Resolve::default();
    let (package, _) = resolve.push_path(wit)?;
    let world = resolve.select_world(&[package], None)?;
    wit_component::embed_component_metadata(&mut wasm, &resolve, world, StringEncoding::UTF8)?;
    Ok(wasm)
}

/// The module without names and debug information, which linking would copy: in libpython these are more than half of
/// the bytes.
fn strip(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        if let Payload::CustomSection(custom) = &payload
            && (matches!(custom.name(), "name" | "producers") || custom.name().starts_with(".debug"))
        {
            continue;
        }
        if let Some((id, range)) = payload.as_section() {
            module.section(&RawSection { id, data: &wasm[range] });
        }
    }
    Ok(module.finish())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn stripping_removes_only_names_and_debug_information() {
        let custom = |name: &str| {
            let mut section = vec![0, 2 + name.len() as u8, name.len() as u8];
            section.extend(name.as_bytes());
            section.push(7);
            section
        };
        let header = b"\0asm\x01\0\0\0".to_vec();
        let memory = vec![5, 3, 1, 0, 2];
        let kept = [header.clone(), custom("dylink.0"), memory.clone()].concat();
        let whole =
            [header, custom("dylink.0"), custom("name"), memory, custom(".debug_info"), custom("producers")].concat();
        assert_eq!(strip(&whole).unwrap(), kept);
        assert_eq!(strip(&kept).unwrap(), kept);
    }
}
