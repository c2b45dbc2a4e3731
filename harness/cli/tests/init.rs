//! `highwater init` in packages of several shapes: what it shows, what it writes, and what it refuses.

mod common;

use std::{fs, path::Path};

use common::{highwater, run};
use tempfile::TempDir;

/// A package with these files besides its manifest.
fn package(manifest: &str, files: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("Cargo.toml"), manifest).expect("written");
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        fs::write(path, "fn main() {}\n").expect("written");
    }
    folder
}

/// Runs `highwater init` in a folder.
fn init(folder: &Path, args: &[&str], status: i32) -> common::Ran {
    let mut command = highwater(&["init"]);
    command.args(args).current_dir(folder);
    run(command, status)
}

/// Every file below a folder with its text, except for what cargo made.
fn files(folder: &Path) -> String {
    let mut paths = vec![folder.to_owned()];
    let mut texts = Vec::new();
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("readable").path()));
        } else if path.file_name() != Some("Cargo.lock".as_ref()) {
            let name = path.strip_prefix(folder).expect("inside").display().to_string();
            texts.push(format!("--- {name}\n{}", fs::read_to_string(&path).expect("text")));
        }
    }
    texts.sort();
    texts.concat()
}

const CACHE: &str = "[package]\nname = \"cache\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n";

#[test]
fn a_package_gets_a_bench_a_policy_and_a_workflow() {
    let folder = package(CACHE, &["src/lib.rs", "src/main.rs"]);
    let before = files(folder.path());
    let shown = init(folder.path(), &["--dry-run"], 0);
    insta::assert_snapshot!(shown.stdout);
    assert_eq!(files(folder.path()), before, "--dry-run changes nothing");
    init(folder.path(), &["--yes"], 0);
    insta::assert_snapshot!(files(folder.path()));
    let again = init(folder.path(), &["--yes"], 0);
    assert!(again.stderr.contains("has all of this already"), "{}", again.stderr);
}

#[test]
fn files_of_the_package_are_kept() {
    let folder = package(CACHE, &["src/lib.rs", "benches/lru.rs", "baselines/policy.toml"]);
    fs::write(folder.path().join(".gitignore"), "target/").expect("written");
    init(folder.path(), &["--yes", "lru"], 0);
    let text = |path| fs::read_to_string(folder.path().join(path)).expect("there");
    assert_eq!(text("benches/lru.rs"), "fn main() {}\n");
    assert_eq!(text("baselines/policy.toml"), "fn main() {}\n");
    assert_eq!(text(".gitignore"), "target/\n/reports\n");
    assert!(text("Cargo.toml").contains("[[bench]]\nname = \"lru\"\nharness = false\n"));
}

#[test]
fn a_member_of_a_workspace_shares_the_baselines_of_its_workspace() {
    let folder = package("[workspace]\nmembers = [\"cache\"]\nresolver = \"3\"\n", &["cache/src/lib.rs"]);
    fs::write(folder.path().join("cache/Cargo.toml"), CACHE).expect("written");
    init(folder.path(), &[], 2).complains_in_one_line(&["a workspace without a package", "--manifest-path"]);
    init(folder.path(), &["--yes", "--manifest-path", "cache/Cargo.toml"], 0);
    for path in ["cache/benches/memory.rs", "baselines/policy.toml", ".github/workflows/memory.yml"] {
        assert!(folder.path().join(path).is_file(), "{path}");
    }
}

#[test]
fn nothing_is_changed_without_an_answer() {
    let folder = package(CACHE, &["src/lib.rs"]);
    let before = files(folder.path());
    init(folder.path(), &[], 2);
    for (args, parts) in [
        (["--yes", "a/b"], ["`a/b`", "no name of a family"]),
        (["--yes", "a b"], ["`a b`", "no name of a family"]),
        (["--path", "src"], ["src/Cargo.toml", "No such file"]),
        (["--path", "."], ["Cargo.toml", "not the crate `highwater`"]),
    ] {
        init(folder.path(), &args, if parts[1].starts_with("No such") { 1 } else { 2 }).complains_in_one_line(&parts);
    }
    assert_eq!(files(folder.path()), before);
}

#[test]
fn a_folder_without_a_package_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    init(folder.path(), &["--yes"], 2).complains_in_one_line(&["no Cargo.toml", "cargo init"]);
    let broken = package("[package]\nname = 1\n", &["src/lib.rs"]);
    init(broken.path(), &["--yes"], 2);
}

#[test]
fn cargo_runs_the_same_command() {
    let folder = package(CACHE, &["src/lib.rs"]);
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_cargo-highwater"));
    command.args(["highwater", "init", "--dry-run"]).current_dir(folder.path());
    assert!(run(command, 0).stdout.contains("new benches/memory.rs"));
}
