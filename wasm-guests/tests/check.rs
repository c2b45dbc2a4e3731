//! The check detects any damage in a copy of this crate's folder, and names the guest and the next step.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::process::Command;

use common::Tree;
use wasm_guests::check::{Problem, check};

/// The only problem of a damaged tree.
fn only(tree: &Tree) -> Problem {
    let mut problems = check(tree.root());
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0)
}

fn edit(tree: &Tree, path: &str, from: &str, to: &str) {
    let path = tree.root().join(path);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{} has no {from}", path.display());
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn an_unchanged_copy_has_no_problems() {
    assert!(check(Tree::copy().root()).is_empty());
}

#[test]
fn a_changed_source_is_detected() {
    let tree = Tree::copy();
    edit(&tree, "guests/toucher/src/lib.rs", "RUN_PAGES: i32 = 16", "RUN_PAGES: i32 = 17");
    let problem = only(&tree);
    assert!(matches!(&problem, Problem::SourceChanged { name, .. } if name == "toucher"), "{problem:?}");
    assert!(problem.to_string().contains("just guests"), "{problem}");
}

#[test]
fn a_changed_linker_option_in_a_hidden_file_is_detected() {
    let tree = Tree::copy();
    edit(&tree, "guests/tiny/.cargo/config.toml", "stack-size=65536", "stack-size=131072");
    assert!(matches!(only(&tree), Problem::SourceChanged { name, .. } if name == "tiny"));
}

#[test]
fn new_source_files_are_detected_and_build_output_is_ignored() {
    let tree = Tree::copy();
    fs::create_dir_all(tree.root().join("guests/tiny/target/release")).unwrap();
    fs::write(tree.root().join("guests/tiny/target/release/tiny.wasm"), "").unwrap();
    assert!(check(tree.root()).is_empty());
    fs::write(tree.root().join("guests/tiny/src/more.rs"), "").unwrap();
    assert!(matches!(only(&tree), Problem::SourceChanged { name, .. } if name == "tiny"));
}

#[test]
fn an_altered_artefact_is_detected() {
    let tree = Tree::copy();
    // A valid artefact, but of another guest.
    fs::copy(tree.artefact("tiny"), tree.artefact("toucher")).unwrap();
    let problem = only(&tree);
    assert!(matches!(&problem, Problem::ArtefactAltered { name, .. } if name == "toucher"), "{problem:?}");
    assert!(problem.to_string().contains("SHA-256"), "{problem}");
}

#[test]
fn truncated_artefacts_and_trailing_bytes_are_detected() {
    let tree = Tree::copy();
    let sound = fs::read(tree.artefact("image")).unwrap();
    for damaged in [&sound[..sound.len() / 2], &[], &[&sound[..], b"tail"].concat()] {
        fs::write(tree.artefact("image"), damaged).unwrap();
        assert!(matches!(only(&tree), Problem::ArtefactAltered { name, .. } if name == "image"));
    }
}

#[test]
fn a_missing_artefact_is_detected() {
    let tree = Tree::copy();
    fs::remove_file(tree.artefact("tiny")).unwrap();
    assert!(matches!(only(&tree), Problem::ArtefactMissing { name } if name == "tiny"));
}

#[test]
fn an_unlisted_artefact_is_detected() {
    let tree = Tree::copy();
    fs::copy(tree.artefact("tiny"), tree.artefact("stray")).unwrap();
    assert!(matches!(only(&tree), Problem::ArtefactUnlisted { path } if path == tree.artefact("stray")));
}

#[test]
fn missing_and_unlisted_source_folders_are_detected() {
    let tree = Tree::copy();
    fs::rename(tree.root().join("guests/tiny"), tree.root().join("guests/other")).unwrap();
    let problems = check(tree.root());
    assert!(
        matches!(
            &problems[..],
            [Problem::SourceMissing { name: gone }, Problem::SourceUnlisted { name: new }]
                if gone == "tiny" && new == "other"
        ),
        "{problems:?}"
    );
}

#[test]
fn edited_manifest_fields_about_the_module_are_detected() {
    for (from, to) in [
        ("wasm_bytes = 98", "wasm_bytes = 99"),
        ("memory_pages = 17", "memory_pages = 18"),
        ("data_bytes = 10485760", "data_bytes = 0"),
        ("\"touch\", ", ""),
        ("wasm_sha256 = \"", "wasm_sha256 = \"0"),
    ] {
        let tree = Tree::copy();
        edit(&tree, "manifest.toml", from, to);
        let problem = only(&tree);
        assert!(matches!(problem, Problem::ArtefactAltered { .. }), "{from}: {problem:?}");
    }
}

#[test]
fn a_missing_or_broken_manifest_is_the_only_problem() {
    let tree = Tree::copy();
    let path = tree.root().join("manifest.toml");
    fs::write(&path, "guest = 1").unwrap();
    assert!(only(&tree).to_string().contains("manifest.toml is not usable"));
    fs::remove_file(&path).unwrap();
    assert!(only(&tree).to_string().contains("cannot read"));
}

#[test]
fn the_tool_prints_one_line_per_problem_and_exits_with_1() {
    let tree = Tree::copy();
    let run = || {
        let mut tool = Command::new(env!("CARGO_BIN_EXE_guests"));
        let output = tool.args(["check", "--root"]).arg(tree.root()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(run(), (Some(0), String::new()));
    edit(&tree, "guests/tiny/src/lib.rs", "Returns at once", "Returns soon");
    fs::remove_file(tree.artefact("image")).unwrap();
    let (code, lines) = run();
    assert_eq!((code, lines.lines().count()), (Some(1), 2), "{lines}");
    assert!(lines.contains("image: ") && lines.contains("tiny: "), "{lines}");
}
