//! Lenient indentation opens what libyaml opens, with the same values.

#![cfg(feature = "serde")]

mod common;

use common::mutation::{Random, mutated};
use serde::Deserialize;
use serde_norway::Value;
use span_tape::{Indentation, Options, Tape};

fn lenient() -> Options {
    Options { indentation: Indentation::Lenient, ..Options::default() }
}

/// Kinds of inputs that the specification forbids and libyaml reads, each with its value in JSON.
const KINDS: &[(&str, &str, &str)] = &[
    (
        "a closing bracket at the column of its key",
        "a: [\n  b,\n]\nc: {\n  d: e\n}\n",
        r#"{"a": ["b"], "c": {"d": "e"}}"#,
    ),
    ("a closing bracket at the column of a dash", "x:\n- [\n  b\n]\n- c\n", r#"{"x": [["b"], "c"]}"#),
    ("a closing bracket left of its key", "x:\n  a: {\n    b: c\n}\n", r#"{"x": {"a": {"b": "c"}}}"#),
    ("an item at the column of the key", "a: [\nb,\nc\n  ]\n", r#"{"a": ["b", "c"]}"#),
    ("a pair at the column of the key", "a: {\nb: c,\n\"d\": e\n}\n", r#"{"a": {"b": "c", "d": "e"}}"#),
    ("a comma at the column of the key", "a: [b\n, c\n]\n", r#"{"a": ["b", "c"]}"#),
    ("a bracket at the column of the key", "a:\n  [\n[b],\n{c: d}\n]\n", r#"{"a": [["b"], {"c": "d"}]}"#),
    ("tabs before an item in brackets", "a: [\n\tb,\n\t\t\"c\"\n\t]\n", r#"{"a": ["b", "c"]}"#),
    ("a plain scalar in brackets over lines", "a: [b\nc, d\n e]\n", r#"{"a": ["b c", "d e"]}"#),
    ("a comment in brackets", "a: [b, # x\n# y\nc]\n", r#"{"a": ["b", "c"]}"#),
    ("a line in double quotes", "a: \"b\nc\n\n  d\"\n", r#"{"a": "b c\nd"}"#),
    ("a line in double quotes after an escaped break", "a: \"b\\\nc\"\n", r#"{"a": "bc"}"#),
    ("a line in single quotes", "x:\n  a: 'b\nc'\n", r#"{"x": {"a": "b c"}}"#),
    ("a tab before a line in quotes", "a: 'b\n\tc'\nd: \"e\n\tf\"\n", r#"{"a": "b c", "d": "e f"}"#),
    ("a header at the column of its key", "a:\n|\n  b\nc:\n>-\n d\n e\n", r#"{"a": "b\n", "c": "d e"}"#),
    ("a header at the column of its dash", "-\n|\n b\n- !!str\n>\n c\n", r#"["b\n", "c\n"]"#),
    ("a comment left of the empty lines of a block scalar", "a: |+\n  \n # x\nb: c\n", r#"{"a": "\n", "b": "c"}"#),
    ("a closing quote at the column of the key", "a: \"\n  b\n\"\n", r#"{"a": " b "}"#),
];

#[test]
fn each_kind_of_input_has_the_value_of_libyaml() {
    for (kind, yaml, json) in KINDS {
        assert!(Tape::<_>::parse(*yaml, &Options::default()).is_err(), "{kind}");
        let expected: Value = serde_json::from_str(json).expect("JSON");
        let peer: Value = serde_norway::from_str(yaml).unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!(peer, expected, "{kind}: libyaml");
        let own: Value =
            span_tape::from_str_with_options(yaml, &lenient()).unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!(own, expected, "{kind}");
        let mut ways = common::every_way_with(yaml.as_bytes(), &lenient()).into_iter().map(|(_, events)| events.ok());
        let first = ways.next().flatten();
        assert!(first.is_some() && ways.all(|way| way == first), "{kind}");
    }
}

/// What stays forbidden.
#[test]
fn a_document_marker_and_block_collections_stay_strict() {
    for yaml in [
        "a: [b,\n---\n]\n",
        "a: \"b\n---\nc\"\n",
        "a:\n\tb: c\n",
        "a:\n  b: c\n d: e\n",
        "-\ta: b\n  c: d\n",
        "a:\nb\n",
    ] {
        assert!(Tape::<_>::parse(yaml, &lenient()).is_err(), "{yaml:?}");
    }
}

#[derive(Deserialize)]
struct Case {
    yaml: String,
}

/// The number of mutated inputs.
const INPUTS: u64 = 60_000;

/// Lines that are common in real files and that the cases of the yaml-test-suite rarely contain.
const SEEDS: &[&str] = &[
    "a:\n  b: [\n    c,\n    d\n  ]\n  e: {\n    f: 1,\n    g: \"h\n      i\"\n  }\nj: 'k\n  l'\n",
    "- a: \"x\n    y\"\n  b: [1,\n    2, {c: d,\n      e: f}]\n- {\n  g: h\n  }\n",
    "key: [a, b\n  ,c]\nother:\n  - {x: 1,\n     y: [2,\n       3]}\n  - \"text\n    more\"\n",
];

/// What libyaml accepts and lenient indentation does not, by our message.
const ONLY_THERE: &[&str] = &[
    // Byte order marks in content, and characters that YAML 1.2 forbids.
    "is not allowed in YAML",
    "\\u{feff}",
    // Comments after a comma, bracket or quote, and after the header of a block scalar.
    "a comment needs white space",
    "the header of a block scalar",
    // Names of anchors and handles that end at other characters, and versions.
    "no directive defines",
    "expected the rest of the tag",
    "no anchor before",
    "expected a version",
    "at most one tag and one anchor",
    "may neither span lines nor follow",
    // `[-]`, `[?x\n: y]`, `- -` and the like.
    "use quotes",
    "expected `,` or",
    "expected `:` after this key",
];

#[test]
fn mutated_cases_have_the_values_of_libyaml() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("suite/cases.json")).expect("well formed");
    let mut random = Random(2);
    let (mut opened, mut different, mut refused) = (0, Vec::new(), Vec::new());
    for _ in 0..INPUTS {
        let seed = random.below(2 * cases.len());
        let seed = cases.get(seed).map_or(SEEDS[seed % SEEDS.len()], |case| &case.yaml);
        let yaml = mutated(&mutated(seed, &mut random), &mut random);
        if Tape::<_>::parse(&*yaml, &Options::default()).is_ok() {
            continue;
        }
        let Ok(peer) = serde_norway::from_str::<Value>(&yaml) else { continue };
        // The peer takes the tag `!` for the name of a variant.
        if format!("{peer:?}").contains("tag: !!,") {
            continue;
        }
        match span_tape::from_str_with_options::<Value>(&yaml, &lenient()) {
            Ok(own) if own == peer => opened += 1,
            Ok(own) => different.push(format!("{yaml:?}\n own {own:?}\n oth {peer:?}")),
            Err(error) => refused.push(format!("{error} {yaml:?}")),
        }
    }
    println!("{opened} opened, {} different, {} refused", different.len(), refused.len());
    refused.retain(|found| !ONLY_THERE.iter().any(|known| found.contains(known)));
    refused.sort_by_key(|found| found.split_once(": ").map(|(_, message)| message.to_owned()));
    assert!(different.is_empty(), "{} different\n{}", different.len(), different.join("\n"));
    assert!(refused.is_empty(), "{} refused\n{}", refused.len(), refused.join("\n"));
    assert!(opened > 500, "{opened}");
}
