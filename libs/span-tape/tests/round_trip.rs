//! Property tests: random documents round-trip in every way to parse, and all ways agree on any input, including
//! invalid ones.

mod common;

use proptest::{
    collection::vec,
    prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest},
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Style {
    Plain,
    Single,
    Double,
    Literal,
    Folded,
}

#[derive(Clone, Debug)]
enum Value {
    Scalar(String, Style),
    Sequence(Vec<Value>),
    Mapping(Vec<(String, Value)>),
    Flow(Box<Value>),
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zé][a-z0-9é ]{0,12}[a-z]",
        "[a-zA-Zß]{0,3}",
        "(([a-zé][a-z é:#-]{0,9}[a-z])?\n){0,5}",
        "[a-z]([a-z,]{1,9}\n{1,3}){1,3}[a-z]{1,3}\n{0,3}",
        any::<String>().prop_map(|text| text.replace(['\0', '\u{fffe}', '\u{ffff}'], "")),
    ]
}

fn style() -> impl Strategy<Value = Style> {
    prop_oneof![Just(Style::Plain), Just(Style::Single), Just(Style::Double), Just(Style::Literal), Just(Style::Folded)]
}

fn value() -> impl Strategy<Value = Value> {
    let scalar = (text(), style()).prop_map(|(text, style)| Value::Scalar(text, style));
    scalar.prop_recursive(5, 60, 5, |inner| {
        let pair = ("[a-z]{1,8}", inner.clone());
        prop_oneof![
            vec(inner.clone(), 1..5).prop_map(Value::Sequence),
            vec(pair, 1..5).prop_map(Value::Mapping),
            inner.prop_map(|value| Value::Flow(Box::new(value))),
        ]
    })
}

/// Returns the wanted style if it can represent the text, otherwise double quotes.
fn possible(text: &str, wanted: Style, in_flow: bool) -> Style {
    let words = |text: &str| {
        let good = |c: char| c.is_alphanumeric() && c != '\u{feff}' || c == ' ';
        text.chars().all(good) && !text.starts_with(' ') && !text.ends_with(' ') && !text.is_empty()
    };
    let ok = match wanted {
        Style::Plain => words(text),
        Style::Single => text.chars().all(|c| c == ' ' || c == '\'' || c.is_alphanumeric()),
        Style::Double => true,
        Style::Literal | Style::Folded => {
            let lines = text.trim_end_matches('\n');
            !in_flow
                && !lines.is_empty()
                && !lines.starts_with('\n')
                && lines.split('\n').all(|line| line.is_empty() || words(line))
        }
    };
    if ok { wanted } else { Style::Double }
}

fn scalar(text: &str, style: Style, indent: &str, out: &mut String) {
    match style {
        Style::Plain => out.push_str(text),
        Style::Single => *out += &format!("'{}'", text.replace('\'', "''")),
        Style::Double => {
            out.push('"');
            for c in text.chars() {
                match c {
                    '"' => out.push_str("\\\""),
                    '\\' => out.push_str("\\\\"),
                    '\n' => out.push_str("\\n"),
                    c if c.is_ascii_graphic() || c == ' ' || c.is_alphabetic() => out.push(c),
                    c => *out += &format!("\\U{:08x}", u32::from(c)),
                }
            }
            out.push('"');
        }
        Style::Literal | Style::Folded => {
            let body = text.trim_end_matches('\n');
            let chomp = match text.len() - body.len() {
                0 => "-",
                1 => "",
                _ => "+",
            };
            out.push_str(if style == Style::Literal { "|" } else { ">" });
            out.push_str(chomp);
            // Folding removes the first line break of a run.
            let more = if style == Style::Folded { "\n" } else { "" };
            let mut body_lines = String::new();
            for (index, line) in body.split('\n').enumerate() {
                let run_begins = index > 0 && !body_lines.ends_with('\n');
                body_lines +=
                    &format!("{}{}{line}", if run_begins { more } else { "" }, if index > 0 { "\n" } else { "" });
            }
            let body = body_lines;
            for line in body.split('\n') {
                out.push('\n');
                if !line.is_empty() {
                    *out += &format!("{indent}{line}");
                }
            }
            out.push_str(&"\n".repeat((text.len() - text.trim_end_matches('\n').len()).saturating_sub(1)));
        }
    }
}

fn emit(value: &Value, indent: &str, in_flow: bool, out: &mut String, events: &mut Vec<String>) {
    let deeper = format!("{indent}  ");
    match value {
        Value::Flow(inner) => emit(inner, indent, true, out, events),
        Value::Scalar(text, wanted) => {
            let style = possible(text, *wanted, in_flow);
            scalar(text, style, indent, out);
            let mark = [':', '\'', '"', '|', '>'][style as usize];
            let text = text.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t");
            events.push(format!("=VAL {mark}{}", text.replace('\r', "\\r").replace('\x08', "\\b")));
        }
        Value::Sequence(items) => {
            events.push(if in_flow { "+SEQ []" } else { "+SEQ" }.to_owned());
            out.push_str(if in_flow { "[" } else { "" });
            for item in items {
                if !in_flow {
                    *out += &format!("\n{indent}- ");
                }
                emit(item, &deeper, in_flow, out, events);
                out.push_str(if in_flow { ", " } else { "" });
            }
            out.push_str(if in_flow { "]" } else { "" });
            events.push("-SEQ".to_owned());
        }
        Value::Mapping(pairs) => {
            events.push(if in_flow { "+MAP {}" } else { "+MAP" }.to_owned());
            out.push_str(if in_flow { "{" } else { "" });
            for (key, item) in pairs {
                if !in_flow {
                    *out += &format!("\n{indent}");
                }
                *out += &format!("{key}: ");
                events.push(format!("=VAL :{key}"));
                emit(item, &deeper, in_flow, out, events);
                out.push_str(if in_flow { ", " } else { "" });
            }
            out.push_str(if in_flow { "}" } else { "" });
            events.push("-MAP".to_owned());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn documents_round_trip(documents in vec(value(), 1..3)) {
        let (mut yaml, mut events) = (String::new(), vec!["+STR".to_owned()]);
        for document in &documents {
            yaml += "--- ";
            events.push("+DOC ---".to_owned());
            emit(document, " ", false, &mut yaml, &mut events);
            yaml.push('\n');
            events.push("-DOC".to_owned());
        }
        events.push("-STR".to_owned());
        proptest::prop_assert_eq!(common::answer(yaml.as_bytes()), Some(events), "{}", yaml);
    }

    #[test]
    fn all_ways_to_parse_agree_on_texts_of_indicators(
        yaml in "([-?:,\\[\\]{}#&*!|>'\"%@` \n\t\r\\\\aé]|- |: |\n  |\\? |&a |\\*a |---\n|>-\n| \\|\n){0,40}",
    ) {
        common::answer(yaml.as_bytes());
    }

    #[test]
    fn all_ways_to_parse_agree_on_any_bytes(bytes in vec(any::<u8>(), 0..60)) {
        common::answer(&bytes);
    }
}
