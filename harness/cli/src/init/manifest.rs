//! The manifest of the package: finding it, and adding what a bench target needs, without touching anything else in it.

use std::path::{Path, PathBuf};

use cargo_metadata::MetadataCommand;
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

use crate::CliError;

/// A package, and what cargo knows of it.
#[derive(Debug)]
pub(super) struct Package {
    /// Its manifest.
    pub(super) manifest: PathBuf,
    /// The text of the manifest.
    pub(super) text: String,
    /// The folder of its workspace, which is its own if it is not part of one.
    pub(super) workspace: PathBuf,
    /// Whether it has a library.
    pub(super) has_library: bool,
    /// Its programs: name, and source relative to its folder.
    pub(super) programs: Vec<(String, PathBuf)>,
}

impl Package {
    /// Reads the package of a manifest.
    ///
    /// # Errors
    /// If it cannot be read, is the manifest of a workspace without a package, or cargo refuses it.
    pub(super) fn find(manifest: &Path) -> Result<Self, CliError> {
        let io_error = |source| CliError::Io { path: manifest.to_owned(), source };
        let manifest = manifest.canonicalize().map_err(io_error)?;
        let text = std::fs::read_to_string(&manifest).map_err(io_error)?;
        let refused = |problem: &dyn std::fmt::Display| {
            let problem = highwater_store::one_line(&problem.to_string());
            CliError::Usage(format!("{}: {problem}", manifest.display()))
        };
        let metadata =
            MetadataCommand::new().no_deps().manifest_path(&manifest).exec().map_err(|error| refused(&error))?;
        let package = metadata.packages.iter().find(|package| package.manifest_path.as_std_path() == manifest);
        let package = package
            .ok_or_else(|| refused(&"it is a workspace without a package; choose one with `--manifest-path FILE`"))?;
        let folder = manifest.parent().unwrap_or(Path::new("/"));
        let programs = package.targets.iter().filter(|target| target.is_bin()).map(|target| {
            let source = target.src_path.as_std_path();
            (target.name.clone(), source.strip_prefix(folder).unwrap_or(source).to_owned())
        });
        Ok(Self {
            text,
            workspace: metadata.workspace_root.into_std_path_buf(),
            has_library: package.targets.iter().any(|target| target.is_lib()),
            programs: programs.collect(),
            manifest,
        })
    }

    /// The folder of the package.
    pub(super) fn folder(&self) -> &Path {
        self.manifest.parent().unwrap_or(Path::new("/"))
    }

    /// The manifest with a bench target `name`, which depends on `highwater`: in a folder, or as a version.
    ///
    /// # Errors
    /// If the manifest has another shape than cargo's.
    pub(super) fn with_bench(&self, name: &str, highwater: Result<&Path, &str>) -> Result<String, CliError> {
        let other_shape =
            |what: &str| CliError::Usage(format!("{}: `{what}` is not what cargo expects", self.manifest.display()));
        let mut manifest: DocumentMut = self.text.parse().map_err(|_| other_shape("the whole file"))?;
        let dependencies = table(&mut manifest, "dev-dependencies").ok_or_else(|| other_shape("dev-dependencies"))?;
        if !dependencies.contains_key("highwater") {
            dependencies["highwater"] = match highwater {
                Err(version) => value(version),
                Ok(folder) => {
                    let mut source = toml_edit::InlineTable::new();
                    source.insert("path", folder.display().to_string().into());
                    value(source)
                }
            };
        }
        // The test harness of a library or a program, which `cargo bench` runs too, would reject the flags of a bench.
        if self.has_library {
            let library = table(&mut manifest, "lib").ok_or_else(|| other_shape("lib"))?;
            library.entry("bench").or_insert(value(false));
        }
        for (program, source) in &self.programs {
            let programs = tables(&mut manifest, "bin").ok_or_else(|| other_shape("bin"))?;
            let entry = named(programs, program, || {
                let mut new = Table::new();
                new["path"] = value(source.display().to_string());
                new
            });
            entry.entry("bench").or_insert(value(false));
        }
        let benches = tables(&mut manifest, "bench").ok_or_else(|| other_shape("bench"))?;
        named(benches, name, Table::new)["harness"] = value(false);
        Ok(manifest.to_string())
    }
}

/// A table of the manifest, added if it is missing.
fn table<'a>(manifest: &'a mut DocumentMut, name: &str) -> Option<&'a mut Table> {
    manifest.entry(name).or_insert(Item::Table(Table::new())).as_table_mut()
}

/// The tables of a kind of target.
fn tables<'a>(manifest: &'a mut DocumentMut, kind: &str) -> Option<&'a mut ArrayOfTables> {
    manifest.entry(kind).or_insert(Item::ArrayOfTables(ArrayOfTables::new())).as_array_of_tables_mut()
}

/// The target of this name, or a new one.
fn named<'a>(targets: &'a mut ArrayOfTables, name: &str, new: impl FnOnce() -> Table) -> &'a mut Table {
    let is_it = |target: &Table| target.get("name").and_then(Item::as_str) == Some(name);
    let known = targets.iter().position(is_it);
    if known.is_none() {
        let mut target = Table::new();
        target["name"] = value(name);
        target.extend(new());
        targets.push(target);
    }
    let at = known.unwrap_or(targets.len() - 1);
    targets.get_mut(at).expect("it was found or added")
}

/// Whether a manifest is that of a package with this name.
pub(super) fn is_package(manifest: &str, name: &str) -> bool {
    let parsed = manifest.parse::<DocumentMut>().ok();
    parsed.is_some_and(|it| it.get("package").and_then(|package| package.get("name")?.as_str()) == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(text: &str, has_library: bool, programs: &[(&str, &str)]) -> Package {
        let programs = programs.iter().map(|(name, path)| ((*name).to_owned(), path.into())).collect();
        Package {
            manifest: "/p/Cargo.toml".into(),
            text: text.to_owned(),
            workspace: "/p".into(),
            has_library,
            programs,
        }
    }

    const PACKAGE: &str = "[package]\nname = \"cache\" # mine\nversion = \"0.1.0\"\n";

    #[test]
    fn a_bench_target_is_added_and_the_rest_is_unchanged() {
        let library = package(PACKAGE, true, &[]);
        let after = library.with_bench("memory", Err("0.1.0")).expect("a manifest");
        let added = "\n[dev-dependencies]\nhighwater = \"0.1.0\"\n\n[lib]\nbench = false\n\n\
                     [[bench]]\nname = \"memory\"\nharness = false\n";
        assert_eq!(after, format!("{PACKAGE}{added}"));
        let again = package(&after, true, &[]).with_bench("memory", Err("0.1.0")).expect("a manifest");
        assert_eq!(again, after, "a second time changes nothing");
    }

    #[test]
    fn programs_are_left_out_of_benches() {
        let program = package(PACKAGE, false, &[("cache", "src/main.rs")]);
        let after = program.with_bench("memory", Ok(Path::new("/high water"))).expect("a manifest");
        assert!(after.contains("[[bin]]\nname = \"cache\"\npath = \"src/main.rs\"\nbench = false\n"), "{after}");
        assert!(after.contains("highwater = { path = \"/high water\" }"), "{after}");
    }

    #[test]
    fn settings_of_the_package_are_kept() {
        let text = format!(
            "{PACKAGE}\n[lib]\nname = \"c\"\nbench = true\n\n[dev-dependencies]\nhighwater = \"9\"\n\n\
             [[bin]]\nname = \"b\"\npath = \"b.rs\"\n"
        );
        let after = package(&text, true, &[("b", "b.rs")]).with_bench("memory", Err("0.1.0")).expect("a manifest");
        for kept in ["name = \"c\"\nbench = true\n", "highwater = \"9\"\n", "path = \"b.rs\"\nbench = false\n"] {
            assert!(after.contains(kept), "{kept:?} in\n{after}");
        }
    }

    #[test]
    fn a_manifest_of_another_shape_is_an_error() {
        for text in ["[[package", "bench = 1\n[package]\nname = \"a\"\n", "dev-dependencies = []\n"] {
            assert!(package(text, false, &[]).with_bench("memory", Err("0.1.0")).is_err(), "{text}");
        }
    }

    #[test]
    fn a_package_is_recognised_by_its_name() {
        assert!(is_package("[package]\nname = \"highwater\"\n", "highwater"));
        assert!(!is_package("[package]\nname = \"highwater-cli\"\n", "highwater"));
        assert!(!is_package("[workspace]\n", "highwater") && !is_package("[", "highwater"));
    }
}
