//! Packing: artefacts and manifest depend only on the modules and the sources.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::process::Command;

use common::{Tree, committed, contents};
use tempfile::TempDir;
use wasm_guests::check::check;
use wasm_guests::pack::{Change, Packed, pack};
use wasm_guests::{guest, guests};

/// A folder of modules as a build produces it.
fn built() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for guest in guests().unwrap() {
        fs::write(folder.path().join(format!("{}.wasm", guest.name())), guest.wasm().unwrap()).unwrap();
    }
    folder
}

fn toolchain() -> String {
    guest("tiny").unwrap().entry().toolchain.clone()
}

/// The guests that changed, by name.
fn changes(packed: Vec<Packed>) -> Vec<(String, Change)> {
    packed
        .into_iter()
        .map(|packed| (packed.name, packed.change))
        .filter(|(_, change)| *change != Change::Same)
        .collect()
}

#[test]
fn repacking_the_committed_modules_changes_nothing() {
    let tree = Tree::copy();
    let before = contents(tree.root());
    assert_eq!(changes(pack(tree.root(), built().path(), &toolchain()).unwrap()), []);
    assert!(
        contents(tree.root()) == before,
        "the artefacts or the manifest differ from the committed ones; did a dependency give flate2 another backend?"
    );
}

#[test]
fn packing_fixes_what_the_check_found() {
    let tree = Tree::copy();
    fs::write(tree.root().join("guests/tiny/src/more.rs"), "//! More.\n").unwrap();
    fs::remove_file(tree.artefact("image")).unwrap();
    assert_eq!(check(tree.root()).len(), 2);
    pack(tree.root(), built().path(), &toolchain()).unwrap();
    assert!(check(tree.root()).is_empty());
}

#[test]
fn a_new_guest_gets_an_artefact_and_a_removed_one_loses_it() {
    let (tree, built) = (Tree::copy(), built());
    fs::rename(tree.root().join("guests/tiny"), tree.root().join("guests/small-1")).unwrap();
    fs::rename(built.path().join("tiny.wasm"), built.path().join("small-1.wasm")).unwrap();
    let packed = pack(tree.root(), built.path(), &toolchain()).unwrap();
    assert_eq!(changes(packed), [("small-1".to_owned(), Change::Added), ("tiny".to_owned(), Change::Removed)]);
    assert!(tree.artefact("small-1").exists() && !tree.artefact("tiny").exists());
    assert!(check(tree.root()).is_empty());
}

#[test]
fn a_missing_module_stops_packing_and_keeps_the_manifest() {
    let (tree, built) = (Tree::copy(), built());
    fs::remove_file(built.path().join("toucher.wasm")).unwrap();
    let before = contents(tree.root());
    let error = pack(tree.root(), built.path(), "another toolchain").unwrap_err();
    assert!(error.to_string().contains("toucher.wasm"), "{error}");
    assert!(contents(tree.root()) == before);
}

#[test]
fn a_module_without_exported_memory_is_rejected() {
    let (tree, built) = (Tree::copy(), built());
    fs::write(built.path().join("tiny.wasm"), b"\0asm\x01\0\0\0").unwrap();
    let error = pack(tree.root(), built.path(), &toolchain()).unwrap_err().to_string();
    assert!(error.contains("`tiny`") && error.contains("memory"), "{error}");
}

#[test]
fn the_tool_reports_each_guest_and_explains_bad_usage() {
    let (tree, built) = (Tree::copy(), built());
    let tool = |arguments: &[&str]| Command::new(env!("CARGO_BIN_EXE_guests")).args(arguments).output().unwrap();
    let (root, built) = (tree.root().to_str().unwrap(), built.path().to_str().unwrap());

    let output = tool(&["pack", built, "--toolchain", "rustc for a test", "--root", root]);
    assert!(output.status.success(), "{output:?}");
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        lines,
        "actor: unchanged\nimage: unchanged\nindexer: unchanged\ntable: unchanged\ntiny: unchanged\ntoucher: unchanged\n"
    );
    assert!(fs::read_to_string(tree.root().join("manifest.toml")).unwrap().contains("rustc for a test"));

    for bad in [&["pack", built][..], &["pack"], &["chekc"], &[], &["check", "--rot"], &["check", "--root"]] {
        let output = tool(bad);
        assert_eq!(output.status.code(), Some(2), "{bad:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("guests --help"), "{bad:?}");
    }
    assert!(tool(&["--help"]).status.success());
}

#[test]
fn the_script_has_help_and_rejects_unknown_options() {
    let script =
        |argument: &str| Command::new("bash").arg(committed().join("build-guests.sh")).arg(argument).output().unwrap();
    let help = script("--help");
    assert!(help.status.success());
    assert!(String::from_utf8(help.stdout).unwrap().contains("minute"));
    assert_eq!(script("--no-such").status.code(), Some(2));
}
