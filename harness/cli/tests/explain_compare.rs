//! `highwater compare --explain`: a confirmed regression has the command that explains it, and the functions that grew,
//! in every format.

mod common;

use common::{Desk, highwater, run};
use highwater_model::exit;
use serde_json::Value;

const ARGUMENTS: [&str; 5] = ["--memory-only", "--samples", "5", "--inject", "4096"];

/// The toy family after a change by which each buffer takes one more page.
fn grown() -> Desk {
    let desk = Desk::measured_and_blessed();
    run(desk.bench(&[&ARGUMENTS[..], &["toy/heap"]].concat()), 0);
    desk
}

#[test]
fn a_confirmed_regression_has_the_command_to_paste() {
    let desk = grown();
    let text = run(desk.compare(&["--verbose"]), exit::REGRESSED.into());
    let command = text.line("to explain it: ");
    assert!(command.contains("highwater explain 'toy/heap/size=64k' --stage live"), "{command}");
    let short = run(desk.compare(&[]), exit::REGRESSED.into());
    let last = short.stderr.lines().last().unwrap_or_default();
    assert!(last.starts_with("next: ") && last.contains("explain 'toy/heap/size=64k' --stage live"), "{last}");
    assert!(!short.stdout.contains("to explain it"), "{}", short.stdout);
    assert!(!text.stdout.contains("blocks  "), "no worker ran with attribution:\n{}", text.stdout);
}

#[test]
fn an_unchanged_case_has_no_command() {
    let desk = Desk::measured_and_blessed();
    run(desk.bench(&ARGUMENTS[..3]), 0);
    let text = run(desk.compare(&["--explain=head"]), exit::PASSED.into());
    assert!(!text.stdout.contains("to explain it"), "{}", text.stdout);
}

#[test]
fn every_format_has_the_function_that_grew() {
    let desk = grown();
    let file = |name: &str| desk.path().join(name);
    let export = |name: &str| format!("{name}={}", file(name).display());
    let exports = ["markdown", "github", "sarif", "junit", "jsonl"].map(export);
    let arguments: Vec<&str> = exports.iter().flat_map(|export| ["--export", export]).collect();
    let mut compare = desk.compare(&[&["--explain=head"], &arguments[..]].concat());
    // Files of the example are relative to the root of its package, like those of a project to its root.
    compare.current_dir(env!("CARGO_MANIFEST_DIR"));
    let text = run(compare, exit::REGRESSED.into());
    let stack = text.line(" per buffer (+");
    assert!(stack.contains("(examples/toy.rs:") && stack.contains("<toy::Heap as "), "{stack}");
    text.line("growth since the baseline stage, because no other revision was built");
    let read = |name: &str| std::fs::read_to_string(file(name)).expect("written");
    assert!(read("markdown").contains("per buffer (+") && read("markdown").contains("toy.rs:"), "{}", read("markdown"));
    let annotation = read("github");
    let annotation = annotation.lines().next().expect("an annotation");
    assert!(annotation.starts_with("::error file=examples/toy.rs,line="), "{annotation}");
    assert!(!annotation.contains("toy.rs,line=1,"), "{annotation}");
    let sarif: Value = serde_json::from_str(&read("sarif")).expect("JSON");
    let place = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert!(place["artifactLocation"]["uri"].as_str().is_some_and(|uri| uri == "examples/toy.rs"), "{place}");
    assert!(place["region"]["startLine"].as_u64().is_some_and(|line| line > 1), "{place}");
    assert!(read("junit").contains("toy.rs:"), "{}", read("junit"));
    let lines = read("jsonl");
    let explained = lines.lines().find(|line| line.contains("\"explanation\"")).expect("a verdict with an explanation");
    let verdict: Value = serde_json::from_str(explained).expect("JSON");
    assert!(explained.contains("\"stack\":[{\"function\":") && explained.contains("<toy::Heap as "), "{verdict}");
    let mut report = highwater(&["report"]);
    report.arg("--run").arg(desk.run_folder()).arg("--baselines").arg(desk.baselines()).arg("--out").arg(file("site"));
    run(report, exit::PASSED.into());
    let page = read("site/case/toy+heap+size=64k.html");
    assert!(page.contains("id=\"flame-0-growth\"") && page.contains("toy::Heap as "), "{page}");
}
