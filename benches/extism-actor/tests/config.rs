//! Tests of the actor host's configuration file: valid files, and the error for each kind of mistake.

use std::path::Path;

use extism_actor::{
    MemoryLimit,
    config::{ActorConfig, ConfigError, parse, read},
};

const PATH: &str = "actors.json";

fn parsed(text: &str) -> Result<Vec<ActorConfig>, ConfigError> {
    parse(text, Path::new(PATH))
}

#[test]
fn the_documents_entry_is_read_from_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(PATH);
    let text = r#"{ "component": "MemoryIntensiveActor", "metadata": { "memory_limit_mb": 64 } }"#;
    std::fs::write(&path, text).expect("written");
    let [actor] = read(&path).expect("usable").try_into().expect("one entry");
    assert_eq!((actor.component.as_str(), actor.limit.bytes()), ("MemoryIntensiveActor", 64 << 20));
    assert_eq!(actor.limit.pages(), 1024);
}

#[test]
fn the_limit_has_a_default_and_an_inclusive_range() {
    let text = r#"[{ "component": "a" },
        { "component": "b", "metadata": { "memory_limit_mb": 1 } },
        { "component": "c", "metadata": { "memory_limit_mb": 100 } },
        { "component": "d", "metadata": { "memory_limit_mb": 32.0 } }]"#;
    let limits: Vec<u64> = parsed(text).expect("usable").iter().map(|actor| actor.limit.bytes() >> 20).collect();
    assert_eq!(limits, [16, 1, 100, 32]);
    assert_eq!((MemoryLimit::mib(0), MemoryLimit::mib(101)), (None, None));
    assert!(parsed("[]").expect("usable").is_empty());
}

#[test]
fn errors_are_one_line_with_file_entry_and_advice() {
    let limited = |limit: &str| format!(r#"{{ "component": "a", "metadata": {{ "memory_limit_mb": {limit} }} }}"#);
    let cases = [
        (limited("0"), "memory_limit_mb is 0, but an actor needs memory; omit `metadata` for 16 MiB"),
        (limited("0.0"), "memory_limit_mb is 0, but an actor"),
        (limited("-1"), "memory_limit_mb is -1; it must be from 1 to 100"),
        (limited("-0.5"), "memory_limit_mb is -0.5; it must be from 1 to 100"),
        (limited("1.5"), "memory_limit_mb is 1.5; it must be a whole number of MiB"),
        (limited("101"), "memory_limit_mb is 101, above the maximum of 100"),
        (limited("18446744073709551615"), "above the maximum of 100"),
        (limited("1e300"), "above the maximum of 100"),
        (limited("\"64\""), "memory_limit_mb is \"64\", but must be a number of MiB"),
        (limited("null"), "memory_limit_mb is null, but must be a number of MiB"),
        (limited("[64]"), "memory_limit_mb is an array, but must be a number of MiB"),
        (r#"{ "component": "a", "metadata": {} }"#.into(), "memory_limit_mb is missing; omit `metadata`"),
        (r#"{ "component": "a", "metadata": 64 }"#.into(), "metadata is 64, but must be an object"),
        (r#"{ "component": "a", "metadata": { "memory_limit": 64 } }"#.into(), "unknown key `memory_limit`"),
        (r#"{ "metadata": { "memory_limit_mb": 64 } }"#.into(), "component is missing; name the component"),
        (r#"{ "component": 7 }"#.into(), "component is 7, but must be text"),
        (r#"{ "component": " " }"#.into(), "component is empty"),
        (r#"{ "component": "a", "memory_limit_mb": 64 }"#.into(), "unknown key `memory_limit_mb`"),
        ("7".into(), "the entry is 7, but must be an object"),
    ];
    for (text, expected) in cases {
        let error = parsed(&text).expect_err(&text).to_string();
        assert!(error.starts_with("actors.json: entry 1: ") && error.contains(expected), "{text}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn a_duplicate_error_names_both_entries() {
    let error = parsed(r#"[{ "component": "b" }, { "component": "a" }, { "component": "b" }]"#).expect_err("twice");
    assert_eq!(error.to_string(), "actors.json: entry 3: component `b` duplicates entry 1; keep one");
}

#[test]
fn missing_and_malformed_files_are_reported_with_their_path() {
    let error = read(Path::new("no/such.json")).expect_err("missing").to_string();
    assert!(error.starts_with("no/such.json: "), "{error}");
    let error = parsed("{ \"component\": ").expect_err("incomplete").to_string();
    assert!(error.starts_with("actors.json: not JSON: "), "{error}");
}
