//! The events of granit-parser, an independent implementation, in the format of the yaml-test-suite.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, StructureStyle, Tag, options};

/// Returns the events of granit-parser, or its message. Anchors and aliases are numbered in the order of their nodes.
pub(crate) fn granit(yaml: &str) -> Result<Vec<String>, String> {
    let options = options! { strict_indentation: true, emit_comments: false };
    let mut events = vec!["+STR".to_owned()];
    let mut numbers = HashMap::new();
    let mut properties = |anchor: usize, tag: Option<&Tag>| {
        let count = numbers.len();
        let number = *numbers.entry(anchor).or_insert(count);
        let anchor = if anchor == 0 { String::new() } else { format!(" &{number}") };
        let tag = tag.map(|tag| format!(" <{}{}>", tag.handle(), tag.suffix())).unwrap_or_default();
        anchor + &tag
    };
    properties(0, None);
    for next in Parser::new_from_str_with_options(yaml, options) {
        let (event, span) = next.map_err(|error| error.to_string())?;
        events.push(match event {
            Event::DocumentStart(marked, _) => if marked { "+DOC ---" } else { "+DOC" }.to_owned(),
            Event::DocumentEnd => "-DOC".to_owned(),
            Event::SequenceStart(style, anchor, tag) => {
                let flow = if style == StructureStyle::Flow { " []" } else { "" };
                format!("+SEQ{flow}{}", properties(anchor, tag.as_deref()))
            }
            Event::MappingStart(style, anchor, tag) => {
                let flow = if style == StructureStyle::Flow { " {}" } else { "" };
                format!("+MAP{flow}{}", properties(anchor, tag.as_deref()))
            }
            Event::SequenceEnd => "-SEQ".to_owned(),
            Event::MappingEnd => "-MAP".to_owned(),
            Event::Alias(anchor) => format!("=ALI{}", properties(anchor, None)),
            Event::Scalar(text, style, anchor, tag) => {
                let omitted = style == ScalarStyle::Plain && span.start.byte_offset() >= span.end.byte_offset();
                let mark = match style {
                    ScalarStyle::SingleQuoted => '\'',
                    ScalarStyle::DoubleQuoted => '"',
                    ScalarStyle::Literal => '|',
                    ScalarStyle::Folded => '>',
                    _ => ':',
                };
                let text = if omitted { "" } else { &*text };
                format!("=VAL{} {mark}{}", properties(anchor, tag.as_deref()), super::common::escaped(text))
            }
            _ => continue,
        });
    }
    events.push("-STR".to_owned());
    Ok(events)
}

/// Numbers the anchors and aliases of a tape's events as [`granit`] does.
pub(crate) fn numbered(events: Vec<String>) -> Vec<String> {
    let (mut last, mut count) = (HashMap::new(), 0);
    let number = |mut event: String| {
        if let Some(name) = event.strip_prefix("=ALI *") {
            return format!("=ALI &{}", last.get(name).copied().unwrap_or(0));
        }
        let after = event.find(" &").filter(|at| *at <= 7 && !event[..*at].contains([':', '\'', '"', '|', '>']));
        if let Some(at) = after {
            count += 1;
            let end = event[at + 2..].find(' ').map_or(event.len(), |end| at + 2 + end);
            last.insert(event[at + 2..end].to_owned(), count);
            event.replace_range(at + 2..end, &count.to_string());
        }
        event
    };
    events.into_iter().map(number).collect()
}
