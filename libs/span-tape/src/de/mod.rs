//! Deserializes nodes and documents into types that implement [`serde::Deserialize`] (cargo feature `serde`).
//!
//! The functions are those of `serde_yaml`, and so are the rules: texts of plain scalars are strings where the type is a
//! string, `null` is `None`, an omitted value is an empty collection, and `!Variant` is a variant of an enum. In
//! addition, a mapping of one pair is a variant too (`Variant: value`), as in JSON. The differences:
//!
//! - Plain scalars have the types of the core schema: `012` is the integer 12, `0b11` and `-0x1` are strings, and `1e999`
//!   is infinite.
//! - A scalar with the tag `!!str` is a string only, whatever the type.
//! - A text is borrowed if it occurs verbatim in the input. [`from_str`] borrows from the text and [`from_node`] from the
//!   tape. What is read through a window is always owned.
//! - Merge keys are applied if [`Options::merge_keys`] is on.
//!
//! An alias is deserialized once more, so all aliases together may stand for at most [`REPEATED`] times the nodes of the
//! tape, and values may be nested [`DEPTH`] deep.

mod access;
mod context;
mod error;
mod forward;
mod node;
mod value;

use std::{borrow::Cow, io::Read, path::Path};

use serde::{Deserialize, de::DeserializeOwned};

pub use context::{DEPTH, REPEATED};
pub use error::{Error, Kind};

use crate::{Layout, Node, Options, Source, Tape, Windowed};
use context::{Context, FromTape, FromText, Lender, Owned};
use node::Deserializer;

/// Deserializes the only document of a text, and borrows texts from it.
///
/// ```
/// #[derive(serde::Deserialize)]
/// struct Server<'a> {
///     host: &'a str,
///     ports: Vec<u16>,
/// }
///
/// let server: Server = span_tape::from_str("host: example.com\nports: [80, 443]\n")?;
/// assert_eq!((server.host, server.ports), ("example.com", vec![80, 443]));
/// # Ok::<(), span_tape::de::Error>(())
/// ```
///
/// # Errors
/// When the text is not valid YAML, has more than one document or does not match the type.
pub fn from_str<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, Error> {
    from_str_with_options(text, &Options::default())
}

/// Deserializes the only document of a text as [`from_str`] does, with options.
///
/// # Errors
/// When the text is not valid YAML, has more than one document or does not match the type.
pub fn from_str_with_options<'de, T: Deserialize<'de>>(text: &'de str, options: &Options) -> Result<T, Error> {
    let tape: Tape<&str> = Tape::parse(text, options).map_err(Kind::Tape)?;
    only(&tape, FromText(text))
}

/// Deserializes the only document of bytes in any encoding that YAML allows. Borrows texts if it is UTF-8.
///
/// # Errors
/// When the bytes are not valid YAML, have more than one document or do not match the type.
pub fn from_slice<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Error> {
    match crate::to_text(bytes).map_err(Kind::Tape)? {
        Cow::Borrowed(text) => from_str(text),
        Cow::Owned(text) => {
            let tape: Tape<String> = Tape::parse(text, &Options::default()).map_err(Kind::Tape)?;
            only(&tape, Owned)
        }
    }
}

/// Deserializes the only document of a reader, which is read to its end.
///
/// # Errors
/// When the reader fails, or its bytes are not valid YAML, have more than one document or do not match the type.
pub fn from_reader<R: Read, T: DeserializeOwned>(mut reader: R) -> Result<T, Error> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).map_err(Kind::Io)?;
    from_slice(&bytes)
}

/// Deserializes the only document of a file, which is read through a window: at no time is the whole text in memory,
/// unless it is UTF-16 or UTF-32.
///
/// # Errors
/// When the file cannot be read, is modified meanwhile, is not valid YAML, has more than one document or does not match
/// the type.
pub fn from_path<T: DeserializeOwned>(path: impl AsRef<Path>, options: &Options) -> Result<T, Error> {
    match Tape::<Windowed>::open(path.as_ref(), options) {
        Ok(tape) => only(&tape, Owned),
        Err(crate::Error::Encoding { .. }) => {
            let text = crate::read(path.as_ref(), &options.limits).map_err(Kind::Tape)?;
            let tape: Tape<String> = Tape::parse(text, options).map_err(Kind::Tape)?;
            only(&tape, Owned)
        }
        Err(error) => Err(Kind::Tape(error).into()),
    }
}

/// Deserializes a node, and borrows texts from its tape. A [`Node`] is a [`serde::Deserializer`] too.
///
/// # Errors
/// When the node does not match the type, or the input is a file and no longer what it was.
pub fn from_node<'t, T: Deserialize<'t>, S: Source, W: Layout>(node: Node<'t, S, W>) -> Result<T, Error> {
    let context = Context::new(node.tape, FromTape);
    T::deserialize(Deserializer::new(Some(node), &context))
}

/// Deserializes each document of a tape, and borrows texts from it.
///
/// ```
/// use span_tape::{Options, Tape};
///
/// let tape: Tape<_> = Tape::parse("name: a\n---\nname: b\n", &Options::default())?;
/// let documents: Vec<std::collections::HashMap<&str, &str>> = span_tape::from_documents(&tape).collect::<Result<_, _>>()?;
/// assert_eq!(documents[1]["name"], "b");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn from_documents<'t, T: Deserialize<'t>, S: Source, W: Layout>(
    tape: &'t Tape<S, W>,
) -> impl Iterator<Item = Result<T, Error>> {
    tape.documents().map(move |document| {
        let context = Context::new(tape, FromTape);
        T::deserialize(Deserializer::new(document.root(), &context))
    })
}

fn only<'t, 'de, T, S, W, L>(tape: &'t Tape<S, W>, lender: L) -> Result<T, Error>
where
    T: Deserialize<'de>,
    S: Source,
    W: Layout,
    L: Lender<'t, 'de>,
{
    let mut documents = tape.documents();
    let root = documents.next().and_then(|document| document.root());
    if let Some(second) = documents.next() {
        return Err(Error::from(Kind::MoreDocuments).at(second.root().as_ref()));
    }
    let context = Context::new(tape, lender);
    T::deserialize(Deserializer::new(root, &context))
}
