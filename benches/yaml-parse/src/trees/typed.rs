//! The cards of `repeat` as structs, deserialized by serde-saphyr, serde_yaml or the span tape. They measure what typed
//! data saves, and what the way to it costs.

use std::{borrow::Cow, collections::BTreeMap, hint::black_box};

use highwater_worker::CaseResult;
use serde::Deserialize;
use span_tape::{Options, Tape, Windowed, de};

use crate::{
    peers::serde_saphyr_options,
    subject::{Document, Loaded, Subject, While, refused},
};

/// Structs with owned texts, or with texts borrowed from the input where they occur there unchanged.
#[derive(Clone, Copy, Debug)]
pub struct Typed {
    /// Whether texts are borrowed.
    pub borrowed: bool,
    /// The deserializer.
    pub reader: Reader,
}

/// A deserializer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// serde-saphyr, from its events.
    SerdeSaphyr,
    /// serde_yaml, from the list of all events, with owned texts.
    SerdeYaml,
    /// The span tape.
    SpanTape,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de> + Ord"))]
struct Card<T> {
    name: T,
    set: Set<T>,
    cost: u8,
    colours: Vec<T>,
    r#type: T,
    power: u8,
    artist: T,
    uuid: T,
    image: T,
    prices: Prices,
    printings: Vec<T>,
    legalities: BTreeMap<T, T>,
    text: T,
    flavour: T,
    rulings: T,
    foreign: Vec<Foreign<T>>,
}

#[derive(Deserialize)]
struct Set<T> {
    code: T,
    released: T,
    border: T,
    legal: Legal,
}

#[derive(Deserialize)]
struct Legal {
    standard: bool,
    modern: bool,
    vintage: bool,
}

#[derive(Deserialize)]
struct Prices {
    usd: f64,
    eur: f64,
}

#[derive(Deserialize)]
struct Foreign<T> {
    language: T,
    name: T,
    text: T,
    r#type: T,
}

/// A text that is borrowed if serde allows it.
#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(transparent)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

impl AsRef<str> for Borrowed<'_> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl<T: AsRef<str>> Document for Vec<Card<T>> {
    fn walk(&self) -> CaseResult<u64> {
        let mut scalars = 0;
        let mut see = |text: &T| {
            black_box(text.as_ref());
            scalars += 1;
        };
        for card in self {
            let Card { name, set, r#type, artist, uuid, image, text, flavour, rulings, .. } = card;
            for text in [name, r#type, artist, uuid, image, text, flavour, rulings] {
                see(text);
            }
            [&set.code, &set.released, &set.border].into_iter().for_each(&mut see);
            card.colours.iter().chain(&card.printings).for_each(&mut see);
            card.legalities.iter().for_each(|(format, legal)| [format, legal].into_iter().for_each(&mut see));
            for foreign in &card.foreign {
                let Foreign { language, name, text, r#type } = foreign;
                [language, name, text, r#type].into_iter().for_each(&mut see);
            }
            black_box((card.cost, card.power, card.prices.usd, card.prices.eur));
            black_box((set.legal.standard, set.legal.modern, set.legal.vintage));
        }
        Ok(scalars)
    }
}

impl Subject for Typed {
    fn parse(&self, input: Loaded, then: &mut While<'_>) -> CaseResult {
        if let Loaded::File(file) = input {
            let cards = from_file(Tape::parse_file(file, &Options::default())?).map_err(refused)?;
            return then(&cards);
        }
        let text = input.text()?;
        if self.borrowed {
            let cards: Vec<Card<Borrowed<'_>>> = self.reader.read(text)?;
            then(&cards)
        } else {
            let cards: Vec<Card<String>> = self.reader.read(text)?;
            drop(input);
            then(&cards)
        }
    }
}

impl Reader {
    fn read<'de, T: Deserialize<'de>>(self, text: &'de str) -> CaseResult<T> {
        match self {
            Self::SerdeSaphyr => serde_saphyr::from_str_with_options(text, serde_saphyr_options()).map_err(refused),
            Self::SerdeYaml => serde_yaml::from_str(text).map_err(refused),
            Self::SpanTape => span_tape::from_str(text).map_err(refused),
        }
    }
}

/// Deserializes a file that is read through a window. The tape is dropped before the cards are used.
fn from_file(tape: Tape<Windowed>) -> Result<Vec<Card<String>>, de::Error> {
    tape.documents().filter_map(|document| document.root()).try_fold(Vec::new(), |mut all, root| {
        all.append(&mut span_tape::from_node(root)?);
        Ok(all)
    })
}
