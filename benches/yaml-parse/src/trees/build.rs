//! Builds nodes of any kind from the parser's events, without recursion.

use std::borrow::Cow;

use granit_parser::{Event, Parser, options};
use highwater_worker::CaseResult;
use span_tape::Limits;

use crate::subject::refused;

/// Creates the nodes of a tree. The nodes of a mapping are its keys and values, alternating.
pub(super) trait Store<'i> {
    type Node;
    fn scalar(&mut self, text: Cow<'i, str>) -> Self::Node;
    fn collection(&mut self, is_mapping: bool, nodes: Vec<Self::Node>) -> Self::Node;
    fn alias(&mut self, anchor: usize) -> Self::Node;
}

/// Calls `each` with every event of granit-parser. Limits are those of the tape.
pub(super) fn events<'i>(text: &'i str, mut each: impl FnMut(Event<'i>)) -> CaseResult {
    let depth = Limits::default().depth;
    let options = options! {
        strict_indentation: true,
        emit_comments: false,
        flow_nesting_limit: depth,
        block_nesting_limit: depth,
    };
    for next in Parser::new_from_str_with_options(text, options) {
        each(next.map_err(refused)?.0);
    }
    Ok(())
}

/// Returns the roots of all documents.
pub(super) fn roots<'i, S: Store<'i>>(text: &'i str, store: &mut S) -> CaseResult<Vec<S::Node>> {
    let mut open = vec![Vec::new()];
    events(text, |event| {
        let node = match event {
            Event::Scalar(text, ..) => store.scalar(text),
            Event::Alias(anchor) => store.alias(anchor),
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                open.push(Vec::new());
                return;
            }
            end @ (Event::SequenceEnd | Event::MappingEnd) => {
                let nodes = open.pop().unwrap_or_default();
                store.collection(end == Event::MappingEnd, nodes)
            }
            _ => return,
        };
        if let Some(parent) = open.last_mut() {
            parent.push(node);
        }
    })?;
    Ok(open.pop().unwrap_or_default())
}
