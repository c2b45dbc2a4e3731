//! The check: whatever is spoilt in a copy of this crate's folder is noticed, by name and with what to do.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::process::Command;

use common::Tree;
use wasm_guests::check::{Problem, check};

/// The only problem of a spoilt tree.
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
fn an_untouched_copy_has_no_problem() {
    assert!(check(Tree::copy().root()).is_empty());
}

#[test]
fn a_changed_source_is_noticed() {
    let tree = Tree::copy();
    edit(&tree, "guests/toucher/src/lib.rs", "RUN_PAGES: i32 = 16", "RUN_PAGES: i32 = 17");
    let problem = only(&tree);
    assert!(matches!(&problem, Problem::SourceChanged { name, .. } if name == "toucher"), "{problem:?}");
    assert!(problem.to_string().contains("just guests"), "{problem}");
}

#[test]
fn a_changed_linker_option_is_noticed_though_its_file_is_hidden() {
    let tree = Tree::copy();
    edit(&tree, "guests/tiny/.cargo/config.toml", "stack-size=65536", "stack-size=131072");
    assert!(matches!(only(&tree), Problem::SourceChanged { name, .. } if name == "tiny"));
}

#[test]
fn an_added_source_file_is_noticed_and_a_build_folder_is_not() {
    let tree = Tree::copy();
    fs::create_dir_all(tree.root().join("guests/tiny/target/release")).unwrap();
    fs::write(tree.root().join("guests/tiny/target/release/tiny.wasm"), "").unwrap();
    assert!(check(tree.root()).is_empty());
    fs::write(tree.root().join("guests/tiny/src/more.rs"), "").unwrap();
    assert!(matches!(only(&tree), Problem::SourceChanged { name, .. } if name == "tiny"));
}

#[test]
fn an_altered_artefact_is_noticed() {
    let tree = Tree::copy();
    // A sound artefact, but of another guest.
    fs::copy(tree.artefact("tiny"), tree.artefact("toucher")).unwrap();
    let problem = only(&tree);
    assert!(matches!(&problem, Problem::ArtefactAltered { name, .. } if name == "toucher"), "{problem:?}");
    assert!(problem.to_string().contains("SHA-256"), "{problem}");
}

#[test]
fn a_truncated_artefact_and_one_with_a_tail_are_noticed() {
    let tree = Tree::copy();
    let sound = fs::read(tree.artefact("image")).unwrap();
    for spoilt in [&sound[..sound.len() / 2], &[], &[&sound[..], b"tail"].concat()] {
        fs::write(tree.artefact("image"), spoilt).unwrap();
        assert!(matches!(only(&tree), Problem::ArtefactAltered { name, .. } if name == "image"));
    }
}

#[test]
fn a_missing_artefact_is_noticed() {
    let tree = Tree::copy();
    fs::remove_file(tree.artefact("tiny")).unwrap();
    assert!(matches!(only(&tree), Problem::ArtefactMissing { name } if name == "tiny"));
}

#[test]
fn an_unlisted_artefact_is_noticed() {
    let tree = Tree::copy();
    fs::copy(tree.artefact("tiny"), tree.artefact("stray")).unwrap();
    assert!(matches!(only(&tree), Problem::ArtefactUnlisted { path } if path == tree.artefact("stray")));
}

#[test]
fn a_missing_and_an_unlisted_source_folder_are_noticed() {
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
fn a_manifest_edited_by_hand_is_noticed_in_every_field_it_takes_from_the_module() {
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
fn the_tool_exits_with_0_in_silence_or_with_1_and_a_line_for_each_problem() {
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
