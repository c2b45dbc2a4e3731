//! Fuzzes the deserializer: no bytes make it panic or hang whatever the type, and a text, bytes, a reader, a file and a
//! node give equal values or all give an error.
#![no_main]

use std::{collections::BTreeMap, fmt::Debug, path::Path};

use libfuzzer_sys::fuzz_target;
use serde::{Deserialize, de::DeserializeOwned};
use span_tape::{Indentation, Options, Tape, Word, de};
use span_tape_fuzz::in_memory;

/// Any value, with the type that the deserializer announces.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(untagged)]
enum Any {
    Null(()),
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(Bits),
    Text(String),
    Items(Vec<Any>),
    Pairs(Vec<(Any, Any)>),
    Named(BTreeMap<String, Any>),
}

/// A number that equals itself.
#[derive(Debug, Deserialize)]
struct Bits(f64);

impl PartialEq for Bits {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

#[derive(Debug, Deserialize, PartialEq)]
enum Variant {
    A,
    B(String),
    C(i64, bool),
    D { a: Option<u8>, b: Vec<u8> },
}

#[derive(Debug, Deserialize, PartialEq)]
struct Everything {
    a: Option<Box<Everything>>,
    #[serde(default)]
    b: i128,
    #[serde(default)]
    c: Vec<Variant>,
    #[serde(default)]
    d: (u16, String),
    e: Option<char>,
    #[serde(default)]
    f: BTreeMap<i32, Option<Variant>>,
    #[serde(flatten)]
    rest: BTreeMap<String, Any>,
}

fn same<T: DeserializeOwned + Debug + PartialEq>(bytes: &[u8], path: &Path) {
    let from_slice = de::from_slice::<T>(bytes).map_err(|error| error.to_string());
    let from_reader = de::from_reader::<_, T>(bytes).map_err(|error| error.to_string());
    assert_eq!(from_slice, from_reader);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut alike = vec![de::from_path::<T>(path, &Options::default()).ok()];
    alike.push(de::from_path::<T>(path, &Options { window: 1, ..Options::default() }).ok());
    alike.push(de::from_str::<T>(text).ok());
    for outcome in alike {
        assert_eq!(outcome.as_ref(), from_slice.as_ref().ok());
    }
    for (indentation, merge_keys) in [(Indentation::Strict, true), (Indentation::Lenient, false)] {
        let options = Options { indentation, merge_keys, ..Options::default() };
        let value = de::from_str_with_options::<T>(text, &options).ok();
        let Ok(tape) = Tape::<_, Word>::parse(text, &options) else {
            assert_eq!(value, None);
            continue;
        };
        let values: Vec<Option<T>> = de::from_documents(&tape).map(Result::ok).collect();
        if let [only] = &values[..] {
            assert_eq!(only, &value);
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    // UTF-16 and UTF-32 are detected by the first bytes, which a text may have too.
    if span_tape::to_text(bytes).is_ok_and(|text| text.as_bytes() != bytes) {
        let _ = de::from_slice::<Any>(bytes);
        return;
    }
    let (_file, path) = in_memory(bytes);
    same::<Any>(bytes, &path);
    same::<Everything>(bytes, &path);
    same::<BTreeMap<String, Variant>>(bytes, &path);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = de::from_str::<BTreeMap<&str, &str>>(text);
    }
});
