//! Searches for inputs that make the tape hold the most bytes per byte of input, by hill climbing: mutations are kept
//! if they do not reduce the ratio. No input may take more than nine times its size.
//!
//! Runs for ten seconds, or for as many as `SPAN_TAPE_CLIMB_SECONDS` says, and prints the best inputs.

mod common;

use std::time::{Duration, Instant};

use common::mutation::{PIECES, Random, mutated};
use serde::Deserialize;
use span_tape::{Decoding, Node, Options, Source, Tape, Word};

#[derive(Deserialize)]
struct Case {
    yaml: String,
}

/// The sizes of inputs in bytes. Below, the constant part of the bound matters; above, evaluation takes longer.
const SIZES: std::ops::Range<usize> = 300..3000;
/// The number of mutations in a row without a better input after which the search starts again.
const PATIENCE: u32 = 400;
/// The bound of held bytes per byte of input.
const BOUND: f64 = 9.0;

/// Calls `get` until the tape remembers what it can.
fn search<S: Source>(node: Node<'_, S, Word>) {
    if node.pairs().take(200).count() == 200 {
        for _ in 0..6 {
            node.get("a").expect("in memory");
        }
    }
    node.children().filter(|child| *child == child.resolve()).for_each(search);
}

/// Returns the number of held bytes per byte of an input, or `None` if it is not YAML.
fn ratio(yaml: &str, decoding: Decoding) -> Option<f64> {
    let options = Options { decoding, ..Options::default() };
    let tape: Tape<&str> = Tape::parse(yaml, &options).ok()?;
    tape.documents().filter_map(|document| document.root()).for_each(search);
    Some(tape.held_bytes() as f64 / yaml.len() as f64)
}

/// Repeats a short part of an input until the whole has a random size.
fn repeated(yaml: &str, random: &mut Random) -> String {
    let characters: Vec<char> = yaml.chars().collect();
    let start = random.below(characters.len());
    let end = (start + 1 + random.below(10)).min(characters.len());
    let part: String = characters[start..end].iter().collect();
    // Mostly without the rest, which only dilutes the part.
    let (before, after) = match random.below(4) {
        0 => (start, end),
        1 => (start, characters.len()),
        2 => (0, end),
        _ => (start.min(random.below(8)), characters.len() - random.below(8).min(characters.len() - end)),
    };
    let before: String = characters[..before].iter().collect();
    let after: String = characters[after..].iter().collect();
    let size = SIZES.start + random.below(SIZES.len());
    let times = size.saturating_sub(before.len() + after.len()) / part.len();
    [before, part.repeat(times), after].concat()
}

/// Returns a variant of an input.
fn variant(yaml: &str, random: &mut Random) -> String {
    match random.below(5) {
        0 => repeated(&mutated(yaml, random), random),
        1 => repeated(yaml, random),
        2 => {
            let piece = PIECES[random.below(PIECES.len())];
            [
                ["[", "{", "- ", "", "? ", "%TAG !a! b\n--- "][random.below(6)],
                &piece.repeat(400),
                ["]", "}", ""][random.below(3)],
            ]
            .concat()
        }
        _ => mutated(yaml, random),
    }
}

#[test]
fn no_mutation_takes_more_than_nine_times_its_size() {
    let seconds = std::env::var("SPAN_TAPE_CLIMB_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(10);
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let cases: Vec<Case> = serde_json::from_str(include_str!("suite/cases.json")).expect("well formed");
    let mut random = Random(u64::from(std::process::id()));
    let mut summits = [(0.0, String::new()), (0.0, String::new())];
    let (mut evaluated, mut climbs) = (0, 0);
    while Instant::now() < deadline {
        climbs += 1;
        let which = random.below(2);
        let decoding = [Decoding::Lazy, Decoding::Eager][which];
        let (mut best, mut top) = (cases[random.below(cases.len())].yaml.clone() + "\n", 0.0);
        let mut idle = 0;
        while idle < PATIENCE && Instant::now() < deadline {
            idle += 1;
            let candidate = variant(&best, &mut random);
            if !SIZES.contains(&candidate.len()) {
                continue;
            }
            let Some(ratio) = ratio(&candidate, decoding) else { continue };
            evaluated += 1;
            assert!(ratio < BOUND, "{ratio:.2} {decoding:?} {candidate:?}");
            if ratio > top {
                idle = 0;
            }
            if ratio >= top {
                (best, top) = (candidate, ratio);
            }
        }
        if top > summits[which].0 {
            summits[which] = (top, best);
        }
    }
    for ((top, best), decoding) in summits.iter().zip(["lazily", "eagerly"]) {
        let start: String = best.chars().take(60).collect();
        println!("{decoding} {top:.3}x: {start:?}...");
        // The search gets close to the bound, which is eight plus a constant.
        assert!(*top > 7.0, "{top} {best:?}");
    }
    println!("{evaluated} inputs in {climbs} climbs");
}
