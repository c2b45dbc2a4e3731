//! Compares the tape with the reference parser that is generated from the grammar of the specification, on mutated cases
//! of the yaml-test-suite: `cargo run --release -p span-tape --example reference -- LIB [INPUTS] [SEED]`.
//!
//! LIB is `parser-1.2/javascript/lib` of a copy of github.com/yaml/yaml-reference-parser, whose only dependency is the npm
//! package `ingy-prelude` (`NODE_PATH` says where that is). Differences that are known are counted by kind; any other
//! is printed, and the exit status is 1.

#[path = "../tests/common/mod.rs"]
#[allow(dead_code)]
mod common;

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    io::{BufRead, BufReader, Write},
    process::{Command, ExitCode, Stdio},
    thread,
};

use common::mutation::{Random, mutated, suite};
use span_tape::{Options, Tape, Word};

fn own(yaml: &str) -> Result<Vec<String>, String> {
    let tape = Tape::<_, Word>::parse(yaml, &Options::default()).map_err(|error| error.to_string())?;
    common::events(&tape).map_err(|error| error.to_string())
}

/// The kind of a difference, if it is one of those that are known: what a grammar cannot check, and errors of the reference
/// parser.
fn known(yaml: &str, own: &Result<Vec<String>, String>, reference: Option<&[String]>) -> Option<&'static str> {
    match (own, reference) {
        (Err(error), Some(_)) if error.contains("no anchor before it has this name") => {
            Some("an alias without an anchor, which the grammar does not check")
        }
        // `%YAML` and `%TAG` with other parameters match the rule of reserved directives.
        (Err(error), Some(_))
            if ["a version such as", "a handle such as", "the version is given twice", "only YAML 1 is known"]
                .iter()
                .any(|what| error.contains(what)) =>
        {
            Some("a directive with the wrong parameters, which the grammar takes for a reserved one")
        }
        // The grammar lets the `-` of a compact sequence follow `?` and `:` without a space.
        (Err(_), Some(_)) if yaml.lines().any(|line| is_compact_without_space(line.trim_start())) => {
            Some("`?-` or `:-` without a space, which the grammar permits")
        }
        // The parent of a scalar in the root has the indentation -1 in the grammar, and 0 in all other parsers.
        (_, Some(reference)) if has_indicator(yaml) && reference.iter().any(|event| is_block(event)) => {
            Some("a block scalar in the root with an indicator, which the grammar counts from -1")
        }
        (Ok(own), None) if own.iter().any(|event| is_block(event)) && yaml.lines().any(is_blank_but_not_empty) => {
            Some("a block scalar without indentation and with blank lines, which the reference refuses")
        }
        (Ok(_), _) if yaml.lines().any(is_value_without_space) && yaml.contains('?') => {
            Some("`:key` after an explicit key: a plain scalar, or by the grammar also `: key` without the space")
        }
        // The empty line is a line break in the text; the reference folds it to a space.
        (Ok(_), Some(_)) if has_escaped_break_and_empty_line(yaml) => Some("an escaped line break and an empty line"),
        (Ok(_), None) if yaml.lines().any(|line| line.trim_start() == "\\") => {
            Some("an escaped line break at the start of a line, which the grammar does not permit")
        }
        (Ok(_), _) if yaml.contains('\r') => Some("carriage returns, which it does not read as line breaks everywhere"),
        (Ok(_), None) if yaml.contains('\u{feff}') => Some("a byte order mark that the reference refuses"),
        // It counts the line of a blank one twice, or one that the scalar does not contain.
        (Ok(own), Some(reference)) if without_breaks(own) == without_breaks(reference) => {
            Some("line breaks of blank lines in block scalars, of which the reference adds some")
        }
        (Err(_), Some(reference)) if has_shallow_block(yaml, reference) => {
            Some("a block scalar that is less indented than its parent, which the reference accepts")
        }
        _ => None,
    }
}

/// Whether there is the header of a block scalar with an indentation indicator.
fn has_indicator(yaml: &str) -> bool {
    let bytes = yaml.as_bytes();
    bytes
        .windows(3)
        .any(|three| matches!(three, [b'|' | b'>', b'1'..=b'9', _] | [b'|' | b'>', b'+' | b'-', b'1'..=b'9']))
}

fn is_blank_but_not_empty(line: &str) -> bool {
    !line.is_empty() && line.trim_start_matches(' ').is_empty()
}

/// Whether the reference took lines for a block scalar that are indented less than the line of its header.
fn has_shallow_block(yaml: &str, reference: &[String]) -> bool {
    let indentation = |line: &str| line.len() - line.trim_start_matches(' ').len();
    // Below entries in one line, such as `- ? key: |`, the last one counts.
    let of_entry = |line: &str| {
        let rest = line.trim_start_matches(|c: char| " \t-?:".contains(c));
        line.len() - rest.len()
    };
    let scalars = || reference.iter().filter(|event| is_block(event));
    let lines: Vec<&str> = yaml.lines().collect();
    lines.windows(2).any(|pair| {
        let [header, content] = [pair[0], pair[1]];
        let is_header = header.contains(['|', '>']);
        let is_shallow = !content.is_empty() && indentation(content) < of_entry(header);
        is_header && is_shallow && scalars().any(|event| event.contains(content.trim()))
    })
}

fn has_escaped_break_and_empty_line(yaml: &str) -> bool {
    let lines: Vec<&str> = yaml.lines().collect();
    lines.windows(2).any(|pair| pair[0].ends_with('\\') && pair[1].trim().is_empty())
}

fn is_value_without_space(line: &str) -> bool {
    let mut characters = line.trim_start().chars();
    characters.next() == Some(':') && characters.next().is_some_and(|next| !next.is_whitespace())
}

fn is_compact_without_space(line: &str) -> bool {
    let mut characters = line.chars();
    matches!(characters.next(), Some('?' | ':')) && matches!(characters.next(), Some('-' | '?' | ':'))
}

fn is_block(event: &str) -> bool {
    event.starts_with("=VAL") && [" |", " >"].iter().any(|style| event.contains(style))
}

/// The events without the line breaks of block scalars.
fn without_breaks(events: &[String]) -> Vec<String> {
    let bare =
        |event: &String| if is_block(event) { event.replace("\\n", "").trim_end().to_owned() } else { event.clone() };
    events.iter().map(bare).collect()
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let lib = arguments.next().ok_or("usage: reference LIB [INPUTS] [SEED]")?;
    let inputs: usize = arguments.next().map_or(Ok(100_000), |count| count.parse())?;
    let seed: u64 = arguments.next().map_or(Ok(1), |seed| seed.parse())?;
    let cases = suite();
    let mut random = Random(seed);
    let texts: Vec<String> = (0..inputs)
        .map(|number| match cases.get(number) {
            Some(case) => case.clone(),
            None => mutated(&cases[random.below(cases.len())], &mut random),
        })
        .collect();

    let driver = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/driver.js");
    let mut node = Command::new("node");
    let node = node.args(["--stack-size=4000", driver, &lib]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut node = node.spawn().map_err(|error| format!("node: {error}"))?;
    let mut input = node.stdin.take().ok_or("no input")?;
    let lines: Vec<String> = texts.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    let writer = thread::spawn(move || lines.iter().try_for_each(|line| writeln!(input, "{line}")));

    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut unknown = 0;
    let mut answers = BufReader::new(node.stdout.take().ok_or("no output")?).lines();
    for yaml in &texts {
        let answer = answers.next().ok_or("the reference parser ended early")??;
        let kind = if answer == "\"slow\"" {
            "too slow there"
        } else {
            let reference: Option<Vec<String>> = serde_json::from_str(&answer)?;
            match (own(yaml), reference) {
                (Ok(own), Some(reference)) if own == reference => "equal",
                (Err(_), None) => "refused by both",
                (own, reference) => known(yaml, &own, reference.as_deref()).unwrap_or_else(|| {
                    unknown += 1;
                    println!("{yaml:?}\n  own {own:?}\n  ref {reference:?}");
                    "unknown"
                }),
            }
        };
        *counts.entry(kind).or_default() += 1;
    }
    writer.join().map_err(|_| "the writer panicked")??;
    node.wait()?;
    for (kind, count) in counts {
        println!("{count:8} {kind}");
    }
    Ok(if unknown > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
