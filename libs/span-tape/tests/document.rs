//! Tests of the document library's public interface.

use std::{borrow::Cow, io::Write};

use span_tape::{
    Decoding, Encoding, Error, Limit, Limits, Mapped, NodeKind, Options, Pages, Position, Scalar, Tape, Windowed,
};
use tempfile::NamedTempFile;

const MANIFEST: &str = "\
%TAG !e! tag:example.com,2026:
---
name: &name front # a comment
replicas: 3
ratio: 0.5
quoted: '3'
empty:
enabled: true
tagged: !e!thing {a: 1}
forced: !!str 3
text: >-
  folded
  line
script: |
  one
    two
ports: [80, 0x1bb, *name]
again: *name
---
- second
";

fn tape(text: &str) -> Tape<&str> {
    Tape::parse(text, &Options::default()).expect("well formed")
}

fn file(text: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a file");
    file.write_all(text).expect("written");
    file
}

#[test]
fn values_have_core_schema_types_by_key_and_by_index() {
    let tape = tape(MANIFEST);
    let documents: Vec<_> = tape.documents().map(|document| document.root().expect("not empty")).collect();
    let root = documents[0];
    let value = |key: &str| root.get(key).expect("in memory").expect(key).scalar().expect("in memory");
    assert_eq!(value("replicas"), Scalar::Int(3));
    assert_eq!(value("ratio"), Scalar::Float(0.5));
    assert_eq!(value("quoted"), Scalar::Str("3".into()));
    assert_eq!(value("empty"), Scalar::Null);
    assert_eq!(value("enabled"), Scalar::Bool(true));
    assert_eq!(value("forced"), Scalar::Str("3".into()));
    assert_eq!(value("text"), Scalar::Str("folded line".into()));
    assert_eq!(value("script"), Scalar::Str("one\n  two\n".into()));
    assert_eq!(value("again"), Scalar::Str("front".into()));
    let ports = root.get("ports").expect("in memory").expect("there");
    assert_eq!(ports.at(1).expect("there").scalar().expect("in memory"), Scalar::Int(443));
    assert_eq!((ports.at(3), root.at(0), ports.get("x").expect("in memory")), (None, None, None));
    assert_eq!(root.get("missing").expect("in memory"), None);
    assert_eq!(documents[1].at(0).expect("there").text().expect("in memory"), "second");
    assert_eq!(root.pairs().count(), 12);
}

#[test]
fn an_alias_is_the_same_node_and_not_a_copy() {
    let tape = tape(MANIFEST);
    let root = tape.documents().next().and_then(|document| document.root()).expect("not empty");
    let get = |key: &str| root.get(key).expect("in memory").expect(key);
    let alias = get("again");
    assert_eq!((alias.kind(), alias.resolve()), (NodeKind::Alias, get("name")));
    assert_eq!(get("ports").at(2).expect("there").resolve(), get("name"));
    assert_eq!(get("name").anchor().expect("in memory").as_deref(), Some("name"));
    assert_eq!(get("tagged").tag().expect("in memory").as_deref(), Some("tag:example.com,2026:thing"));
}

/// Nested aliases are not expanded: forty levels of three aliases take a few words per level, not three to the
/// fortieth.
#[test]
fn an_alias_bomb_is_not_expanded() {
    let mut bomb = "a0: &a0 [x, x, x]\n".to_owned();
    for level in 1..40 {
        let below = level - 1;
        bomb += &format!("a{level}: &a{level} [*a{below}, *a{below}, *a{below}]\n");
    }
    assert_eq!(tape(&bomb).nodes(), 2 + 40 * 6);
}

#[test]
fn spans_and_positions_lead_back_to_the_input() {
    let tape = tape(MANIFEST);
    let root = tape.documents().next().and_then(|document| document.root()).expect("not empty");
    let span = |key: &str| {
        let span = root.get(key).expect("in memory").expect(key).span().expect("in memory");
        &MANIFEST[span.start as usize..span.end as usize]
    };
    assert_eq!((span("name"), span("quoted")), ("front", "'3'"));
    assert_eq!(span("script"), "  one\n    two\n");
    assert_eq!(span("tagged"), "{a: 1}");
    assert_eq!((span("ports"), span("again")), ("[80, 0x1bb, *name]", "*name"));
    let ports = root.get("ports").expect("in memory").expect("there");
    let position = ports.at(1).expect("there").position().expect("in memory");
    assert_eq!((position.line, position.column), (17, 13));
    assert_eq!(position.to_string(), "line 17 column 13");
}

#[test]
fn texts_are_borrowed_if_verbatim_or_decoded_eagerly() {
    for (decoding, folded_is_borrowed) in [(Decoding::Lazy, false), (Decoding::Eager, true)] {
        let options = Options { decoding, ..Options::default() };
        let tape: Tape<_> = Tape::parse(MANIFEST, &options).expect("well formed");
        let root = tape.documents().next().and_then(|document| document.root()).expect("not empty");
        let is_borrowed = |key: &str| {
            let text = root.get(key).expect("in memory").expect(key).text();
            matches!(text, Ok(Cow::Borrowed(_)))
        };
        assert!(is_borrowed("name") && is_borrowed("quoted"));
        assert_eq!(is_borrowed("text"), folded_is_borrowed);
    }
}

#[test]
fn every_limit_has_a_typed_error_with_its_position() {
    let refused = |yaml: &str, limits: Limits| {
        let error = Tape::<_>::parse(yaml, &Options { limits, ..Options::default() }).expect_err("too large");
        let Error::TooLarge { position, limit, most } = error else { panic!("{error}") };
        (limit, most, position.line, position.column)
    };
    let all = Limits::default();
    assert_eq!(refused("a: b\n", Limits { input: 4, ..all }), (Limit::Input, 4, 1, 1));
    assert_eq!(refused("a: b\nc: 'long'\n", Limits { scalar: 5, ..all }), (Limit::Scalar, 5, 2, 4));
    assert_eq!(refused("a: b\nc: d\n", Limits { nodes: 5, ..all }), (Limit::Nodes, 5, 2, 4));
    assert_eq!(refused("- [[[x]]]\n", Limits { depth: 3, ..all }), (Limit::Depth, 3, 1, 5));
    assert_eq!(refused("[[[[x]]]]\n", Limits { depth: 3, ..all }), (Limit::Depth, 3, 1, 4));
    assert_eq!(refused("- - - - x\n", Limits { depth: 3, ..all }).0, Limit::Depth);
    let deep = "? ".repeat(20_000);
    assert_eq!(refused(&deep, all).0, Limit::Depth);
}

#[test]
fn invalid_input_is_an_error_with_line_and_column() {
    let error_of = |yaml: &[u8]| {
        let file = file(yaml);
        let error = Tape::<Windowed>::open(file.path(), &Options::default()).expect_err("broken");
        // SAFETY: nothing else uses the file.
        let mapped = unsafe { Mapped::open(file.path(), Pages::Slide, &Limits::default()) };
        let mapped = mapped.and_then(|mapped| Tape::<_>::parse(mapped, &Options::default())).expect_err("broken");
        assert_eq!(error.to_string(), mapped.to_string());
        error
    };
    let position = Position { offset: 8, line: 2, column: 3 };
    assert!(matches!(error_of(b"a: \xc3\xa9\nb:\xff\n"), Error::NotUtf8 { position: found } if found == position));
    assert!(matches!(error_of(b"a: \xc3\xa9\nb:\0\n"), Error::Nul { position: found } if found == position));
    assert!(matches!(error_of(b"a: b\nc: [d\n"), Error::Syntax { .. }));
    assert!(matches!(error_of(b"a: *missing\n"), Error::Syntax { position, .. } if position.line == 1));
    assert_eq!(error_of(b"a: 'x\n").to_string().split(':').next(), Some("line 1 column 4"));
}

#[test]
fn a_file_in_another_encoding_is_read_but_not_mapped() {
    let utf16: Vec<u8> = format!("\u{feff}{MANIFEST}").encode_utf16().flat_map(u16::to_be_bytes).collect();
    let utf32: Vec<u8> = MANIFEST.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    for (bytes, expected) in [(utf16, Encoding::Utf16Be), (utf32, Encoding::Utf32Le)] {
        let file = file(&bytes);
        assert_eq!(span_tape::read(file.path(), &Limits::default()).expect("well formed"), MANIFEST);
        // SAFETY: nothing else uses the file.
        let mapped = unsafe { Mapped::open(file.path(), Pages::Slide, &Limits::default()) }.map(drop);
        let windowed = Tape::<Windowed>::open(file.path(), &Options::default()).map(drop);
        for refused in [mapped, windowed] {
            let error = refused.expect_err("not UTF-8");
            assert!(matches!(error, Error::Encoding { encoding, .. } if encoding == expected), "{error}");
        }
    }
}

#[test]
fn non_regular_files_are_rejected_without_blocking() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = |path: &std::path::Path| Tape::<Windowed>::open(path, &Options::default()).expect_err("no file");
    assert!(matches!(open(folder.path()), Error::NotAFile { what: "a directory", .. }));
    assert!(matches!(open(std::path::Path::new("/dev/zero")), Error::NotAFile { what: "a device", .. }));
    assert!(matches!(open(&folder.path().join("missing")), Error::Io { .. }));
    let pipe = folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).expect("a pipe");
    assert!(matches!(open(&pipe), Error::NotAFile { what: "a FIFO", .. }));
}

/// Sizes of windows from the least to the most that the option can have.
#[test]
fn a_window_of_any_size_gives_the_same_tape() {
    let file = file(MANIFEST.as_bytes());
    let expected: Tape<&str> = Tape::parse(MANIFEST, &Options::default()).expect("well formed");
    for window in [0, 1, 7, 100, usize::MAX / 2, usize::MAX - 1, usize::MAX] {
        let options = Options { window, ..Options::default() };
        let tape: Tape<Windowed> = Tape::open(file.path(), &options).expect("well formed");
        assert_eq!(tape.documents().count(), expected.documents().count(), "{window}");
        assert_eq!(tape.held_bytes(), expected.held_bytes(), "{window}");
    }
}

/// A mapping would raise SIGBUS here, but the window is read.
#[test]
fn truncating_or_modifying_an_open_file_is_an_error() {
    let yaml = format!("list:\n{}", "- an item of text\n".repeat(100_000));
    let opened = file(yaml.as_bytes());
    let windowed = Windowed::open(opened.path(), &Limits::default()).expect("a file");
    opened.as_file().set_len(4096 + 7).expect("cut");
    let error = Tape::<_>::parse_file(windowed, &Options::default()).expect_err("it is cut");
    assert!(matches!(error, Error::Cut { opened, left: 4103, .. } if opened == yaml.len() as u64), "{error}");

    let parsed = file(yaml.as_bytes());
    let tape: Tape<Windowed> = Tape::open(parsed.path(), &Options::default()).expect("well formed");
    let root = tape.documents().next().and_then(|document| document.root()).expect("not empty");
    let list = root.get("list").expect("whole").expect("there");
    let last = list.children().last().expect("not empty");
    assert_eq!(last.text().expect("whole"), "an item of text");
    parsed.as_file().set_len(10).expect("cut");
    assert!(matches!(list.at(50_000).expect("there").text(), Err(Error::Cut { .. })));

    let changed = file(yaml.as_bytes());
    let tape: Tape<Windowed> = Tape::open(changed.path(), &Options::default()).expect("well formed");
    std::thread::sleep(std::time::Duration::from_millis(20));
    std::fs::write(changed.path(), yaml.replace("text", "TEXT")).expect("written");
    let root = tape.documents().next().and_then(|document| document.root()).expect("not empty");
    assert!(matches!(root.get("list"), Err(Error::Changed { .. })));
}

#[test]
fn spans_cover_brackets_aliases_and_pairs() {
    let yaml =
        "- []\n- [x, [], # ] in a comment\n   {a: [b, ], ? c } ]\n- &a q\n- *a\n- [k: v, : , ? [z] : y, {}: w]\n";
    let tape = tape(yaml);
    let root = tape.documents().next().and_then(|document| document.root()).expect("not empty");
    let spans = |node: span_tape::Node<'_, _, _>| -> Vec<&str> {
        let span = |node: span_tape::Node<'_, _, _>| node.span().expect("in memory");
        node.children().map(|child| &yaml[span(child).start as usize..span(child).end as usize]).collect()
    };
    let second = "[x, [], # ] in a comment\n   {a: [b, ], ? c } ]";
    let last = "[k: v, : , ? [z] : y, {}: w]";
    assert_eq!(spans(root), ["[]", second, "q", "*a", last]);
    assert_eq!(spans(root.at(1).expect("there")), ["x", "[]", "{a: [b, ], ? c }"]);
    assert_eq!(spans(root.at(4).expect("there")), ["k: v", ":", "? [z] : y", "{}: w"]);
}

#[test]
fn a_collection_has_neither_a_text_nor_a_value() {
    let tape = tape("a: [b]\nc: &d {}\ne: *d\n");
    let root = tape.documents().next().and_then(|document| document.root()).expect("not empty");
    for (key, column) in [("a", 4), ("c", 7), ("e", 7)] {
        let node = root.get(key).expect("in memory").expect("there");
        let error = node.text().expect_err("a collection");
        assert!(matches!(error, Error::NotScalar { position } if position.column == column), "{error}");
        assert!(matches!(node.scalar(), Err(Error::NotScalar { .. })));
    }
}

/// Each input repeats what takes the most words per byte.
#[test]
fn no_input_takes_more_than_nine_times_its_size() {
    let bomb = format!("%TAG !e! tag:{}\n---\n", "x".repeat(1000));
    for (start, repeated, end) in [
        (&*bomb, "- !e!N a\n", ""),
        ("[", "!0,", "]"),
        ("[", "!,", "]"),
        ("[", ":,", "]"),
        ("[", "? ,", "]"),
        ("[", "a:,", "]"),
        ("{", "a,", "}"),
        ("{", ":,", "}"),
        ("[", "&a ,", "]"),
        ("[", "[],", "]"),
        ("", "-\n", ""),
        ("", "? \n", ""),
        ("", ":\n", ""),
        ("", "---\n", ""),
        ("[", "\"\\L\",", "]"),
        ("", "- |1\n  a\n", ""),
        ("", "%TAG !a! b\n---\n...\n", ""),
    ] {
        for decoding in [Decoding::Lazy, Decoding::Eager] {
            // Different suffixes of tags, keys and anchors take no more than equal ones.
            let body: String = (0..20_000).map(|n| repeated.replace('N', &n.to_string())).collect();
            let yaml = [start, &body, end].concat();
            let options = Options { decoding, ..Options::default() };
            let tape: Tape<_> = Tape::parse(&*yaml, &options).unwrap_or_else(|error| panic!("{repeated:?}: {error}"));
            let ratio = tape.held_bytes() as f64 / yaml.len() as f64;
            assert!(ratio <= 9.0, "{repeated:?} {decoding:?}: {ratio:.2}");
        }
    }
}

#[test]
fn an_index_finds_what_get_finds() {
    let mut yaml =
        "{\"quoted\": 0, 'single': 1, esc\\aped: 2, \"\\x41\": 3, A: 4, 12: 5, [c]: 6, &k key: 7, '': 8, *k : 9,"
            .to_owned();
    yaml += &(0..1000).map(|n| format!(" k{n}: {n},")).collect::<String>();
    yaml += "}";
    let file = file(yaml.as_bytes());
    let tape: Tape<Windowed> = Tape::open(file.path(), &Options::default()).expect("well formed");
    let root = tape.documents().next().and_then(|document| document.root()).expect("not empty");
    let index = root.index().expect("unchanged");
    let keys =
        ["quoted", "\"quoted\"", "single", "'single'", "esc\\aped", "A", "12", "c", "key", "", "k0", "k999", "k1000"];
    for key in keys {
        assert_eq!(index.get(key).expect("unchanged"), root.get(key).expect("unchanged"), "{key}");
    }
    assert_eq!(root.get("A").expect("unchanged").expect("there").scalar().expect("unchanged"), Scalar::Int(3));
    for pair in ["[:]", "[: , ]", "[? ]"] {
        let tape: Tape<_> = Tape::parse(pair, &Options::default()).expect("well formed");
        let root = tape.documents().next().and_then(|document| document.root()).expect("not empty");
        let pair = root.at(0).expect("there");
        assert_eq!((pair.kind(), pair.pairs().count()), (NodeKind::Mapping, 1));
        let value = pair.index().expect("in memory").get("").expect("in memory");
        assert_eq!(value, pair.get("").expect("in memory"));
        assert_eq!(value.expect("there").scalar().expect("in memory"), Scalar::Null);
    }
}

/// Files that were joined, the second with a byte order mark.
#[test]
fn a_byte_order_mark_at_the_start_of_a_line_ends_a_document() {
    for first in ["a", "a b\nc", "- a", "k: a", "|\na\n", "--- |\na\n", "--- >-\na\n", "'a'", "[a]", "--- a # b"] {
        for second in ["---\nb\n", "--- b", "# c\n--- b\n"] {
            let yaml = format!("{first}\n\u{feff}{second}");
            for decoding in [Decoding::Lazy, Decoding::Eager] {
                let options = Options { decoding, ..Options::default() };
                let tape: Tape<_> = Tape::parse(&*yaml, &options).unwrap_or_else(|error| panic!("{yaml:?}: {error}"));
                let texts: Vec<_> = tape.documents().filter_map(|document| document.root()).collect();
                assert_eq!(texts.len(), 2, "{yaml:?}");
                assert_eq!(texts[1].text().expect("a text"), "b", "{yaml:?}");
                let file = file(yaml.as_bytes());
                let windowed: Tape<Windowed> =
                    Tape::open(file.path(), &options).unwrap_or_else(|error| panic!("{yaml:?}: {error}"));
                assert_eq!(windowed.documents().count(), 2, "{yaml:?}");
            }
        }
    }
}
