//! `get` on large mappings: what it finds, what it reads, how long it takes and what the tape remembers.

mod common;

use std::{borrow::Cow, cell::Cell, collections::HashMap, io::Write, ops::Range, time::Instant};

use common::mutation::Random;
use proptest::{
    collection::vec,
    prelude::{ProptestConfig, proptest},
};
use span_tape::{Decoding, Error, InMemory, Layout, Node, Options, Source, Tape, WideWord, Windowed, Word};

fn root<S: Source>(tape: &Tape<S>) -> Node<'_, S, Word> {
    tape.documents().next().and_then(|document| document.root()).expect("not empty")
}

/// Returns a mapping whose keys all have the same size, some in quotes.
fn mapping(count: usize) -> String {
    let key = |n: usize| if n.is_multiple_of(7) { format!("'key{n:06}'") } else { format!("key{n:06}") };
    (0..count).map(|n| format!("{}: value {n}\n", key(n))).collect()
}

fn windowed(text: &str) -> (tempfile::NamedTempFile, Tape<Windowed>) {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(text.as_bytes()).expect("written");
    let tape = Tape::open(file.path(), &Options::default()).expect("well formed");
    (file, tape)
}

/// Returns the time of this number of calls, in milliseconds: the best of three, because other programs run too.
fn milliseconds<S: Source>(tape: &Tape<S>, calls: usize, keys: usize) -> f64 {
    let mut random = Random(3);
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let wanted: Vec<usize> = (0..calls).map(|_| random.below(keys)).collect();
        let start = Instant::now();
        for n in wanted {
            let value = root(tape).get(&format!("key{n:06}")).expect("unchanged").expect("there");
            assert_eq!(value.text().expect("unchanged"), format!("value {n}"));
        }
        best = best.min(start.elapsed().as_secs_f64() * 1000.0);
    }
    best
}

#[test]
fn ten_thousand_gets_take_less_than_half_a_second() {
    let text = mapping(100_000);
    let in_memory: Tape<&str> = Tape::parse(&*text, &Options::default()).expect("well formed");
    let (_file, in_window) = windowed(&text);
    let (before, size) = (in_memory.held_bytes(), text.len());
    let (string, window) = (milliseconds(&in_memory, 10_000, 100_000), milliseconds(&in_window, 10_000, 100_000));
    println!("10,000 gets of 100,000 keys: {string:.1} ms from a string, {window:.1} ms through a window");
    assert!(string < 500.0 && window < 500.0, "{string} ms, {window} ms");
    let grown = in_memory.held_bytes() - before;
    assert!((800_000..801_000).contains(&grown), "{grown} bytes for 100,000 pairs");
    assert!(in_memory.held_bytes() <= 8 * size);
}

/// The position of every node, in random order, is that of its line in the text.
#[test]
fn positions_are_found_without_reading_the_input_again() {
    let text: String = (0..40_000).map(|n| format!("- é{n:06} # ünïcode\r\n")).collect();
    let line = "- é000000 # ünïcode\r\n".len() as u64;
    let in_memory: Tape<&str> = Tape::parse(&*text, &Options::default()).expect("well formed");
    let (_file, in_window) = windowed(&text);
    let (items, read): (Vec<_>, Vec<_>) =
        (root(&in_memory).children().collect(), root(&in_window).children().collect());
    let mut random = Random(5);
    let before = in_memory.held_bytes();
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let wanted: Vec<usize> = (0..1000).map(|_| random.below(items.len())).collect();
        let start = Instant::now();
        for number in &wanted {
            let position = items[*number].position().expect("in memory");
            let expected = (*number as u64 * line + 2, *number as u64 + 1, 3);
            assert_eq!((position.offset, position.line, position.column), expected);
        }
        best = best.min(start.elapsed().as_secs_f64());
        for number in wanted {
            assert_eq!(read[number].position().expect("unchanged"), items[number].position().expect("in memory"));
        }
    }
    println!("a position in {} bytes takes {:.1} µs", text.len(), best * 1e3);
    assert!(best < 0.1, "{best} s for 1,000 positions");
    let grown = in_memory.held_bytes() - before;
    assert!((1..=text.len() / (16 << 10) * 24).contains(&grown), "{grown} bytes");
}

/// A source that counts the ranges that are copied if the source is a file.
struct Counting {
    text: String,
    copies: Cell<u64>,
    copied: Cell<u64>,
}

impl Counting {
    fn slice(&self, range: &Range<u64>) -> &str {
        &self.text[range.start as usize..range.end as usize]
    }
}

impl Source for Counting {
    fn size(&self) -> u64 {
        self.text.len() as u64
    }

    fn bytes(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, Error> {
        self.text(range).map(|text| Cow::Owned(text.as_bytes().to_vec()))
    }

    fn text(&self, range: Range<u64>) -> Result<Cow<'_, str>, Error> {
        self.copies.set(self.copies.get() + 1);
        self.copied.set(self.copied.get() + range.end - range.start);
        Ok(Cow::Borrowed(self.slice(&range)))
    }

    fn equals(&self, range: Range<u64>, bytes: &[u8]) -> Result<bool, Error> {
        Ok(self.slice(&range).as_bytes() == bytes)
    }

    fn look(&self, range: Range<u64>, look: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
        look(self.slice(&range).as_bytes());
        Ok(())
    }
}

impl InMemory for Counting {
    fn whole(&self) -> &str {
        &self.text
    }

    fn check(&self) -> Result<(), Error> {
        Ok(())
    }
}

#[test]
fn a_search_copies_only_the_key_that_it_finds() {
    let source = Counting { text: mapping(1000), copies: Cell::new(0), copied: Cell::new(0) };
    let tape: Tape<Counting> = Tape::parse(source, &Options::default()).expect("well formed");
    for search in 1..=10 {
        assert!(root(&tape).get("key000998").expect("in memory").is_some());
        assert!(tape.source().copies.get() <= search, "{} copies", tape.source().copies.get());
    }
    assert!(root(&tape).get("missing").expect("in memory").is_none());
    assert!(tape.source().copied.get() <= 10 * "key000998".len() as u64);
}

#[test]
fn only_large_mappings_that_are_searched_repeatedly_are_remembered() {
    for (pairs, searches, is_remembered) in [(100, 20, false), (1000, 4, false), (1000, 5, true)] {
        let text = mapping(pairs);
        let tape: Tape<&str> = Tape::parse(&*text, &Options::default()).expect("well formed");
        let before = tape.held_bytes();
        for _ in 0..searches {
            root(&tape).get("key000001").expect("in memory");
        }
        assert_eq!(tape.held_bytes() >= before + 8 * pairs, is_remembered, "{pairs} pairs, {searches} searches");
        assert!(tape.held_bytes() <= before + 8 * pairs + 300);
    }
}

/// Keys in every form that a key can have, as the lines of a pair without its value, and their texts.
const KEYS: [(&str, Option<&str>); 16] = [
    ("? plain\n", Some("plain")),
    ("? 'single'\n", Some("single")),
    ("? \"double\"\n", Some("double")),
    ("? 'it''s'\n", Some("it's")),
    ("? \"\\x61\"\n", Some("a")),
    ("? two\n  lines\n", Some("two lines")),
    ("? 'two\n\n  quoted'\n", Some("two\nquoted")),
    ("? |\n  literal\n", Some("literal\n")),
    ("? >2\n    folded\n", Some("  folded\n")),
    ("? |-\n", Some("")),
    ("? \n", Some("")),
    ("? \"\"\n", Some("")),
    ("? !!str \"\\x62\"\n", Some("b")),
    ("? *anchor\n", Some("c")),
    ("? [plain]\n", None),
    ("? *list\n", None),
];

/// Asserts that a search, an index and a remembered index find the first key with each text.
fn assert_found<W: Layout>(text: &str, options: &Options) {
    let tape: Tape<&str, W> = Tape::parse(text, options).expect("well formed");
    let mapping = tape.documents().next().and_then(|document| document.root()).expect("not empty");
    let mapping = mapping.children().last().expect("the mapping");
    let index = mapping.index().expect("in memory");
    let missing = ["", "'it''s'", "\"\"", "missing", "<<", "x"].into_iter().map(str::to_owned);
    let keys = KEYS.iter().filter_map(|(_, key)| *key).map(str::to_owned);
    // After the fourth call, a large mapping is remembered.
    for key in keys.chain(missing).cycle().take(60) {
        let same = |(found, _): &(Node<'_, &str, W>, _)| found.text().is_ok_and(|found| found == key);
        let expected = mapping.entries().expect("in memory").find(same).map(|(_, value)| value);
        assert_eq!(mapping.get(&key).expect("in memory"), expected, "{key:?} in {text:?} with {options:?}");
        assert_eq!(index.get(&key).expect("in memory"), expected, "{key:?} in the index of {text:?} with {options:?}");
    }
}

/// Whatever the form of a key, and wherever it is: the number of the first decoded text is zero, for example, which is
/// not its size.
#[test]
fn an_index_and_a_search_find_the_same_keys() {
    for first in 0..KEYS.len() {
        for filler in [0, 300] {
            let mut pairs: String =
                KEYS[first..].iter().chain(&KEYS[..first]).map(|(key, _)| format!("{key}: v\n")).collect();
            pairs += &(0..filler).map(|n| format!("f{n}: v\n")).collect::<String>();
            pairs += KEYS[first].0;
            let pairs = pairs.replace('\n', "\n  ");
            // The anchors are verbatim, so that the first decoded text is a key.
            let text =
                format!("- &anchor c\n- &list [c]\n- &merged {{ plain: m, x: m }}\n-\n  {pairs}\n  <<: *merged\n");
            for (decoding, merge_keys) in
                [Decoding::Lazy, Decoding::Eager].into_iter().flat_map(|decoding| [(decoding, false), (decoding, true)])
            {
                let options = Options { decoding, merge_keys, ..Options::default() };
                assert_found::<Word>(&text, &options);
                assert_found::<WideWord>(&text, &options);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// Keys repeat, in several styles, and the first wins.
    #[test]
    fn remembered_keys_are_those_that_a_search_finds(names in vec(0..600u32, 300..900), style in 0..5u32) {
        let mut expected: HashMap<String, usize> = HashMap::new();
        let mut text = "anchor: &k k0\nmapping: {".to_owned();
        for (value, name) in names.iter().enumerate() {
            let key = format!("k{name}");
            text += &match (name + style) % 5 {
                0 => format!("'{key}': {value}, "),
                1 => format!("\"\\x6b{name}\": {value}, "),
                2 => format!("[{key}]: {value}, {key}: {value}, "),
                3 if *name == 0 => format!("*k : {value}, "),
                _ => format!("!!str {key}: {value}, "),
            };
            expected.entry(key).or_insert(value);
        }
        text += "'': empty}\n";
        let in_memory: Tape<&str> = Tape::parse(&*text, &Options::default()).expect("well formed");
        let (_file, in_window) = windowed(&text);
        // The first calls search, all others look up.
        for _ in 0..2 {
            for name in 0..600 {
                let key = format!("k{name}");
                let found = |text: Cow<'_, str>| text.parse::<usize>().expect("a number");
                let one = root(&in_memory).get("mapping").expect("in memory").expect("there").get(&key).expect("in memory");
                let two = root(&in_window).get("mapping").expect("unchanged").expect("there").get(&key).expect("unchanged");
                assert_eq!(one.map(|node| found(node.text().expect("a text"))), expected.get(&key).copied());
                assert_eq!(two.map(|node| found(node.text().expect("a text"))), expected.get(&key).copied());
            }
        }
        let mapping = root(&in_memory).get("mapping").expect("in memory").expect("there");
        assert_eq!(mapping.get("").expect("in memory").expect("there").text().expect("a text"), "empty");
        assert!(in_memory.held_bytes() <= 8 * text.len());
    }
}
