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

use common::mutation::{Random, mutated};
use serde::Deserialize;
use span_tape::{Options, Tape, Word};

#[derive(Deserialize)]
struct Case {
    yaml: String,
}

fn own(yaml: &str) -> Result<Vec<String>, String> {
    let tape = Tape::<_, Word>::parse(yaml, &Options::default()).map_err(|error| error.to_string())?;
    common::events(&tape).map_err(|error| error.to_string())
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let lib = arguments.next().ok_or("usage: reference LIB [INPUTS] [SEED]")?;
    let inputs: usize = arguments.next().map_or(Ok(100_000), |count| count.parse())?;
    let seed: u64 = arguments.next().map_or(Ok(1), |seed| seed.parse())?;
    let cases: Vec<Case> = serde_json::from_str(include_str!("../tests/suite/cases.json"))?;
    let mut random = Random(seed);
    let texts: Vec<String> = (0..inputs)
        .map(|number| match cases.get(number) {
            Some(case) => case.yaml.clone(),
            None => mutated(&cases[random.below(cases.len())].yaml, &mut random),
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
                (own, reference) => {
                    unknown += 1;
                    println!("{yaml:?}\n  own {own:?}\n  ref {reference:?}");
                    "unknown"
                }
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
