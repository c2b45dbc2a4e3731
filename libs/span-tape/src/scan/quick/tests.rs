//! The short path gives the words and errors of the general one.

use super::*;
use crate::{Decoding, Error, Indentation, Limits, build::Builder, input::TextInput};

#[path = "../../../tests/common/mutation.rs"]
mod mutation;

/// An input of which no line is known to be in memory, so that no line is scanned by the short path.
struct Unknown<'a>(&'a [u8]);

impl Input for Unknown<'_> {
    fn bytes(&self) -> &[u8] {
        self.0
    }

    fn base(&self) -> u64 {
        0
    }

    fn limit(&self) -> usize {
        0
    }

    fn refill(&mut self, _: usize, _: usize) -> Result<usize, Error> {
        Ok(0)
    }
}

/// The last window of a file: all of it is in memory, and none of the file before it.
struct LastWindow<'a>(&'a [u8]);

/// The offset of the last window.
const BASE: u64 = 1 << 20;

impl Input for LastWindow<'_> {
    fn bytes(&self) -> &[u8] {
        self.0
    }

    fn base(&self) -> u64 {
        BASE
    }

    fn limit(&self) -> usize {
        usize::MAX
    }

    fn refill(&mut self, _: usize, _: usize) -> Result<usize, Error> {
        Ok(0)
    }
}

const INPUTS: usize = 100_000;

/// Lines that the path knows, and some that differ from them by little.
const LINES: [&str; 24] = [
    "a: b\n",
    "  a: b\n",
    "  key:\n",
    "    - x: 1\n",
    "  - y\n",
    "- z: 'q'\n",
    "-\n",
    "  -\n",
    "a:\n",
    "    b: \"c\"\n",
    "\n",
    "   \n",
    "# c\n",
    "  e: f # g\n",
    "  more\n",
    "    'k': v  \n",
    "  \"m\":\n",
    "--- \n",
    "...\n",
    "  s: |\n",
    "    t: >-\n",
    "  u: http://v#w\n",
    "  x: \u{b0}\u{ff01}\n",
    "  y: -1\n",
];

fn words<I: Input>(input: I, size: usize, indentation: Indentation) -> Result<Vec<Word>, String> {
    let mut builder = Builder::new(Limits::default().representable(), Decoding::Lazy, size as u64);
    Scanner::new(input, &mut builder, indentation).run().map_err(|fault| format!("{fault:?}"))?;
    Ok(builder.nodes)
}

#[test]
fn the_short_path_takes_lines_of_the_last_window() {
    let text = "a: b\nc: d\ne: f\n";
    let mut builder = Builder::<Word>::new(Limits::default().representable(), Decoding::Lazy, text.len() as u64);
    let mut scanner = Scanner::new(LastWindow(text.as_bytes()), &mut builder, Indentation::Strict);
    scanner.line = BASE;
    assert!(scanner.open_block(true, 0, BASE).is_ok());
    let place = scanner.quick().expect("well formed").expect("the last value, whose line is the last");
    assert_eq!((place.after, scanner.builder.len()), (BASE + 12, 6));
}

#[test]
fn the_short_path_changes_no_word_and_no_error() {
    let cases = mutation::suite();
    let mut random = mutation::Random(3);
    let mut read = 0;
    for number in 0..INPUTS {
        let seed = match cases.get(number) {
            Some(case) => case.clone(),
            None if random.below(2) == 0 => cases[random.below(cases.len())].clone(),
            None => (0..=random.below(12)).map(|_| LINES[random.below(LINES.len())]).collect(),
        };
        let is_mutated = number >= cases.len() && random.below(3) > 0;
        let yaml = if is_mutated { mutation::mutated(&seed, &mut random) } else { seed };
        for indentation in [Indentation::Strict, Indentation::Lenient] {
            let with = words(TextInput::new(&yaml), yaml.len(), indentation);
            let without = words(Unknown(yaml.as_bytes()), yaml.len(), indentation);
            assert_eq!(with, without, "{indentation:?} {yaml:?}");
            read += usize::from(with.is_ok());
        }
    }
    assert!(read > INPUTS / 3, "{read}");
}
