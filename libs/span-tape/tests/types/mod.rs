//! Types of all kinds that serde distinguishes, and random values of them.

use std::collections::BTreeMap;

use proptest::{
    collection::{btree_map, vec},
    option,
    prelude::{Just, Strategy, any, prop_oneof},
};
use serde::{Deserialize, Serialize};
use serde_norway::Value;

/// All kinds of types that serde distinguishes.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Everything {
    small: i8,
    large: u64,
    huge: i128,
    unsigned: u128,
    float: f64,
    truth: bool,
    letter: char,
    text: String,
    optional: Option<Box<Everything>>,
    texts: Vec<String>,
    pair: (u16, String),
    by_number: BTreeMap<i32, Variant>,
    unit: (),
    newtype: Newtype,
    untagged: Untagged,
    #[serde(default)]
    missing: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, f32>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Newtype(pub(crate) Option<u32>);

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) enum Variant {
    Unit,
    Newtype(String),
    Tuple(i64, bool),
    Struct { a: u8, b: Vec<u8> },
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Untagged {
    Number(i64),
    Truth(bool),
    Texts(Vec<String>),
    Named { name: String },
    Text(String),
}

fn text() -> impl Strategy<Value = String> {
    // libyaml writes three line breaks of YAML 1.1, which are no line breaks in YAML 1.2.
    let excluded = ['\0', '\u{fffe}', '\u{ffff}', '\u{feff}', '\u{85}', '\u{2028}', '\u{2029}'];
    let hard = any::<String>().prop_map(move |text| text.replace(excluded, ""));
    prop_oneof![
        "[a-z]{0,6}",
        "(null|~|true|-?[0-9]{1,5}|0x1f|1e3|\\.inf|<<|!a|- b|# c|a: b|\n)",
        "([a-z ]{0,8}\n){1,4}",
        hard
    ]
}

fn variant() -> impl Strategy<Value = Variant> {
    prop_oneof![
        Just(Variant::Unit),
        text().prop_map(Variant::Newtype),
        (any::<i64>(), any::<bool>()).prop_map(|(a, b)| Variant::Tuple(a, b)),
        (any::<u8>(), vec(any::<u8>(), 0..3)).prop_map(|(a, b)| Variant::Struct { a, b }),
    ]
}

fn untagged() -> impl Strategy<Value = Untagged> {
    prop_oneof![
        any::<i64>().prop_map(Untagged::Number),
        any::<bool>().prop_map(Untagged::Truth),
        vec(text(), 0..3).prop_map(Untagged::Texts),
        text().prop_map(|name| Untagged::Named { name }),
        text().prop_map(Untagged::Text),
    ]
}

pub(crate) fn everything() -> impl Strategy<Value = Everything> {
    let numbers = (any::<i8>(), any::<u64>(), any::<i128>(), any::<u128>(), -1e30..1e30f64, any::<bool>());
    let texts = ("[a-zé0-9~]", text(), vec(text(), 0..4), any::<u16>(), text());
    let rest = btree_map("z[a-z]{1,5}", -1e5..1e5f32, 0..3);
    let others = (btree_map(any::<i32>(), variant(), 0..4), option::of(any::<u32>()), untagged(), rest);
    let flat = (numbers, texts, others).prop_map(|(numbers, texts, others)| {
        let (small, large, huge, unsigned, float, truth) = numbers;
        let (letter, text, list, first, second) = texts;
        let (by_number, newtype, untagged, rest) = others;
        let letter = letter.chars().next().unwrap_or('a');
        let (newtype, pair, texts) = (Newtype(newtype), (first, second), list);
        let (optional, unit, missing) = (None, (), 0);
        Everything {
            small,
            large,
            huge,
            unsigned,
            float,
            truth,
            letter,
            text,
            optional,
            texts,
            pair,
            by_number,
            unit,
            newtype,
            untagged,
            missing,
            rest,
        }
    });
    flat.prop_recursive(3, 4, 1, |inner| {
        (inner.clone(), inner).prop_map(|(outer, inner)| Everything { optional: Some(Box::new(inner)), ..outer })
    })
}

pub(crate) fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(|int| Value::Number(int.into())),
        any::<u64>().prop_map(|int| Value::Number(int.into())),
        (-1e300..1e300f64).prop_map(|float| Value::Number(float.into())),
        text().prop_map(Value::String),
    ];
    // The peer cannot write a collection as a key.
    let key = scalar.clone();
    scalar.prop_recursive(5, 50, 5, move |inner| {
        let pairs = vec((key.clone(), inner.clone()), 0..5);
        let tagged = |(name, value)| {
            Value::Tagged(Box::new(serde_norway::value::TaggedValue {
                tag: serde_norway::value::Tag::new(name),
                value,
            }))
        };
        let not_tagged = inner.clone().prop_filter("a value has one tag", |value| !matches!(value, Value::Tagged(_)));
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::Sequence),
            pairs.prop_map(|pairs| Value::Mapping(pairs.into_iter().collect())),
            ("[a-z]{1,5}", not_tagged).prop_map(tagged),
        ]
    })
}
