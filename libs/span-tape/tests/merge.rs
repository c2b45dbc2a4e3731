//! Merge keys: which value a key has, in `get`, in an index, in iteration and when deserializing.

#![cfg(feature = "serde")]

use std::collections::BTreeMap;

use proptest::{
    collection::{btree_map, vec},
    prelude::{ProptestConfig, Strategy, any, proptest},
};
use serde::Deserialize;
use span_tape::{Error, NodeKind, Options, Tape, Windowed};

fn merging() -> Options {
    Options { merge_keys: true, ..Options::default() }
}

/// Returns the pairs of the mapping at `path` in every way to read them, which must agree, or the error.
fn pairs(yaml: &str, path: &str, options: &Options) -> Result<Vec<(String, String)>, Error> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), yaml).expect("written");
    let tape: Tape<Windowed> = Tape::open(file.path(), options).expect("well formed");
    let root = tape.documents().next().and_then(|document| document.root()).expect("not empty");
    let mapping = root.get(path)?.expect("there");
    let index = mapping.index()?;
    let mut found = Vec::new();
    for (key, value) in mapping.entries()? {
        let key = key.text()?.into_owned();
        let first = found.iter().all(|(other, _)| *other != key);
        if first {
            assert_eq!(mapping.get(&key)?, Some(value), "{key}");
            assert_eq!(index.get(&key)?, Some(value), "{key}");
        }
        let is_scalar = value.resolve().kind() == NodeKind::Scalar;
        found.push((key, if is_scalar { value.text()?.into_owned() } else { String::new() }));
    }
    for missing in ["missing", "<<"] {
        let is_key = found.iter().any(|(key, _)| key == missing);
        assert_eq!((mapping.get(missing)?.is_some(), index.get(missing)?.is_some()), (is_key, is_key), "{missing}");
    }
    Ok(found)
}

fn joined(yaml: &str, options: &Options) -> String {
    let pairs = pairs(yaml, "m", options).expect("mergeable");
    pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn explicit_keys_win_and_then_the_first_mapping() {
    let start = "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: &c {<<: *b, w: 5}\n";
    for (mapping, expected) in [
        ("{<<: *a, y: 0}", "y=0 x=1"),
        ("{y: 0, <<: *a}", "y=0 x=1"),
        ("{<<: [*a, *b]}", "x=1 y=2 z=4"),
        ("{<<: [*b, *a]}", "y=3 z=4 x=1"),
        ("{<<: *c, z: 0}", "z=0 w=5 y=3"),
        ("{<<: [*c, *b, *a]}", "w=5 y=3 z=4 x=1"),
        ("{<<: {x: 6, x: 7}}", "x=6"),
        ("{<<: *a, <<: *b}", "x=1 y=2 z=4"),
        ("{<<: [], v: 8}", "v=8"),
        ("{!!merge <<: *a}", "x=1 y=2"),
        ("{'<<': 1, x: 2}", "<<=1 x=2"),
        ("{'<<': 1, <<: *a}", "<<=1 x=1 y=2"),
        ("{!!str <<: 1, <<: *a}", "<<=1 x=1 y=2"),
        ("{<<: [ : ], x: 1}", "x=1 ="),
        ("&m {<<: *m, x: 1}", "x=1"),
        ("&m {<<: [*m, {<<: *m, y: 2}], x: 1}", "x=1 y=2"),
        ("\n  <<: *a\n  z: 1", "z=1 x=1 y=2"),
    ] {
        assert_eq!(joined(&format!("{start}m: {mapping}\n"), &merging()), expected, "{mapping}");
    }
    // The YAML default.
    assert_eq!(joined("m: {<<: 1, x: 2}\n", &Options::default()), "<<=1 x=2");
}

#[test]
fn only_mappings_can_be_merged() {
    for (yaml, column) in [("m: {<<: 1}", 9), ("m: {<<: [{}, b]}", 14), ("m: {<<: [[{}]]}", 10), ("m: {<<: }", 9)] {
        let error = pairs(yaml, "m", &merging()).expect_err("no mapping");
        assert!(matches!(error, Error::Merge { position } if position.column == column), "{yaml} {error}");
        let error = span_tape::from_str_with_options::<BTreeMap<String, BTreeMap<String, u8>>>(yaml, &merging());
        assert_eq!(error.expect_err("no mapping").path(), "m", "{yaml}");
    }
}

/// Forty levels of three merges each take no time, because a mapping is merged once.
#[test]
fn a_bomb_of_merges_is_not_expanded() {
    let mut bomb = "a0: &a0 {k0: 0}\n".to_owned();
    for level in 1..40 {
        let below = level - 1;
        bomb += &format!("a{level}: &a{level} {{k{level}: 0, <<: [*a{below}, *a{below}, *a{below}]}}\n");
    }
    bomb += "m: *a39\n";
    assert_eq!(pairs(&bomb, "m", &merging()).expect("mergeable").len(), 40);
}

#[test]
fn deserializing_merges_if_the_option_is_on() {
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Service {
        image: String,
        replicas: u8,
    }
    let yaml = "base: &base {image: nginx, replicas: 1}\nfront: {<<: *base, replicas: 3}\n";
    let services: BTreeMap<String, Service> = span_tape::from_str_with_options(yaml, &merging()).expect("mergeable");
    assert_eq!(services["front"], Service { image: "nginx".into(), replicas: 3 });
    let error = span_tape::from_str::<BTreeMap<String, Service>>(yaml).expect_err("an unknown field");
    assert_eq!(error.path(), "front");
}

/// The keys of a mapping, and the mappings before it that it merges, in order.
type Definition = (BTreeMap<u8, u8>, Vec<usize>);

/// Merges by the definition: what the mapping has, then what each merged mapping adds.
fn model(all: &[Definition], at: usize) -> BTreeMap<u8, u8> {
    let (mut own, sources) = all[at].clone();
    for source in sources {
        for (key, value) in model(all, source) {
            own.entry(key).or_insert(value);
        }
    }
    own
}

fn definitions() -> impl Strategy<Value = Vec<Definition>> {
    let one = (btree_map(0..12u8, any::<u8>(), 0..5), vec(any::<usize>(), 0..3));
    vec(one, 1..8).prop_map(|all| {
        let limited = |(at, (own, sources)): (usize, Definition)| {
            (own, sources.into_iter().filter_map(|source| source.checked_rem(at)).collect())
        };
        all.into_iter().enumerate().map(limited).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn merging_follows_its_definition(all in definitions(), merge_first in any::<bool>()) {
        let mut yaml = String::new();
        for (at, (own, sources)) in all.iter().enumerate() {
            let own: String = own.iter().map(|(key, value)| format!("k{key}: {value}, ")).collect();
            let aliases: Vec<String> = sources.iter().map(|source| format!("*m{source}")).collect();
            let merge = match &aliases[..] {
                [] => String::new(),
                [one] => format!("<<: {one}, "),
                several => format!("<<: [{}], ", several.join(", ")),
            };
            let pairs = if merge_first { merge + &own } else { own + &merge };
            yaml += &format!("m{at}: &m{at} {{{pairs}}}\n");
        }
        let types: BTreeMap<String, BTreeMap<String, u8>> =
            span_tape::from_str_with_options(&yaml, &merging()).expect("mergeable");
        for at in 0..all.len() {
            let expected: BTreeMap<String, u8> =
                model(&all, at).into_iter().map(|(key, value)| (format!("k{key}"), value)).collect();
            let name = format!("m{at}");
            assert_eq!(types[&name], expected, "{}", yaml);
            let found = pairs(&yaml, &name, &merging()).expect("mergeable");
            let count = found.len();
            let found: BTreeMap<String, u8> =
                found.into_iter().map(|(key, value)| (key, value.parse().expect("a number"))).collect();
            assert_eq!((&found, count), (&expected, expected.len()), "{}", yaml);
        }
    }
}
