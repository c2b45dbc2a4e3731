//! The versions and features of the engines, from the manifests of their workers, for the context of the record.

use std::collections::BTreeMap;

use engine_worker::{BUILDS, Build};
use serde::Deserialize;

/// The manifest of each worker program.
const MANIFESTS: &[(&str, &str)] = &[
    ("wasmtime-24", include_str!("../workers/wasmtime/v24/Cargo.toml")),
    ("wasmtime-36", include_str!("../workers/wasmtime/v36/Cargo.toml")),
    ("wasmtime-43", include_str!("../workers/wasmtime/v43/Cargo.toml")),
    ("wasmtime-47", include_str!("../workers/wasmtime/v47/Cargo.toml")),
    ("wasmtime-48", include_str!("../workers/wasmtime/v48/Cargo.toml")),
    ("wasmtime-48-all", include_str!("../workers/wasmtime/v48-all/Cargo.toml")),
    ("wasmi", include_str!("../workers/wasmi/Cargo.toml")),
    ("wasmer", include_str!("../workers/wasmer/Cargo.toml")),
    ("tinywasm", include_str!("../workers/tinywasm/Cargo.toml")),
];

/// The parts of a manifest that are read.
#[derive(Deserialize)]
struct Manifest {
    dependencies: BTreeMap<String, Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    #[serde(default)]
    version: String,
    #[serde(default)]
    features: Vec<String>,
}

/// Entries for the context of the record: `wasmtime-48` is `48.0.8 with cranelift, pulley, ...`.
#[must_use]
pub fn context() -> Vec<(String, String)> {
    BUILDS.iter().filter_map(|build| Some((build.name.to_owned(), described(*build)?))).collect()
}

/// The version, which a manifest pins with `=`, and the features. `None` without a manifest for the build.
fn described(build: Build) -> Option<String> {
    let (_, text) = MANIFESTS.iter().find(|(name, _)| *name == build.name)?;
    let manifest: Manifest = toml::from_str(text).ok()?;
    let engine = manifest.dependencies.get(build.engine)?;
    Some(format!("{} with {}", engine.version.strip_prefix('=')?, engine.features.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_of_every_build_pins_the_version_of_its_name() {
        for build in BUILDS {
            let described = described(*build).unwrap_or_else(|| panic!("{} has no manifest that pins it", build.name));
            assert!(described.starts_with(build.version.unwrap_or_default()), "{}: {described}", build.name);
        }
        assert_eq!(MANIFESTS.len(), BUILDS.len());
    }
}
