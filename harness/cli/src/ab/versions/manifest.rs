//! Requirements in manifests: changes those of one dependency that another version of it does not match.

use semver::{Version, VersionReq};
use toml_edit::{DocumentMut, Item, TableLike, Value};

/// The tables of dependencies of a package or target, with the old spellings.
const TABLES: [&str; 5] =
    ["dependencies", "dev-dependencies", "build-dependencies", "dev_dependencies", "build_dependencies"];

/// A change of the version of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) name: String,
    /// The version in the lock file.
    pub(crate) from: Version,
    /// The version that takes its place.
    pub(crate) to: Version,
}

/// Changes a manifest so that its requirements of the package allow the new version. Returns whether one had to be
/// changed. Requirements that the old version does not match are of another version of the package, and stay.
pub(crate) fn allow(manifest: &mut DocumentMut, change: &Change) -> bool {
    let mut changed = false;
    let root = manifest.as_table_mut();
    if let Some(workspace) = root.get_mut("workspace").and_then(Item::as_table_like_mut) {
        changed |= allow_in(workspace, change);
    }
    if let Some(targets) = root.get_mut("target").and_then(Item::as_table_like_mut) {
        for (_, target) in targets.iter_mut() {
            changed |= target.as_table_like_mut().is_some_and(|target| allow_in(target, change));
        }
    }
    changed | allow_in(root, change)
}

/// Changes the requirements in the tables of dependencies of a table.
fn allow_in(of: &mut dyn TableLike, change: &Change) -> bool {
    let mut changed = false;
    for table in TABLES {
        let Some(dependencies) = of.get_mut(table).and_then(Item::as_table_like_mut) else { continue };
        for (key, dependency) in dependencies.iter_mut() {
            let Some(requirement) = requirement(key.get(), dependency, &change.name) else { continue };
            let matches = |version: &Version| {
                let parsed = requirement.as_str().and_then(|text| VersionReq::parse(text).ok());
                parsed.is_some_and(|parsed| parsed.matches(version))
            };
            if matches(&change.from) && !matches(&change.to) {
                let decor = requirement.decor().clone();
                *requirement = format!("={}", change.to).into();
                *requirement.decor_mut() = decor;
                changed = true;
            }
        }
    }
    changed
}

/// The requirement of a dependency, if it is on the package and from a registry.
fn requirement<'a>(key: &str, dependency: &'a mut Item, package: &str) -> Option<&'a mut Value> {
    if dependency.is_str() {
        return dependency.as_value_mut().filter(|_| key == package);
    }
    let table = dependency.as_table_like_mut()?;
    let name = table.get("package").and_then(Item::as_str).unwrap_or(key);
    let is_elsewhere = table.contains_key("path") || table.contains_key("git");
    if name != package || is_elsewhere {
        return None;
    }
    table.get_mut("version").and_then(Item::as_value_mut)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(manifest: &str, from: &str, to: &str) -> (String, bool) {
        let mut manifest: DocumentMut = manifest.parse().expect("a manifest");
        let version = |text: &str| text.parse().expect("a version");
        let change = Change { name: "wasmtime".into(), from: version(from), to: version(to) };
        let is_changed = allow(&mut manifest, &change);
        (manifest.to_string(), is_changed)
    }

    #[test]
    fn requirements_in_every_table_are_changed_and_nothing_else() {
        let manifest = r#"
[workspace.dependencies]
wasmtime = { version = "48", default-features = false } # the engine
wasmtime43 = { package = "wasmtime", version = "43" }
wasmtime-wasi = "48"

[dependencies]
engine = { package = "wasmtime", version = "48.0" }
other = { package = "wasi", version = "48" }
wasmtime.workspace = true

[dev-dependencies]
wasmtime = "48"   # as in the workspace

[build-dependencies.wasmtime]
version = ">=48, <49"

[target.'cfg(unix)'.dependencies]
wasmtime = { path = "../wasmtime", version = "48" }

[target.'cfg(unix)'.dev-dependencies]
wasmtime = "^48.0.8"
"#;
        let (after, is_changed) = changed(manifest, "48.0.8", "47.0.4");
        assert!(is_changed);
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let difference: Vec<String> = lines(manifest)
            .into_iter()
            .zip(lines(&after))
            .filter(|(before, after)| before != after)
            .map(|(_, after)| after)
            .collect();
        assert_eq!(
            difference,
            [
                "wasmtime = { version = \"=47.0.4\", default-features = false } # the engine",
                "engine = { package = \"wasmtime\", version = \"=47.0.4\" }",
                "wasmtime = \"=47.0.4\"   # as in the workspace",
                "version = \"=47.0.4\"",
                "wasmtime = \"=47.0.4\"",
            ]
        );
    }

    #[test]
    fn a_requirement_that_matches_stays() {
        let manifest = "[dependencies]\nwasmtime = \">=47, <49\"\n";
        assert_eq!(changed(manifest, "48.0.8", "47.0.4"), (manifest.to_owned(), false));
    }

    #[test]
    fn a_requirement_of_another_version_stays() {
        let manifest = "[dependencies]\nold = { package = \"wasmtime\", version = \"43\" }\n";
        assert_eq!(changed(manifest, "48.0.8", "47.0.4"), (manifest.to_owned(), false));
    }

    #[test]
    fn a_pre_release_is_named_in_full() {
        let (after, _) = changed("[dependencies]\nwasmtime = \"1\"\n", "1.2.0", "2.0.0-rc.1");
        assert_eq!(after, "[dependencies]\nwasmtime = \"=2.0.0-rc.1\"\n");
    }
}
