//! The packages that others can depend on: `cargo package` accepts them, as crates.io would.

use std::{collections::BTreeMap, path::Path};

use cargo_metadata::{Dependency, DependencyKind, MetadataCommand, Package};

/// The packages of the workspace by name.
fn packages() -> BTreeMap<String, Package> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace");
    let mut metadata = MetadataCommand::new();
    metadata.no_deps().current_dir(workspace).other_options(["--offline".to_owned()]);
    let packages = metadata.exec().expect("cargo runs").packages;
    packages.into_iter().map(|package| (package.name.to_string(), package)).collect()
}

/// `publish = false` is an empty list of registries.
fn can_be_published(package: &Package) -> bool {
    package.publish.as_ref().is_none_or(|registries| !registries.is_empty())
}

#[test]
fn the_harness_and_the_libraries_can_be_published() {
    let published: Vec<String> =
        packages().into_iter().filter(|(_, package)| can_be_published(package)).map(|(name, _)| name).collect();
    assert_eq!(
        published,
        [
            "highwater",
            "highwater-cli",
            "highwater-explain",
            "highwater-history",
            "highwater-judge",
            "highwater-model",
            "highwater-probe",
            "highwater-report",
            "highwater-runner",
            "highwater-stats",
            "highwater-store",
            "highwater-worker",
            "linear-memory",
            "span-tape",
        ]
    );
}

/// A dependency with a path alone has the requirement `*`, which crates.io does not accept.
#[test]
fn published_packages_depend_on_published_versions() {
    let packages = packages();
    for package in packages.values().filter(|package| can_be_published(package)) {
        // Cargo leaves out those for tests that have no version.
        let is_needed = |it: &&Dependency| it.path.is_some() && it.kind != DependencyKind::Development;
        for dependency in package.dependencies.iter().filter(is_needed) {
            let (from, to) = (&package.name, &dependency.name);
            let other = &packages[to.as_str()];
            let is_version = dependency.req.to_string() != "*" && dependency.req.matches(&other.version);
            assert!(is_version, "{from} depends on {to} {}, which is {}", dependency.req, other.version);
            assert!(can_be_published(other), "{from} depends on {to}, which is not published");
        }
    }
}

#[test]
fn published_packages_say_what_they_are_and_their_licence() {
    for (name, package) in packages().iter().filter(|(_, package)| can_be_published(package)) {
        assert!(package.description.as_ref().is_some_and(|text| text.len() > 20), "{name}");
        assert_eq!(package.license.as_deref(), Some("MIT OR Apache-2.0"), "{name}");
    }
}
