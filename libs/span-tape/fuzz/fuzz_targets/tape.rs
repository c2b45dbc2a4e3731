//! Fuzzes the tape with any bytes: every way to parse rejects them or gives the same result, and no call panics or
//! hangs.
#![no_main]

use std::{io::Write, os::fd::AsRawFd, path::PathBuf};

use libfuzzer_sys::fuzz_target;
use span_tape::{Decoding, Error, Indentation, Node, NodeKind, Options, Source, Tape, Windowed, Word};

/// Returns the results of all calls on all nodes, in order.
fn asked<S: Source>(tape: &Tape<S>) -> Result<Vec<String>, Error> {
    let mut answers = Vec::new();
    for root in tape.documents().filter_map(|document| document.root()) {
        ask(root, &mut answers)?;
    }
    Ok(answers)
}

fn ask<S: Source>(node: Node<'_, S, Word>, answers: &mut Vec<String>) -> Result<(), Error> {
    let (kind, span) = (node.kind(), node.span()?);
    assert!(node.position()?.offset <= span.end);
    assert!(span.start <= span.end && span.end <= u64::from(u32::MAX));
    // A collection has neither a text nor a value.
    let is_scalar = node.resolve().kind() == NodeKind::Scalar;
    assert_eq!(node.text().is_ok(), is_scalar);
    let text = if is_scalar { Some((node.text()?, node.scalar()?)) } else { None };
    assert_eq!(node.index()?.get("a")?, node.get("a")?);
    let pairs = (node.pairs().count(), node.entries()?.count());
    answers.push(format!(
        "{kind:?} {:?} {:?} {:?} {text:?} {pairs:?} {:?}",
        node.style()?,
        node.tag()?,
        node.anchor()?,
        node.get("a")?.map(|found| found.span()).transpose()?,
    ));
    let _ = node.at(1);
    assert_ne!(node.resolve().kind(), NodeKind::Alias);
    if kind == NodeKind::Sequence || kind == NodeKind::Mapping {
        for child in node.children() {
            ask(child, answers)?;
        }
    }
    Ok(())
}

/// Returns all results. Only a merge key may make a call fail, with the same message in every way to parse.
fn answers<S: Source>(tape: &Tape<S>) -> Result<Vec<String>, String> {
    asked(tape).map_err(|error| {
        assert!(matches!(error, Error::Merge { .. }), "{error}");
        error.to_string()
    })
}

fuzz_target!(|bytes: &[u8]| {
    let memory = rustix::fs::memfd_create("input", rustix::fs::MemfdFlags::CLOEXEC).expect("a memfd");
    let mut file = std::fs::File::from(memory);
    file.write_all(bytes).expect("written");
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));

    for (indentation, merge_keys) in [(Indentation::Strict, false), (Indentation::Lenient, true)] {
        let mut first: Option<Option<Result<Vec<String>, String>>> = None;
        for decoding in [Decoding::Lazy, Decoding::Eager] {
            let options = Options { decoding, indentation, merge_keys, ..Options::default() };
            let mut outcomes = Vec::new();
            if let Ok(text) = std::str::from_utf8(bytes) {
                outcomes.push(Tape::parse(text, &options).ok().map(|tape: Tape<_>| answers(&tape)));
            }
            for window in [1, options.window] {
                let tape: Result<Tape<Windowed>, _> = Tape::open(&path, &Options { window, ..options });
                outcomes.push(tape.ok().map(|tape| answers(&tape)));
            }
            for outcome in outcomes {
                assert_eq!(first.get_or_insert_with(|| outcome.clone()), &outcome);
            }
        }
    }
});
