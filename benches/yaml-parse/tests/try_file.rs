//! Tests of measuring a user's file: valid files are measured, others are rejected with a one-line error.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn try_file(path: &Path) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    Command::new(env!("CARGO_BIN_EXE_yaml-parse"))
        .env("HIGHWATER_TARGET_DIR", folder.path())
        .env("YAML_PARSE_FILE", path)
        .args(["--bench", "--memory-only", "--samples", "1", "^yaml-parse/try/parser=tape"])
        .output()
        .expect("the program starts")
}

#[test]
fn an_unusable_file_is_rejected_with_a_one_line_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("directory")).expect("made");
    let fifo = rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), rustix::fs::Mode::RUSR);
    fifo.expect("made");
    fs::write(at("empty"), "").expect("written");
    fs::write(at("comment"), "# no more than this\n").expect("written");
    fs::write(at("picture"), b"\x89PNG\r\n\x1a\n").expect("written");
    fs::write(at("prose"), "key: [1, 2\nother: 3\n").expect("written");
    for (name, problem) in [
        ("missing", "No such file or directory (os error 2)"),
        ("directory", "is a directory, not a regular file"),
        ("fifo", "is a FIFO, not a regular file"),
        ("empty", "contains no YAML document"),
        ("comment", "contains no YAML document"),
        ("picture", "line 1 column 1: not UTF-8"),
        ("prose", "line 2 column "),
    ] {
        let output = try_file(&at(name));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        assert_eq!(said.lines().count(), 1, "{name}: {said}");
        let expected = format!("{}: {problem}", at(name).display());
        assert!(said.contains(&expected), "{name}: {said}");
    }
}

#[test]
fn a_file_with_a_space_in_its_path_is_measured() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a file.yaml");
    fs::write(&path, "a: &x [1, 2]\nb: *x\n").expect("written");
    let output = try_file(&path);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("parser=tape-lazy-window"), "{said}");
}

/// libyaml-safer reads one document of many, which its memory does not tell.
#[test]
fn the_number_of_documents_of_each_parser_is_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("many.yaml");
    fs::write(&path, "a: 1\n---\nb: 2\n---\nc: 3\n").expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_yaml-parse"))
        .env("HIGHWATER_TARGET_DIR", folder.path())
        .env("YAML_PARSE_FILE", &path)
        .args(["--bench", "--memory-only", "--samples", "1", "^yaml-parse/try/parser=(tape-lazy|rlsp|libyaml-safer)$"])
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let record = highwater_store::read_record(&folder.path().join("highwater/yaml-parse.json")).expect("a record");
    let documents = |parser: &str| {
        let case = record.case(&format!("yaml-parse/try/parser={parser}")).unwrap_or_else(|| panic!("{parser}"));
        highwater_judge::CaseView::new(case, &record.baseline_stage).figure("walked", "documents")
    };
    assert_eq!(["tape-lazy", "rlsp", "libyaml-safer"].map(documents), [Some(3.0), Some(3.0), Some(1.0)]);
}
