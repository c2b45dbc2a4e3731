//! The layers of the harness: each crate depends only on crates of lower layers, and the measured process links little.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// From the lowest layer to the highest.
const LAYERS: [&str; 12] = [
    "highwater-model",
    "highwater-stats",
    "highwater-store",
    "highwater-history",
    "highwater-probe",
    "highwater-worker",
    "highwater-runner",
    "highwater-judge",
    "highwater-report",
    "highwater-explain",
    "highwater",
    "highwater-cli",
];
/// The most packages that the measured process may link through the harness, its own two included.
const MOST_PACKAGES: usize = 20;
/// The most packages from elsewhere that a dependency on `highwater` adds to those of criterion.
const MOST_ADDED: usize = 60;

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace")
}

fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let ran = Command::new(cargo).args(arguments).current_dir(workspace()).output().expect("cargo runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).expect("text")
}

/// By package of the workspace, the packages that it depends on outside tests.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let mut metadata = MetadataCommand::new();
    metadata.no_deps().current_dir(workspace()).other_options(["--offline".to_owned()]);
    let packages = metadata.exec().expect("cargo runs").packages;
    let of = |package: &Package| {
        let dependencies = package.dependencies.iter().filter(|it| it.kind == DependencyKind::Normal);
        dependencies.map(|it| it.name.clone()).collect()
    };
    packages.iter().map(|package| (package.name.to_string(), of(package))).collect()
}

#[test]
fn every_crate_depends_on_lower_layers_only() {
    let dependencies = dependencies();
    for (layer, name) in LAYERS.iter().enumerate() {
        for dependency in &dependencies[*name] {
            if let Some(other) = LAYERS.iter().position(|it| it == dependency) {
                assert!(other < layer, "{name} depends on {dependency}, which is not below it");
            }
        }
    }
}

#[test]
fn the_harness_depends_on_no_family() {
    let dependencies = dependencies();
    let families: Vec<&String> = dependencies.keys().filter(|name| !LAYERS.contains(&name.as_str())).collect();
    for name in LAYERS {
        let found = dependencies[name].iter().find(|dependency| families.contains(dependency));
        assert_eq!(found, None, "{name}");
    }
}

/// Anyone can depend on a library without the harness: it depends on no other package of the workspace.
#[test]
fn libraries_depend_on_no_package_of_the_workspace() {
    let dependencies = dependencies();
    let folders = std::fs::read_dir(workspace().join("libs")).expect("libraries");
    let names = folders.map(|folder| folder.expect("readable").file_name().into_string().expect("text"));
    for name in names {
        let found = dependencies[&name].iter().find(|dependency| dependencies.contains_key(*dependency));
        assert_eq!(found, None, "{name}");
    }
}

/// A package, and those that it depends on when it is built.
fn tree(package: &str, edges: &str) -> BTreeSet<String> {
    let tree = cargo(&["tree", "-p", package, "--edges", edges, "--prefix", "none", "--no-dedupe", "--offline"]);
    tree.lines().map(str::to_owned).collect()
}

/// Only the command reads and writes a history store.
#[test]
fn benches_and_workers_do_not_link_parquet() {
    for package in ["highwater", "highwater-worker"] {
        let packages = tree(package, "normal");
        assert!(packages.iter().all(|package| !package.starts_with("parquet ")), "{package}: {packages:#?}");
    }
    assert!(tree("highwater-cli", "normal").iter().any(|package| package.starts_with("parquet ")));
}

#[test]
fn a_worker_links_few_packages() {
    let packages = tree("highwater-worker", "normal");
    assert!(packages.len() <= MOST_PACKAGES, "{} packages: {packages:#?}", packages.len());
}

#[test]
fn a_bench_adds_few_packages_to_those_of_criterion() {
    let of_criterion = tree("criterion", "normal,build");
    let mut added = tree("highwater", "normal,build");
    added.retain(|package| !package.starts_with("highwater") && !of_criterion.contains(package));
    assert!(added.len() <= MOST_ADDED, "{} packages: {added:#?}", added.len());
}
