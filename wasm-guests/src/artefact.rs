//! The compressed form in which modules are committed: one gzip member without a time stamp, so that packing the
//! same module again gives the same file.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder, bufread::GzDecoder};

/// How every artefact's file name ends.
pub(crate) const SUFFIX: &str = ".wasm.gz";

/// Where a guest's artefact is, in the folder of this crate.
pub(crate) fn path(root: &Path, name: &str) -> PathBuf {
    root.join("artefacts").join(format!("{name}{SUFFIX}"))
}

/// Compresses a module.
pub(crate) fn compress(wasm: &[u8]) -> io::Result<Vec<u8>> {
    // The system byte too is pinned: by default it names the machine that compresses. 255 is "unknown".
    let mut encoder = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::best());
    encoder.write_all(wasm)?;
    encoder.finish()
}

/// The module in an artefact, which must be one whole gzip member and nothing more.
pub(crate) fn decompress(gz: &[u8]) -> io::Result<Vec<u8>> {
    let mut decoder = GzDecoder::new(gz);
    let mut wasm = Vec::new();
    decoder.read_to_end(&mut wasm)?;
    // A gzip reader stops where the member ends; bytes after it would pass every later check unseen.
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
    fn what_was_compressed_comes_back() {
        let wasm = vec![7; 100_000];
        let gz = compress(&wasm).unwrap();
        assert!(gz.len() < 1_000, "{}", gz.len());
        assert_eq!(decompress(&gz).unwrap(), wasm);
    }

    #[test]
    fn an_artefact_carries_neither_time_nor_system() {
        let gz = compress(b"module").unwrap();
        assert_eq!(gz[4..8], [0; 4], "modification time");
        assert_eq!(gz[9], 255, "system");
    }

    #[test]
    fn a_truncated_artefact_and_one_with_a_tail_are_refused() {
        let mut gz = compress(b"module").unwrap();
        assert!(decompress(&gz[..gz.len() - 1]).is_err());
        gz.push(0);
        assert!(decompress(&gz).unwrap_err().to_string().contains("1 bytes follow"));
    }
}
