//! The compressed form in which modules are committed: one gzip member without a timestamp, so that packing the
//! same module again produces the same file.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder, bufread::GzDecoder};

/// The suffix of every artefact's file name.
pub(crate) const SUFFIX: &str = ".wasm.gz";

/// The path of a guest's artefact in this crate's folder.
pub(crate) fn path(root: &Path, name: &str) -> PathBuf {
    root.join("artefacts").join(format!("{name}{SUFFIX}"))
}

/// Compresses a module.
pub(crate) fn compress(wasm: &[u8]) -> io::Result<Vec<u8>> {
    // The operating system byte is fixed too: by default it identifies the compressing machine. 255 is "unknown".
    let mut encoder = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::best());
    encoder.write_all(wasm)?;
    encoder.finish()
}

/// The module in an artefact, which must be exactly one complete gzip member.
pub(crate) fn decompress(gz: &[u8]) -> io::Result<Vec<u8>> {
    let mut decoder = GzDecoder::new(gz);
    let mut wasm = Vec::new();
    decoder.read_to_end(&mut wasm)?;
    // A gzip reader stops at the end of the member, so no later check would notice trailing bytes.
    let rest = decoder.into_inner();
    if !rest.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{} bytes follow its end", rest.len())));
    }
    Ok(wasm)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn compression_round_trips() {
        let wasm = vec![7; 100_000];
        let gz = compress(&wasm).unwrap();
        assert!(gz.len() < 1_000, "{}", gz.len());
        assert_eq!(decompress(&gz).unwrap(), wasm);
    }

    #[test]
    fn artefacts_contain_no_time_and_no_operating_system() {
        let gz = compress(b"module").unwrap();
        assert_eq!(gz[4..8], [0; 4], "modification time");
        assert_eq!(gz[9], 255, "system");
    }

    #[test]
    fn truncated_artefacts_and_trailing_bytes_are_rejected() {
        let mut gz = compress(b"module").unwrap();
        assert!(decompress(&gz[..gz.len() - 1]).is_err());
        gz.push(0);
        assert!(decompress(&gz).unwrap_err().to_string().contains("1 bytes follow"));
    }
}
