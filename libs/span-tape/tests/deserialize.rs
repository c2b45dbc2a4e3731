//! Deserializing with serde: what `serde_norway` (a maintained copy of `serde_yaml`, over libyaml) gives for the same
//! texts, and what differs.

#![cfg(feature = "serde")]

mod types;

use std::borrow::Cow;

use proptest::prelude::{ProptestConfig, proptest};
use serde::{Deserialize, de::DeserializeOwned};
use serde_norway::Value;
use span_tape::{Decoding, Options, Tape, Windowed, de};
use types::{Everything, Variant, everything, value};

/// Deserializes in every way: from a text, bytes, a reader, a file and nodes of a tape with all texts decoded.
fn every_way<T: DeserializeOwned>(text: &str) -> Vec<Result<T, String>> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), text).expect("written");
    let eager = Options { decoding: Decoding::Eager, ..Options::default() };
    let mut ways = vec![
        span_tape::from_str(text),
        span_tape::from_str_with_options(text, &eager),
        span_tape::from_slice(text.as_bytes()),
        span_tape::from_reader(text.as_bytes()),
        span_tape::from_path(file.path(), &Options::default()),
        span_tape::from_slice(
            &format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>(),
        ),
    ];
    let tape: Tape<Windowed> = Tape::open(file.path(), &eager).expect("well formed");
    ways.extend(tape.documents().filter_map(|document| document.root()).map(span_tape::from_node));
    ways.into_iter().map(|way| way.map_err(|error| error.to_string())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn types_are_what_the_peer_reads(value in everything()) {
        let yaml = serde_norway::to_string(&value).expect("serializable");
        let peer: Everything = serde_norway::from_str(&yaml).expect("its own text");
        for way in every_way::<Everything>(&yaml) {
            assert_eq!(way.as_ref(), Ok(&peer), "{}", yaml);
        }
    }

    #[test]
    fn values_are_what_the_peer_reads(value in value()) {
        let yaml = serde_norway::to_string(&value).expect("serializable");
        let peer: Value = serde_norway::from_str(&yaml).expect("its own text");
        for way in every_way::<Value>(&yaml) {
            assert_eq!(way.as_ref(), Ok(&peer), "{}", yaml);
        }
    }
}

#[derive(Deserialize)]
struct Case {
    id: String,
    yaml: String,
    #[serde(default)]
    fail: bool,
}

/// Cases of the yaml-test-suite with documents that `serde_norway` reads differently, although it accepts them, by the
/// reason.
const DIFFERENT: &[(&str, &str)] = &[
    ("52DL", "the tag `!` is a variant there"),
    ("8MK2", "the tag `!` is a variant there"),
    ("S4JQ", "the tag `!` is a variant there"),
    ("UKK6-02", "the tag `!` is a variant there"),
    ("8G76", "no document is one that is null there"),
    ("98YD", "no document is one that is null there"),
    ("AVM7", "no document is one that is null there"),
    ("652Z", "libyaml reads `?x` in brackets as a key"),
    ("HM87-01", "libyaml reads `?x` in brackets as a key"),
    ("JEF9-02", "libyaml keeps or drops spaces before the end of the input"),
    ("L24T-01", "libyaml keeps or drops spaces before the end of the input"),
    ("Y2GN", "libyaml ends the name of an anchor at a colon"),
];

#[test]
fn documents_of_the_test_suite_are_what_the_peer_reads() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("suite/cases.json")).expect("well formed");
    let (mut equal, mut different) = (0, Vec::new());
    for case in cases.iter().filter(|case| !case.fail) {
        let documents = serde_norway::Deserializer::from_str(&case.yaml);
        let peer: Result<Vec<Value>, _> = documents.map(Value::deserialize).collect();
        let Ok(peer) = peer else { continue };
        let tape: Tape<_> = Tape::parse(&*case.yaml, &Options::default()).expect("well formed");
        let own: Result<Vec<Value>, _> = span_tape::from_documents(&tape).collect();
        match own {
            Ok(own) if own == peer => equal += 1,
            own => different.push(format!("{}: {:?}\n  own {own:?}\n  peer {peer:?}", case.id, case.yaml)),
        }
    }
    let known = |found: &String| DIFFERENT.iter().any(|(id, _)| found.starts_with(&format!("{id}:")));
    assert_eq!(different.iter().filter(|found| known(found)).count(), DIFFERENT.len());
    different.retain(|found| !known(found));
    assert!(different.is_empty() && equal > 200, "{equal} equal\n{}", different.join("\n"));
}

#[test]
fn texts_are_borrowed_from_the_input_or_the_tape() {
    #[derive(Deserialize)]
    struct Texts<'a> {
        #[serde(borrow)]
        plain: &'a str,
        #[serde(borrow)]
        quoted: Cow<'a, str>,
        #[serde(borrow)]
        escaped: Cow<'a, str>,
    }
    let yaml = String::from("plain: a b\nquoted: 'c'\nescaped: \"\\x41\"\n");
    let texts: Texts<'_> = span_tape::from_str(&yaml).expect("well formed");
    // The tape is gone, and the texts are still there.
    assert_eq!((texts.plain, &*texts.quoted, &*texts.escaped), ("a b", "c", "A"));
    let inside = |text: &str| yaml.as_bytes().as_ptr_range().contains(&text.as_ptr());
    assert!(inside(texts.plain) && inside(&texts.quoted) && !inside(&texts.escaped));
    assert!(matches!(texts.escaped, Cow::Owned(_)));

    let eager = Options { decoding: Decoding::Eager, ..Options::default() };
    let tape: Tape<_> = Tape::parse(&*yaml, &eager).expect("well formed");
    let root = tape.documents().next().and_then(|document| document.root()).expect("not empty");
    let escaped: &str = span_tape::from_node(root.get("escaped").expect("in memory").expect("there")).expect("a text");
    assert_eq!(escaped, "A");
    assert_eq!(<&str>::deserialize(root.get("plain").expect("in memory").expect("there")).expect("a text"), "a b");
}

#[test]
fn errors_have_a_position_and_a_path() {
    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Config {
        servers: Vec<Server>,
    }
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Server {
        port: u16,
        #[serde(default)]
        kind: Option<Variant>,
    }
    let message = |yaml: &str| span_tape::from_str::<Config>(yaml).expect_err("refused").to_string();
    let start = "servers:\n- port: 80\n- ";
    for (rest, expected) in [
        ("port: http\n", "line 3 column 9: servers[1].port: invalid type: string \"http\", expected u16"),
        ("port: 65536\n", "line 3 column 9: servers[1].port: invalid value: integer `65536`, expected u16"),
        ("port: -1\n", "line 3 column 9: servers[1].port: invalid value: integer `-1`, expected u16"),
        ("port: [1]\n", "line 3 column 9: servers[1].port: invalid type: sequence, expected u16"),
        ("{}\n", "line 3 column 3: servers[1]: missing field `port`"),
        ("port: 1\n  prot: 2\n", "line 4 column 3: servers[1]: unknown field `prot`, expected `port` or `kind`"),
        ("port: 1\n  port: 2\n", "line 3 column 3: servers[1]: duplicate field `port`"),
        ("text\n", "line 3 column 3: servers[1]: invalid type: string \"text\", expected struct Server"),
        (
            "port: 1\n  kind: Struct\n",
            "line 4 column 9: servers[1].kind: invalid type: unit variant, expected struct variant",
        ),
        (
            "port: 1\n  kind: {Struct: {a: x, b: []}}\n",
            "line 4 column 22: servers[1].kind.Struct.a: invalid type: string \"x\", expected u8",
        ),
        (
            "port: 1\n  kind: !Tuple [1]\n",
            "line 4 column 16: servers[1].kind: invalid length 1, expected tuple variant Variant::Tuple with 2 elements",
        ),
        (
            "port: 1\n  kind: !Tuple [1, true, 3]\n",
            "line 4 column 16: servers[1].kind: invalid length 3, expected 2 items",
        ),
        (
            "port: 1\n  kind: [a]\n",
            "line 4 column 9: servers[1].kind: invalid type: sequence, \
             expected a variant: a text, `!Variant`, or a mapping of one pair",
        ),
        ("port: [\n", "line 3 column 9: this `[` is not closed"),
    ] {
        assert_eq!(message(&format!("{start}{rest}")), expected);
    }
    assert_eq!(message("a: 1\n---\nb: 2\n"), "line 3 column 1: the input contains more than one document");
    assert_eq!(message(""), "missing field `servers`");
    assert_eq!(span_tape::from_str::<u8>("").expect_err("refused").to_string(), "the input contains no document");
    assert_eq!(span_tape::from_str::<Option<u8>>("# none\n").expect("optional"), None);
    let error = span_tape::from_str::<Config>("servers:\n- port: http\n").expect_err("refused");
    assert_eq!(
        (error.path(), error.position().map(|at| (at.line, at.column))),
        ("servers[0].port".into(), Some((2, 9)))
    );
    assert!(matches!(error.kind(), de::Kind::Data(_)));
}

#[test]
fn alias_bombs_loops_and_depth_are_errors() {
    let mut bomb = "a0: &a0 [x, x, x]\n".to_owned();
    for level in 1..40 {
        let below = level - 1;
        bomb += &format!("a{level}: &a{level} [*a{below}, *a{below}, *a{below}]\n");
    }
    let error = span_tape::from_str::<Value>(&bomb).expect_err("too large");
    assert!(matches!(error.kind(), de::Kind::Aliases { .. }), "{error}");
    let error = span_tape::from_str::<Value>("&a [*a]\n").expect_err("endless");
    assert!(matches!(error.kind(), de::Kind::Aliases { .. } | de::Kind::Depth { .. }), "{error}");
    let deep = ["[".repeat(500), "]".repeat(500)].concat();
    let error = span_tape::from_str::<Value>(&deep).expect_err("too deep");
    assert!(matches!(error.kind(), de::Kind::Depth { most: 128 }), "{error}");
    let deep = ["[".repeat(128), "]".repeat(128)].concat();
    assert!(span_tape::from_str::<Value>(&deep).is_ok());
    assert!(span_tape::from_str::<serde::de::IgnoredAny>(&bomb).is_ok());
}

/// The documented differences from the peer.
#[test]
fn scalars_are_those_of_the_core_schema() {
    assert_eq!(
        span_tape::from_str::<Value>("[012, 0b11, -0x1, 1e999]").expect("a list"),
        Value::Sequence(vec![12.into(), "0b11".into(), "-0x1".into(), f64::INFINITY.into(),])
    );
    assert!(span_tape::from_str::<u8>("!!str 1").is_err());
    assert_eq!(span_tape::from_str::<u8>("!local 1").expect("a number"), 1);
    assert_eq!(span_tape::from_str::<Variant>("Newtype: a").expect("a variant"), Variant::Newtype("a".into()));
    assert_eq!(span_tape::from_str::<u128>("0xffffffffffffffffffffffffffffffff").expect("a number"), u128::MAX);
    assert_eq!(span_tape::from_str::<i128>(&i128::MIN.to_string()).expect("a number"), i128::MIN);
    assert_eq!(span_tape::from_str::<String>("~").expect("a text"), "~");
}
