//! Generators of input files of any size. They stream their output, which is the same for the same seed on every
//! machine.
//!
//! | file | content | bytes per node of the tape |
//! |---|---|---|
//! | `repeat` | cards in seven languages: the same keys, block, folded and quoted texts, anchors, aliases | 18.5 |
//! | `unique` | records in which every key and text is unique | 28 |
//! | `manifests` | a bundle of Kubernetes definitions, thousands of documents | 9 |
//! | `wide` | one mapping with a key every 55 bytes | 28 |
//! | `deep` | mappings nested sixty levels deep | 36 |

mod cards;
mod manifests;
mod random;
mod shapes;

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use random::Random;

/// The default size, which is that of the file in the report on libfyaml.
pub const SIZE: u64 = 6_658_458;

/// A kind of generated file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Cards that repeat their keys.
    Repeat,
    /// Records whose keys and texts are unique.
    Unique,
    /// Many documents.
    Manifests,
    /// One large mapping.
    Wide,
    /// Deeply nested mappings.
    Deep,
}

impl Input {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Repeat, Self::Unique, Self::Manifests, Self::Wide, Self::Deep];

    /// The name in case ids.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Repeat => "repeat",
            Self::Unique => "unique",
            Self::Manifests => "manifests",
            Self::Wide => "wide",
            Self::Deep => "deep",
        }
    }

    /// Writes `size` bytes. The space after the last whole record is filled with a comment.
    ///
    /// # Errors
    /// When writing to `out` fails.
    pub fn write(self, size: u64, seed: u64, out: &mut impl Write) -> io::Result<()> {
        let mut random = Random::new(seed);
        let mut left = size;
        let mut record = String::new();
        for index in 0.. {
            record.clear();
            match self {
                Self::Repeat => cards::card(index, &mut random, &mut record),
                Self::Unique => shapes::unique(&mut random, &mut record),
                Self::Manifests => manifests::manifest(index, &mut random, &mut record),
                Self::Wide => shapes::wide(index, &mut random, &mut record),
                Self::Deep => shapes::deep(index, &mut random, &mut record),
            }
            if record.len() as u64 > left {
                break;
            }
            out.write_all(record.as_bytes())?;
            left -= record.len() as u64;
        }
        // A comment line takes at least two bytes: `#` and a line break.
        while left > 0 {
            let line = if left > 81 { 80 } else { left };
            let dashes = "-".repeat((line as usize).saturating_sub(2));
            out.write_all(if line == 1 { "\n".to_owned() } else { format!("#{dashes}\n") }.as_bytes())?;
            left -= line;
        }
        Ok(())
    }

    /// Returns the path of the file with this size in `folder`, and writes it unless it exists.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn file(self, size: u64, folder: &Path) -> io::Result<PathBuf> {
        let path = folder.join(format!("yaml-{}-{size}-v{VERSION}.yaml", self.name()));
        if path.metadata().is_ok_and(|metadata| metadata.len() == size) {
            return Ok(path);
        }
        let unfinished = path.with_extension(format!("{}.tmp", std::process::id()));
        let mut out = BufWriter::new(File::create(&unfinished)?);
        self.write(size, SEED, &mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        std::fs::rename(&unfinished, &path)?;
        Ok(path)
    }
}

/// The seed of the files that cases use.
const SEED: u64 = 7;
/// Version of the generators. Increment it when their output changes, so that older cached files are not used.
const VERSION: u32 = 2;

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    fn made(input: Input, size: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        input.write(size, SEED, &mut bytes).expect("writing to a vector succeeds");
        bytes
    }

    #[test]
    fn files_have_their_exact_size_and_are_reproducible() {
        for input in Input::ALL {
            for size in [0, 1, 2, 81, 5000, 100_000] {
                let bytes = made(input, size);
                assert_eq!(bytes.len() as u64, size, "{input:?}");
                assert_eq!(bytes, made(input, size), "{input:?}");
                assert!(std::str::from_utf8(&bytes).is_ok(), "{input:?}");
            }
        }
    }

    /// If this fails because a generator was changed intentionally, increment `VERSION`.
    #[test]
    fn generated_bytes_match_the_version() {
        let mut hash = Sha256::new();
        for input in Input::ALL {
            hash.update(made(input, 200_000));
        }
        insta::assert_snapshot!(format!("version {VERSION}: {:x}", hash.finalize()));
    }

    #[test]
    fn a_truncated_file_is_written_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = Input::Wide.file(10_000, folder.path()).expect("written");
        std::fs::write(&path, "cut").expect("writable");
        assert_eq!(Input::Wide.file(10_000, folder.path()).expect("written"), path);
        assert_eq!(path.metadata().expect("there").len(), 10_000);
    }
}
