//! Helpers shared by several tests: the events of a tape, and every way to parse one.

#[allow(dead_code)] // Not every test binary uses it.
pub(crate) mod mutation;

use span_tape::{
    Decoding, Document, Error, Layout, Mapped, Node, NodeKind, Options, Pages, Source, Style, Tape, WideWord, Windowed,
    Word,
};

/// Returns the events of all documents in the format of the yaml-test-suite, without its indentation and without
/// explicit document ends, which the tape does not record.
pub(crate) fn events<S: Source, W: Layout>(tape: &Tape<S, W>) -> Result<Vec<String>, Error> {
    let mut events = vec!["+STR".to_owned()];
    for document in tape.documents() {
        events.push(if Document::is_marked(&document) { "+DOC ---" } else { "+DOC" }.to_owned());
        if let Some(root) = document.root() {
            node_events(root, &mut events)?;
        }
        events.push("-DOC".to_owned());
    }
    events.push("-STR".to_owned());
    Ok(events)
}

fn node_events<S: Source, W: Layout>(node: Node<'_, S, W>, events: &mut Vec<String>) -> Result<(), Error> {
    let mut properties = String::new();
    if let Some(anchor) = node.anchor()? {
        properties += &format!(" &{anchor}");
    }
    if let Some(tag) = node.tag()? {
        properties += &format!(" <{tag}>");
    }
    let flow = node.style()? == Some(Style::Flow);
    match node.kind() {
        NodeKind::Sequence => events.push(format!("+SEQ{}{properties}", if flow { " []" } else { "" })),
        NodeKind::Mapping => events.push(format!("+MAP{}{properties}", if flow { " {}" } else { "" })),
        NodeKind::Alias => {
            let name = node.resolve().anchor()?.unwrap_or_default();
            events.push(format!("=ALI *{name}"));
            return Ok(());
        }
        NodeKind::Scalar => {
            let style = match node.style()? {
                Some(Style::SingleQuoted) => '\'',
                Some(Style::DoubleQuoted) => '"',
                Some(Style::Literal) => '|',
                Some(Style::Folded) => '>',
                _ => ':',
            };
            let text = node.text()?;
            events.push(format!("=VAL{properties} {style}{}", escaped(&text)));
            return Ok(());
        }
    }
    for child in node.children() {
        node_events(child, events)?;
    }
    events.push(if node.kind() == NodeKind::Sequence { "-SEQ" } else { "-MAP" }.to_owned());
    Ok(())
}

/// Parses in every way: eagerly and lazily decoded, in words of eight and sixteen bytes, from a text, from a mapping,
/// and through windows so small that they slide at every line.
#[allow(dead_code)] // Not every test binary uses it.
pub(crate) fn every_way(yaml: &[u8]) -> Vec<(String, Result<Vec<String>, Error>)> {
    every_way_with(yaml, &Options::default())
}

/// Parses in every way with options.
#[allow(dead_code)] // Not every test binary uses it.
pub(crate) fn every_way_with(yaml: &[u8], options: &Options) -> Vec<(String, Result<Vec<String>, Error>)> {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    std::io::Write::write_all(&mut file, yaml).expect("written");
    let path = file.path();
    let mut ways = Vec::new();
    for decoding in [Decoding::Lazy, Decoding::Eager] {
        let options = Options { decoding, ..*options };
        if let Ok(text) = std::str::from_utf8(yaml) {
            let tape = Tape::<_, Word>::parse(text, &options);
            ways.push((format!("text {decoding:?}"), tape.and_then(|tape| events(&tape))));
            let tape = Tape::<_, WideWord>::parse(text, &options);
            ways.push((format!("wide {decoding:?}"), tape.and_then(|tape| events(&tape))));
        }
        for pages in [Pages::Stay, Pages::Slide] {
            // SAFETY: nothing else uses the file.
            let mapped = unsafe { Mapped::open(path, pages, &options.limits) };
            let tape = mapped.and_then(|mapped| Tape::<_, Word>::parse(mapped, &options));
            ways.push((format!("map {pages:?} {decoding:?}"), tape.and_then(|tape| events(&tape))));
        }
        for window in [1, 64, options.window] {
            let tape = Tape::<Windowed, Word>::open(path, &Options { window, ..options });
            ways.push((format!("window of {window} {decoding:?}"), tape.and_then(|tape| events(&tape))));
        }
    }
    ways
}

/// Asserts that every way to parse gives the same events, or that all fail, and returns the events.
#[allow(dead_code)] // Not every test binary uses it.
pub(crate) fn answer(yaml: &[u8]) -> Option<Vec<String>> {
    let mut ways = every_way(yaml).into_iter();
    let (_, first) = ways.next().expect("there are ways");
    let first = first.ok();
    for (way, other) in ways {
        assert_eq!(other.as_ref().ok(), first.as_ref(), "{way}: {other:?}\n{:?}", String::from_utf8_lossy(yaml));
    }
    first
}

/// Escapes a text as the yaml-test-suite does.
pub(crate) fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t");
    text.replace('\r', "\\r").replace('\x08', "\\b")
}
