//! Searches for inputs that make the tape hold the most bytes per byte of input, by hill climbing: mutations are kept
//! if they do not reduce the ratio. No input may take more than nine times its size.
//!
//! Evaluates a fixed number of inputs for each of a few fixed seeds, so that the result does not depend on the time, and
//! prints the best inputs. Then, if `SPAN_TAPE_CLIMB_SECONDS` is set, searches for as many seconds from another seed.

mod common;

use std::time::{Duration, Instant};

use common::mutation::{PIECES, Random, mutated, suite};
use span_tape::{Decoding, Node, Options, Source, Tape, Word};

/// The sizes of inputs in bytes. Below, the constant part of the bound matters; above, evaluation takes longer.
const SIZES: std::ops::Range<usize> = 300..3000;
/// The number of mutations in a row without a better input after which the search starts again.
const PATIENCE: u32 = 400;
/// The bound of held bytes per byte of input.
const BOUND: f64 = 9.0;
/// The seeds of searches.
const SEEDS: std::ops::Range<u64> = 1..5;
/// The number of inputs that a search evaluates.
const EVALUATED: u32 = 20_000;

const DECODINGS: [Decoding; 2] = [Decoding::Lazy, Decoding::Eager];

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

/// The best input of a decoding and its ratio.
#[derive(Default)]
struct Summit {
    ratio: f64,
    yaml: String,
}

/// A search, which is the same for the same seed.
struct Search {
    cases: Vec<String>,
    random: Random,
    summits: [Summit; 2],
    evaluated: u32,
    climbs: u32,
}

impl Search {
    fn new(seed: u64) -> Self {
        Self { cases: suite(), random: Random(seed), summits: Default::default(), evaluated: 0, climbs: 0 }
    }

    /// Climbs from one case after the other, lazily and eagerly in turn, until no more may be evaluated.
    fn run(&mut self, mut may_evaluate: impl FnMut(u32) -> bool) {
        while may_evaluate(self.evaluated) {
            let which = self.climbs as usize % DECODINGS.len();
            self.climbs += 1;
            let mut yaml = self.cases[self.random.below(self.cases.len())].clone() + "\n";
            let (mut top, mut idle) = (0.0, 0);
            while idle < PATIENCE && may_evaluate(self.evaluated) {
                idle += 1;
                let candidate = variant(&yaml, &mut self.random);
                if !SIZES.contains(&candidate.len()) {
                    continue;
                }
                self.evaluated += 1;
                let Some(ratio) = ratio(&candidate, DECODINGS[which]) else { continue };
                assert!(ratio < BOUND, "{ratio:.2} {:?} {candidate:?}", DECODINGS[which]);
                if ratio > top {
                    idle = 0;
                }
                if ratio >= top {
                    (yaml, top) = (candidate, ratio);
                }
            }
            if top > self.summits[which].ratio {
                self.summits[which] = Summit { ratio: top, yaml };
            }
        }
        for (summit, decoding) in self.summits.iter().zip(DECODINGS) {
            let start: String = summit.yaml.chars().take(60).collect();
            println!("{decoding:?} {:.3}x: {start:?}...", summit.ratio);
        }
        println!("{} inputs in {} climbs", self.evaluated, self.climbs);
    }
}

#[test]
fn no_mutation_takes_more_than_nine_times_its_size() {
    for seed in SEEDS {
        let mut search = Search::new(seed);
        search.run(|evaluated| evaluated < EVALUATED);
        for Summit { ratio, yaml } in &search.summits {
            // The search gets close to the bound, which is eight plus a constant.
            assert!(*ratio > 7.0, "{ratio} {yaml:?} with seed {seed}");
        }
    }
    if let Some(seconds) = std::env::var("SPAN_TAPE_CLIMB_SECONDS").ok().and_then(|seconds| seconds.parse().ok()) {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        Search::new(u64::from(std::process::id())).run(|_| Instant::now() < deadline);
    }
}
