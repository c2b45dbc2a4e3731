//! Explains planted regressions: measures the example `planted` like a user, and checks that the function at fault is
//! the first line of `highwater explain`, and that the attributed bytes are those that were measured.

#[path = "common/example.rs"]
mod example;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
    sync::OnceLock,
};

use serde_json::Value;
use tempfile::TempDir;

/// A measured run of the planted regressions.
struct Planted {
    folder: TempDir,
    /// Whether the program has line tables.
    has_lines: bool,
}

impl Planted {
    fn measure(program: &Path, has_lines: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut bench = Command::new(program);
        bench.args(["--bench", "--memory-only", "--samples", "5"]).env("HIGHWATER_TARGET_DIR", folder.path());
        let ran = bench.output().expect("it starts");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        Self { folder, has_lines }
    }

    fn explain(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
        command.arg("explain").args(arguments).arg("--run").arg(self.folder.path().join("highwater"));
        command.output().expect("it starts")
    }

    fn stdout(&self, arguments: &[&str]) -> String {
        let ran = self.explain(arguments);
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).expect("text")
    }

    /// The JSON of a case, after checking that 99 % of the measured bytes are attributed and nothing was lost.
    fn explained(&self, case: &str, arguments: &[&str]) -> Value {
        let case = format!("planted/{case}/size=1");
        let text = self.stdout(&[&[case.as_str(), "--format", "json"], arguments].concat());
        let json: Value = serde_json::from_str(&text).expect("JSON");
        let number = |value: &Value| value.as_i64().unwrap_or_else(|| panic!("no number: {json}"));
        let heap = &json["heap"];
        let (measured, attributed) = (number(&heap["measured_bytes"]), number(&heap["attributed_bytes"]));
        assert!(
            measured > 0 && (measured - attributed).abs() * 100 <= measured,
            "{attributed} of {measured} B: {json}"
        );
        assert_eq!(number(&json["lost_allocations"]), 0);
        json
    }

    /// Asserts that the innermost function of the first line is `function`, and returns the line.
    fn first_is(&self, case: &str, function: &str, arguments: &[&str]) -> Value {
        let json = self.explained(case, arguments);
        let first = json["rows"][0].clone();
        let found = first["stack"][0]["function"].as_str().expect("a name");
        assert!(found.contains(function), "{function} is not first: {first}");
        match self.has_lines {
            true => assert_eq!(first["stack"][0]["file"], "examples/planted/main.rs", "{first}"),
            false => assert!(first["stack"][0]["file"].is_null(), "{first}"),
        }
        first
    }
}

/// The planted regressions with line tables, measured once.
fn planted() -> &'static Planted {
    static RUN: OnceLock<Planted> = OnceLock::new();
    RUN.get_or_init(|| Planted::measure(&example::build("planted"), true))
}

fn first_is(case: &str, function: &str, arguments: &[&str]) -> Value {
    planted().first_is(case, function, arguments)
}

#[test]
fn a_plain_function_with_its_bytes_per_unit() {
    let first = first_is("plain", "plain::culprit", &[]);
    assert_eq!(first["per_unit"], 4096.0, "although a constant of 300,000 bytes is larger");
    assert_eq!((&first["bytes"], &first["count"]), (&(50 * 4096).into(), &50.into()));
}

/// The closure is inlined, so that line tables have no more than its name and its lines.
#[test]
fn a_closure_that_is_inlined() {
    let first = first_is("closure", "{closure#", &[]);
    let source = include_str!("../examples/planted/main.rs");
    let body = source.lines().position(|line| line.contains("reduce(|all, part|")).expect("the closure") + 1;
    assert_eq!(first["stack"][0]["line"], body);
}

#[test]
fn a_generic_function() {
    first_is("generic", "generic::culprit", &[]);
}

#[test]
fn a_method_of_a_trait_object() {
    first_is("trait-object", "bytes", &[]);
}

#[test]
fn a_string() {
    first_is("string", "string::culprit", &[]);
}

#[test]
fn a_recursive_function() {
    first_is("recursion", "recursion::culprit", &[]);
}

#[test]
fn a_map_that_is_never_emptied() {
    first_is("map", "map::culprit", &[]);
}

#[test]
fn a_list_that_doubles() {
    first_is("doubling", "doubling::culprit", &[]);
}

#[test]
fn a_leak_of_64_bytes_per_call() {
    let first = first_is("leak", "leak::culprit", &[]);
    assert_eq!(first["per_unit"], 64.0);
}

#[test]
fn a_static_that_is_initialised_late() {
    first_is("static", "lazy::culprit", &[]);
}

#[test]
fn a_thread_that_has_ended() {
    first_is("thread", "thread::culprit", &[]);
}

#[test]
fn a_peak_that_is_over_at_the_stage() {
    let first = first_is("peak", "peak::culprit", &["--peak", "--stage", "live"]);
    assert_eq!(first["bytes"], 500_000);
}

#[test]
fn text_and_folded_stacks_have_the_function_first_and_last() {
    let text = planted().stdout(&["planted/plain/*"]);
    let first = text.lines().nth(1).expect("a stack");
    assert!(
        first.contains("+4,096 B per unit (+204,800 B) in +50 blocks")
            && first.contains("plain::culprit (examples/planted/main.rs:"),
        "{text}"
    );
    let folded = planted().stdout(&["planted/plain/*", "--format", "folded"]);
    assert!(folded.lines().any(|line| line.ends_with("plain::culprit 204800")), "{folded}");
}

#[test]
fn unknown_cases_and_stages_are_errors() {
    let ran = planted().explain(&["planted/absent/*"]);
    assert_eq!(ran.status.code(), Some(highwater_model::exit::USAGE.into()));
    let ran = planted().explain(&["planted/plain/*", "--stage", "absent"]);
    assert!(!ran.status.success());
    let stderr = String::from_utf8_lossy(&ran.stderr);
    assert!(stderr.contains("no stage `absent`") && stderr.contains("live@50"), "{stderr}");
}

/// A function of a dependency that has no line tables itself.
#[test]
fn a_function_of_a_dependency() {
    let json = planted().explained("dependency", &[]);
    let found = json["rows"][0]["stack"][0]["function"].as_str().expect("a name");
    assert_eq!(found, "regex_syntax::escape_into");
}

/// The symbol table alone is enough for the function, unless it was inlined.
#[test]
fn a_program_without_line_tables_has_the_names_of_its_functions() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("planted");
    let mut content = fs::read(example::build("planted")).expect("it is readable");
    let mut hidden = 0;
    for start in 0..content.len() - ".debug_".len() {
        if content[start..].starts_with(b".debug_") {
            content[start + 1] = b'x';
            hidden += 1;
        }
    }
    assert!(hidden > 0, "the example has line tables");
    fs::write(&program, content).expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("executable");
    let planted = Planted::measure(&program, false);
    for (case, function) in [
        ("plain", "planted::plain::culprit"),
        ("closure", "planted::closure::culprit::{{closure}}"),
        ("generic", "planted::generic::culprit"),
        ("trait-object", "planted::trait_object::Culprit as planted::trait_object::Makes>::bytes"),
        ("string", "planted::string::culprit"),
        ("recursion", "planted::recursion::culprit"),
        ("map", "planted::map::culprit"),
        ("doubling", "planted::doubling::culprit"),
        ("leak", "planted::leak::culprit"),
        ("static", "planted::lazy::culprit"),
        ("thread", "planted::thread::culprit"),
        ("dependency", "regex_syntax::escape_into"),
    ] {
        planted.first_is(case, function, &[]);
    }
    planted.first_is("peak", "planted::peak::culprit", &["--peak", "--stage", "live"]);
    let text = planted.stdout(&["planted/plain/*"]);
    assert!(text.contains("without file and line") && text.contains("debug = \"line-tables-only\""), "{text}");
}
