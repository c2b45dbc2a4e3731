//! The answers that are compared with those of the reference parser, and their digests.

use span_tape::{Options, Tape, Word};
use xxhash_rust::xxh3::xxh3_64;

use crate::common::{
    self,
    mutation::{Random, mutated, suite},
};

/// The number of inputs whose digests are kept in `answers.bin`, two bytes each, little endian.
pub(crate) const INPUTS: usize = 100_000;

/// Their seed.
pub(crate) const SEED: u64 = 1;

/// The digest of an input that is refused.
const REFUSED: u16 = 0;

/// In place of a digest: the reference parser took too many steps.
pub(crate) const SLOW: u16 = 1;

/// The texts of the suite and, up to `count` in all, mutations of them.
pub(crate) fn inputs(count: usize, seed: u64) -> Vec<String> {
    let cases = suite();
    let mut random = Random(seed);
    (0..count)
        .map(|number| match cases.get(number) {
            Some(case) => case.clone(),
            None => mutated(&cases[random.below(cases.len())], &mut random),
        })
        .collect()
}

/// The events of a text, or the message of its error.
pub(crate) fn own(yaml: &str) -> Result<Vec<String>, String> {
    let tape = Tape::<_, Word>::parse(yaml, &Options::default()).map_err(|error| error.to_string())?;
    common::events(&tape).map_err(|error| error.to_string())
}

/// 16 bits of the XXH3 of the events, at least 2.
pub(crate) fn digest(answer: &Result<Vec<String>, String>) -> u16 {
    match answer {
        Ok(events) => (xxh3_64(events.join("\n").as_bytes()) as u16).max(2),
        Err(_) => REFUSED,
    }
}
