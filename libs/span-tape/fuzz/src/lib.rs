//! What the fuzz targets share: a file in memory, and the answers of a tape to all calls on all its nodes.

use std::{fs::File, io::Write, os::fd::AsRawFd, path::PathBuf};

use span_tape::{Error, Layout, Node, NodeKind, Source, Tape};

/// A file in memory, and the path at which it can be opened while it lives.
///
/// # Panics
/// When the system is out of memory.
#[must_use]
pub fn in_memory(bytes: &[u8]) -> (File, PathBuf) {
    let memory = rustix::fs::memfd_create("input", rustix::fs::MemfdFlags::CLOEXEC).expect("a memfd");
    let mut file = File::from(memory);
    file.write_all(bytes).expect("written");
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    (file, path)
}

/// All answers of a tape, in order. Only a merge key may make a call fail, with the same message in every way to parse.
///
/// # Errors
/// The message of that.
///
/// # Panics
/// When another call fails, or two answers contradict each other.
pub fn answers<S: Source, W: Layout>(tape: &Tape<S, W>) -> Result<Vec<String>, String> {
    let mut answers = Vec::new();
    for root in tape.documents().filter_map(|document| document.root()) {
        ask(root, &mut answers).map_err(|error| {
            assert!(matches!(error, Error::Merge { .. }), "{error}");
            error.to_string()
        })?;
    }
    Ok(answers)
}

fn ask<S: Source, W: Layout>(node: Node<'_, S, W>, answers: &mut Vec<String>) -> Result<(), Error> {
    let (kind, span) = (node.kind(), node.span()?);
    assert!(node.position()?.offset <= span.end);
    assert!(span.start <= span.end && span.end <= u64::from(u32::MAX));
    // A collection has neither a text nor a value.
    let is_scalar = node.resolve().kind() == NodeKind::Scalar;
    assert_eq!(node.text().is_ok(), is_scalar);
    let text = if is_scalar { Some((node.text()?, node.scalar()?)) } else { None };
    let index = node.index()?;
    assert_eq!(index.get("a")?, node.get("a")?);
    // Every key that is a text is found, as the first of its kind.
    for (key, _) in node.entries()? {
        if let Ok(text) = key.text() {
            let found = node.get(&text)?;
            assert!(found.is_some());
            assert_eq!(index.get(&text)?, found);
        }
    }
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
