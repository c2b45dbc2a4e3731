//! The span tape as a [`Subject`].

use highwater_worker::CaseResult;
use span_tape::{Decoding, Layout, Node, NodeKind, Options, Source, Tape, WideWord, Word};

use crate::subject::{Document, Loaded, Subject, While};

/// The span tape, with its time of decoding and its node size.
#[derive(Clone, Copy, Debug)]
pub struct SpanTape {
    /// When scalars are decoded.
    pub decoding: Decoding,
    /// Whether a node takes sixteen bytes instead of eight.
    pub wide: bool,
}

impl SpanTape {
    /// Decodes scalars on access; eight bytes per node.
    pub const LAZY: Self = Self { decoding: Decoding::Lazy, wide: false };
    /// Decodes scalars while parsing; eight bytes per node.
    pub const EAGER: Self = Self { decoding: Decoding::Eager, wide: false };

    fn with<W: Layout>(self, input: Loaded, then: &mut While<'_>) -> CaseResult {
        let options = Options { decoding: self.decoding, ..Options::default() };
        match input {
            Loaded::Text(text) => then(&Tape::<_, W>::parse(text, &options)?),
            Loaded::Mapped(mapped) => then(&Tape::<_, W>::parse(mapped, &options)?),
            Loaded::File(file) => then(&Tape::<_, W>::parse_file(file, &options)?),
        }
    }
}

impl Subject for SpanTape {
    fn parse(&self, input: Loaded, then: &mut While<'_>) -> CaseResult {
        if self.wide { self.with::<WideWord>(input, then) } else { self.with::<Word>(input, then) }
    }
}

impl<S: Source, W: Layout> Document for Tape<S, W> {
    fn walk(&self) -> CaseResult<u64> {
        let roots = self.documents().filter_map(|document| document.root());
        roots.map(scalars).sum()
    }

    fn documents(&self) -> Option<u64> {
        Some(self.documents().count() as u64)
    }

    fn parts(&self) -> Vec<(&'static str, u64)> {
        vec![("tree_bytes", self.node_bytes() as u64), ("strings_bytes", self.decoded_bytes() as u64)]
    }
}

/// Counts scalars. Aliases are not followed, because their targets are visited where they are defined.
fn scalars<S: Source, W: Layout>(node: Node<'_, S, W>) -> CaseResult<u64> {
    match node.kind() {
        NodeKind::Scalar => {
            std::hint::black_box(node.text()?);
            Ok(1)
        }
        NodeKind::Alias => Ok(0),
        NodeKind::Sequence | NodeKind::Mapping => node.children().map(scalars).sum(),
    }
}
