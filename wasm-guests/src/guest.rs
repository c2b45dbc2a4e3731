//! A guest as families use it: the manifest's entry and the embedded module, verified on extraction.

use std::path::Path;
use std::sync::OnceLock;

use crate::artefact;
use crate::error::REBUILD;
use crate::{Entry, Error, Manifest, files, manifest};

/// The artefacts compiled into this crate. A new guest is added here once `just guests` has made its artefact.
const EMBEDDED: &[(&str, &[u8])] = &[
    ("actor", include_bytes!("../artefacts/actor.wasm.gz")),
    ("image", include_bytes!("../artefacts/image.wasm.gz")),
    ("indexer", include_bytes!("../artefacts/indexer.wasm.gz")),
    ("table", include_bytes!("../artefacts/table.wasm.gz")),
    ("tiny", include_bytes!("../artefacts/tiny.wasm.gz")),
    ("toucher", include_bytes!("../artefacts/toucher.wasm.gz")),
];

/// One guest. Copies are cheap: the module stays compressed in the executable.
#[derive(Clone, Debug)]
pub struct Guest {
    entry: Entry,
    gz: &'static [u8],
}

/// All guests, sorted by name. Fails only if the embedded manifest is invalid.
pub fn guests() -> Result<&'static [Guest], Error> {
    static GUESTS: OnceLock<Vec<Guest>> = OnceLock::new();
    if let Some(guests) = GUESTS.get() {
        return Ok(guests);
    }
    let manifest = Manifest::parse(include_str!("../manifest.toml"), Path::new(manifest::FILE))?;
    let guests = manifest.guests.into_iter().map(Guest::embedded).collect::<Result<Vec<_>, _>>()?;
    Ok(GUESTS.get_or_init(|| guests))
}

/// The guest of that name.
pub fn guest(name: &str) -> Result<Guest, Error> {
    let guests = guests()?;
    guests.iter().find(|guest| guest.name() == name).cloned().ok_or_else(|| Error::Unknown {
        name: name.to_owned(),
        known: guests.iter().map(Guest::name).collect::<Vec<_>>().join(", "),
    })
}

impl Guest {
    fn embedded(entry: Entry) -> Result<Self, Error> {
        match EMBEDDED.iter().find(|(name, _)| *name == entry.name) {
            Some(&(_, gz)) => Ok(Self { entry, gz }),
            None => Err(Error::Module {
                name: entry.name,
                detail: "it is in manifest.toml but not embedded".to_owned(),
                advice: "add it to EMBEDDED in wasm-guests/src/guest.rs",
            }),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.entry.name
    }

    /// Its entry in the manifest.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// The module, decompressed and verified against the manifest's SHA-256. The result is not cached.
    pub fn wasm(&self) -> Result<Vec<u8>, Error> {
        let broken = |detail| Error::Module { name: self.name().to_owned(), detail, advice: REBUILD };
        let wasm = artefact::decompress(self.gz).map_err(|error| broken(error.to_string()))?;
        let found = files::sha256(&wasm);
        if found != self.entry.wasm_sha256 {
            return Err(broken(format!("its SHA-256 is {found}, the manifest says {}", self.entry.wasm_sha256)));
        }
        Ok(wasm)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn the_embedded_artefacts_match_the_manifest() {
        let embedded: Vec<_> = EMBEDDED.iter().map(|(name, _)| *name).collect();
        let listed: Vec<_> = guests().unwrap().iter().map(Guest::name).collect();
        assert_eq!(embedded, listed);
    }

    #[test]
    fn a_module_with_another_hash_is_rejected() {
        let mut guest = guest("tiny").unwrap();
        guest.entry.wasm_sha256 = "0".repeat(64);
        let error = guest.wasm().unwrap_err().to_string();
        assert!(error.contains("guest `tiny`") && error.contains("just guests"), "{error}");
    }

    #[test]
    fn the_error_for_a_guest_not_embedded_names_where_to_add_it() {
        let entry = Entry { name: "new".to_owned(), ..guest("tiny").unwrap().entry };
        assert!(Guest::embedded(entry).unwrap_err().to_string().contains("EMBEDDED"));
    }
}
