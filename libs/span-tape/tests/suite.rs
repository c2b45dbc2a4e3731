//! Tests of the document library with the yaml-test-suite.

mod common;

use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    id: String,
    yaml: String,
    tree: Option<String>,
    #[serde(default)]
    fail: bool,
}

#[test]
fn every_way_to_parse_passes_the_yaml_test_suite() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("suite/cases.json")).expect("well formed");
    assert_eq!(cases.len(), 402);
    let mut differing = Vec::new();
    let mut tree = String::new();
    for case in &cases {
        if let Some(own) = &case.tree {
            tree.clone_from(own);
        }
        let expected: Vec<&str> = tree.lines().map(str::trim_start).map(without_explicit_end).collect();
        for (way, events) in common::every_way(case.yaml.as_bytes()) {
            match events {
                Err(_) if case.fail => {}
                Ok(events) if !case.fail && events == expected => {}
                other => differing.push(format!("{} {way}: {other:?}\n{}\n{expected:?}", case.id, case.yaml)),
            }
        }
    }
    assert!(differing.is_empty(), "{} differ:\n{}", differing.len(), differing.join("\n"));
}

/// Removes the marker of an explicit document end, `-DOC ...`.
fn without_explicit_end(event: &str) -> &str {
    if event == "-DOC ..." { "-DOC" } else { event }
}
