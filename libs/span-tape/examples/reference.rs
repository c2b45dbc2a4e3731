//! Compares the tape with the reference parser that is generated from the grammar of the specification, on mutated cases
//! of the yaml-test-suite: `cargo run --release -p span-tape --example reference -- LIB [INPUTS] [SEED] [ANSWERS]`.
//!
//! LIB is `parser-1.2/javascript/lib` of a copy of github.com/yaml/yaml-reference-parser, whose only dependency is the npm
//! package `ingy-prelude` (`NODE_PATH` says where that is). Differences that are known are counted by kind; any other
//! is printed, and the exit status is 1. If there is no other, the file ANSWERS gets a digest of each answer, which tests/reference.rs
//! compares without the reference parser.

#[path = "../tests/reference/answers.rs"]
mod answers;
#[path = "../tests/common/mod.rs"]
#[allow(dead_code)]
mod common;

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    fs,
    io::{BufRead, BufReader, Write},
    process::{Command, ExitCode, Stdio},
    thread,
};

use answers::{INPUTS, SEED, SLOW, digest, inputs, own};

/// The kind of a difference, if it is one of those that are known: what a grammar cannot check, and errors of the reference
/// parser.
fn known(yaml: &str, own: &Result<Vec<String>, String>, reference: Option<&[String]>) -> Option<&'static str> {
    match (own, reference) {
        (Err(error), Some(_)) if error.contains("no anchor before it has this name") => {
            Some("an alias without an anchor, which the grammar does not check")
        }
        // `%YAML` and `%TAG` with other parameters match the rule of reserved directives.
        (Err(error), Some(_))
            if [
                "a version such as",
                "the prefix of tags",
                "a handle such as",
                "the version is given twice",
                "only YAML 1 is known",
            ]
            .iter()
            .any(|what| error.contains(what)) =>
        {
            Some("a directive with the wrong parameters, which the grammar takes for a reserved one")
        }
        (Err(error), Some(_)) if error.contains("that encode UTF-8 after `%`") => {
            Some("an escape in a tag that is not UTF-8, which the grammar does not check")
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
        _ if yaml.contains('\r') => Some("carriage returns, which it does not read as line breaks everywhere"),
        (Ok(_), None) if yaml.contains('\u{feff}') => Some("a byte order mark that the reference refuses"),
        // It counts the line of a blank one twice, or one that the scalar does not contain.
        (Ok(own), Some(reference)) if without_breaks(own) == without_breaks(reference) => {
            Some("line breaks of blank lines in block scalars, of which the reference adds some")
        }
        (_, Some(reference)) if has_shallow_block(yaml, reference) => {
            Some("a block scalar that is less indented than its parent, which the reference accepts")
        }
        // Of the alternatives that begin with properties, the first one that matches is an empty key.
        (Ok(_), None) if has_adjacent_value(yaml) && yaml.contains(['&', '!']) => Some(
            "properties before a key in brackets or quotes with `:` directly after it, which the reference refuses",
        ),
        (Ok(own), Some(reference)) if is_with_repetition(own, reference) => {
            Some("events of a key in brackets with properties, which the reference gives twice")
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
    lines.iter().enumerate().any(|(number, header)| {
        let Some(content) = lines[number + 1..].iter().find(|line| !line.trim_matches(' ').is_empty()) else {
            return false;
        };
        let is_header = header.contains(['|', '>']);
        let is_shallow = indentation(content) < of_entry(header);
        is_header && is_shallow && scalars().any(|event| event.contains(&content.trim().replace('\\', "\\\\")))
    })
}

/// Whether a `:` follows a quote or bracket, and a value follows the `:` directly.
fn has_adjacent_value(yaml: &str) -> bool {
    yaml.match_indices(['"', '\'', ']', '}']).any(|(at, _)| {
        let mut rest = yaml[at + 1..].trim_start().chars();
        rest.next() == Some(':') && rest.next().is_some_and(|next| !next.is_whitespace())
    })
}

/// Whether the reference's events are the own ones with some of them given twice in a row.
fn is_with_repetition(own: &[String], reference: &[String]) -> bool {
    let Some(more) = reference.len().checked_sub(own.len()).filter(|more| *more > 0) else { return false };
    (more..=own.len()).any(|at| {
        own[..at] == reference[..at]
            && own[at - more..at] == reference[at..at + more]
            && own[at..] == reference[at + more..]
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
    let lib = arguments.next().ok_or("usage: reference LIB [INPUTS] [SEED] [ANSWERS]")?;
    let count: usize = arguments.next().map_or(Ok(INPUTS), |count| count.parse())?;
    let seed: u64 = arguments.next().map_or(Ok(SEED), |seed| seed.parse())?;
    let kept = arguments.next();
    let texts = inputs(count, seed);

    let driver = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/driver.js");
    let mut node = Command::new("node");
    let node = node.args(["--stack-size=4000", driver, &lib]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut node = node.spawn().map_err(|error| format!("node: {error}"))?;
    let mut input = node.stdin.take().ok_or("no input")?;
    let lines: Vec<String> = texts.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    let writer = thread::spawn(move || lines.iter().try_for_each(|line| writeln!(input, "{line}")));

    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut unknown = 0;
    let mut digests: Vec<u8> = Vec::new();
    let mut answers = BufReader::new(node.stdout.take().ok_or("no output")?).lines();
    for yaml in &texts {
        let answer = answers.next().ok_or("the reference parser ended early")??;
        let kind = if answer == "\"slow\"" {
            digests.extend(SLOW.to_le_bytes());
            "too slow there"
        } else {
            let reference: Option<Vec<String>> = serde_json::from_str(&answer)?;
            let own = own(yaml);
            digests.extend(digest(&own).to_le_bytes());
            match (own, reference) {
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
    if unknown > 0 {
        return Ok(ExitCode::FAILURE);
    }
    if let Some(path) = kept {
        fs::write(&path, digests).map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(ExitCode::SUCCESS)
}
