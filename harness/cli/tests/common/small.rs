//! A small project with a bench, and a registry in a folder that has several versions of a dependency of it. Cargo reads
//! both without a network: everything else is in the lock file of this workspace.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
};

use super::project::{Project, ran, text, write_if_changed};

/// The project with the dependency `unit-store`, of which it uses 1.3.0.
pub(crate) struct Small {
    pub(crate) project: Project,
}

/// The versions of the dependency: what the function `unit` returns.
const VERSIONS: [(&str, &str); 6] = [
    ("1.0.0", "vec![1; 64]"),
    ("1.1.0", "vec![1; 64]"),
    ("1.2.0", "this is not Rust"),
    ("1.3.0", "{ std::mem::forget(std::hint::black_box(vec![1_u8; 4096])); vec![1; 64] }"),
    ("1.4.0", "{ std::mem::forget(std::hint::black_box(vec![1_u8; 4096])); vec![1; 64] }"),
    ("2.0.0", "vec![1; 64]"),
];

/// A package of a registry.
struct Published {
    name: &'static str,
    version: &'static str,
    source: String,
    /// The requirement on `unit-store`, if it has one.
    requires: Option<&'static str>,
}

/// The packages that are built again are not optimised.
const UNOPTIMISED: [&str; 10] = [
    "units",
    "highwater",
    "highwater-judge",
    "highwater-model",
    "highwater-probe",
    "highwater-report",
    "highwater-runner",
    "highwater-stats",
    "highwater-store",
    "highwater-worker",
];

/// What a unit is, as far as the project adds to that of the dependency.
pub(crate) const UNIT: &str = "unit_store::unit()";
/// The same, and a leak of two pages.
pub(crate) const LEAKS: &str = "{ std::mem::forget(std::hint::black_box(vec![1_u8; 8192])); unit_store::unit() }";

impl Small {
    /// Makes the project with a repository of one commit.
    pub(crate) fn make() -> Self {
        let small = Self { project: Project::named("small-project") };
        let registry = small.publish();
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace");
        let profile = |package: &&str| format!("\n[profile.release.package.{package}]\nopt-level = 0\n");
        let manifest = format!(
            r#"[package]
name = "units"
version = "0.1.0"
edition = "2024"

[lib]
bench = false

[[bench]]
name = "units"
harness = false

[dependencies]
store = {{ package = "unit-store", version = "1.3", registry = "small" }}
uses-store = {{ version = "1", registry = "small" }}

[dev-dependencies]
highwater = {{ path = "{0}/harness/highwater" }}
workspace-hack = {{ path = "{0}/workspace-hack" }}

[workspace]
{1}"#,
            workspace.display(),
            UNOPTIMISED.iter().map(profile).collect::<String>()
        );
        let bench = r#"//! A unit is what the library makes.
fn main() -> std::process::ExitCode {
    highwater::suite("units")
        .unit("unit")
        .case("held/size=64", [1, 10, 40], |cx| {
            let mut live = cx.units();
            cx.ladder("live", |n| live.resize_with(n, units::unit))?;
            drop(live);
            cx.stage("dropped")
        })
        .main()
}
"#;
        let config = format!("[registries.small]\nindex = \"file://{}\"\n", registry.display());
        let project = &small.project;
        project.write("Cargo.toml", manifest);
        project.write("benches/units.rs", bench);
        project.write(".cargo/config.toml", config);
        small.set_unit(UNIT);
        // Cargo removes what the project does not need, and adds the dependency.
        fs::copy(workspace.join("Cargo.lock"), project.root.join("Cargo.lock")).expect("copied");
        ran(project.command("cargo").args(["update", "--quiet", "--workspace"]));
        ran(project.command("cargo").args(["update", "--quiet", "unit-store", "--precise", "1.3.0"]));
        project.start_repository();
        small
    }

    /// Writes the library of the project, whose unit is an expression.
    pub(crate) fn set_unit(&self, unit: &str) {
        let unit = unit.replace("unit_store", "store");
        let library = format!("//! A unit.\n\n/// A new one.\npub fn unit() -> Vec<u8> {{\n    {unit}\n}}\n");
        self.project.write("src/lib.rs", library);
    }

    /// Makes the registry, and returns the repository of its index. Its path depends on the content, because cargo keeps
    /// what it has downloaded.
    fn publish(&self) -> PathBuf {
        let store = |(version, unit): &(&'static str, &str)| Published {
            name: "unit-store",
            version,
            source: format!("//! Makes units.\n\n/// A new one.\npub fn unit() -> Vec<u8> {{\n    {unit}\n}}\n"),
            requires: None,
        };
        let user = Published {
            name: "uses-store",
            version: "1.0.0",
            source: "//! Requires a version of the other package.\n".to_owned(),
            requires: Some("^1"),
        };
        let packages: Vec<Published> = VERSIONS.iter().map(store).chain([user]).collect();
        let mut hasher = DefaultHasher::new();
        packages.iter().for_each(|package| (package.version, &package.source).hash(&mut hasher));
        let place = self.project.root.with_file_name(format!("registry-{:016x}", hasher.finish()));
        let index = place.join("index");
        if index.join(".git").exists() {
            return index;
        }
        let download = format!("file://{}/{{crate}}-{{version}}.crate", place.display());
        write_if_changed(&index.join("config.json"), format!("{{\"dl\": \"{download}\"}}\n").as_bytes());
        for package in &packages {
            let Published { name, .. } = package;
            let line = package.packed(&place, &index);
            // unit-store is in un/it/unit-store.
            let path = index.join(&name[..2]).join(&name[2..4]).join(name);
            let known = fs::read_to_string(&path).unwrap_or_default();
            write_if_changed(&path, format!("{known}{line}\n").as_bytes());
        }
        let git = |args: &[&str]| ran(self.project.command("git").current_dir(&index).args(args));
        git(&["init", "--quiet"]);
        git(&["add", "--all"]);
        git(&["commit", "--quiet", "--no-gpg-sign", "-m", "publish"]);
        index
    }
}

impl Published {
    /// Packs it as `cargo publish` would, and returns its line in the index.
    fn packed(&self, place: &Path, index: &Path) -> String {
        let Self { name, version, source, requires } = self;
        let registry = format!("registry-index = \"file://{}\"", index.display());
        let dependency = requires.map_or(String::new(), |version| {
            format!("\n[dependencies]\nunit-store = {{ version = \"{version}\", {registry} }}\n")
        });
        let manifest =
            format!("[package]\nname = \"{name}\"\nversion = \"{version}\"\nedition = \"2024\"\n{dependency}");
        let folder = format!("{name}-{version}");
        write_if_changed(&place.join(&folder).join("Cargo.toml"), manifest.as_bytes());
        write_if_changed(&place.join(&folder).join("src/lib.rs"), source.as_bytes());
        let file = format!("{folder}.crate");
        ran(Command::new("tar").current_dir(place).args(["-czf", &file, &folder]));
        let sum = text(&ran(Command::new("sha256sum").current_dir(place).arg(&file)));
        let sum = sum.split_whitespace().next().expect("a sum");
        let dependencies = requires.map_or(String::new(), |version| {
            let fields = r#""features":[],"optional":false,"default_features":true,"target":null,"kind":"normal""#;
            format!(r#"{{"name":"unit-store","req":"{version}",{fields}}}"#)
        });
        format!(
            r#"{{"name":"{name}","vers":"{version}","deps":[{dependencies}],"cksum":"{sum}","features":{{}},"yanked":false}}"#
        )
    }
}
