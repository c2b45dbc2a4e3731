//! The external properties of a module: its exports, its declared memory and its initial data.

use serde::{Deserialize, Serialize};
use wasmparser::{Parser, Payload};

/// The external properties of a core module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// The names of its exports, in module order.
    pub exports: Vec<String>,
    /// The initial size that it declares, in wasm pages of 64 KiB, summed over all memories.
    pub memory_pages: u64,
    /// The total size of its data segments.
    pub data_bytes: u64,
}

impl Shape {
    /// Parses a module's sections. Code is not validated; the engine does that.
    pub fn of(wasm: &[u8]) -> Result<Self, wasmparser::BinaryReaderError> {
        let mut shape = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::MemorySection(memories) => {
                    for memory in memories {
                        shape.memory_pages += memory?.initial;
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        shape.exports.push(export?.name.to_owned());
                    }
                }
                Payload::DataSection(segments) => {
                    for segment in segments {
                        shape.data_bytes += segment?.data.len() as u64;
                    }
                }
                _ => {}
            }
        }
        Ok(shape)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn the_empty_module_has_the_default_shape() {
        assert_eq!(Shape::of(b"\0asm\x01\0\0\0").unwrap(), Shape::default());
    }

    #[test]
    fn exports_pages_and_data_are_counted() {
        let wasm = b"\0asm\x01\0\0\0\
            \x05\x03\x01\x00\x02\
            \x07\x05\x01\x01m\x02\x00\
            \x0b\x0c\x02\x00\x41\x00\x0b\x01a\x01\x03bcd";
        let shape = Shape { exports: vec!["m".to_owned()], memory_pages: 2, data_bytes: 4 };
        assert_eq!(Shape::of(wasm).unwrap(), shape);
    }

    #[test]
    fn other_bytes_are_an_error() {
        assert!(Shape::of(b"not wasm").is_err());
        assert!(Shape::of(b"").is_err());
    }
}
