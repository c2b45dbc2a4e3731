//! The conversion of an input to UTF-8.

use std::borrow::Cow;

use crate::{
    encoding::Encoding,
    error::{Error, Position},
};

/// Returns the text of an input in any encoding that YAML allows, without the byte order mark of UTF-16 or UTF-32.
///
/// UTF-8 is borrowed. Anything else is converted once, into a text that takes at most 1.5 times the bytes of UTF-16 and
/// no more than those of UTF-32, and both are in memory meanwhile. Offsets and spans of a document are those in the
/// text; lines and columns are the same in both.
///
/// ```
/// use span_tape::{Options, Tape, to_text};
///
/// let bytes: Vec<u8> = "\u{feff}key: é\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
/// let tape: Tape<_> = Tape::parse(to_text(&bytes)?, &Options::default())?;
/// let root = tape.documents().next().and_then(|document| document.root()).expect("one document");
/// assert_eq!(root.get("key")?.expect("there").span()?, 5..7);
/// # Ok::<(), span_tape::Error>(())
/// ```
///
/// # Errors
/// When the bytes are malformed, with the position of the first that are. Its offset is that in `bytes`.
pub fn to_text(bytes: &[u8]) -> Result<Cow<'_, str>, Error> {
    let encoding = Encoding::detect(bytes);
    if encoding == Encoding::Utf8 {
        return std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|error| {
            let mut position = Position::START;
            position.advance(&bytes[..error.valid_up_to()]);
            Error::NotUtf8 { position }
        });
    }
    // Count first, so that the text is never copied to grow.
    let size = characters(bytes, encoding)
        .try_fold(0, |size, character| character.map(|character| size + character.len_utf8()))
        .map_err(|offset| malformed(bytes, encoding, offset))?;
    let mut text = String::with_capacity(size);
    text.extend(characters(bytes, encoding).flatten());
    Ok(Cow::Owned(text))
}

/// Returns the characters after a byte order mark, up to the first that is malformed, which is its offset.
fn characters(bytes: &[u8], encoding: Encoding) -> impl Iterator<Item = Result<char, usize>> {
    let mark = encoding.character(bytes).filter(|(character, _)| *character == '\u{feff}');
    let mut at = mark.map_or(0, |(_, size)| size);
    std::iter::from_fn(move || {
        if at >= bytes.len() {
            return None;
        }
        let Some((character, size)) = encoding.character(&bytes[at..]) else { return Some(Err(at)) };
        at += size;
        Some(Ok(character))
    })
}

fn malformed(bytes: &[u8], encoding: Encoding, offset: usize) -> Error {
    let mut position = Position::START;
    for character in characters(&bytes[..offset], encoding).flatten() {
        position.advance(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    position.offset = offset as u64;
    Error::Malformed { encoding, position }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    const ALL: [Encoding; 4] = [Encoding::Utf16Le, Encoding::Utf16Be, Encoding::Utf32Le, Encoding::Utf32Be];

    fn encoded(text: &str, encoding: Encoding) -> Vec<u8> {
        match encoding {
            Encoding::Utf8 => text.as_bytes().to_vec(),
            Encoding::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Encoding::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            Encoding::Utf32Le => text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect(),
            Encoding::Utf32Be => text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect(),
        }
    }

    proptest! {
        #[test]
        fn every_encoding_has_the_same_text(text in any::<String>(), marked in any::<bool>()) {
            let first_is_ascii = text.starts_with(|first: char| first.is_ascii() && first != '\0');
            let text = if first_is_ascii { text } else { format!("a{text}") };
            for encoding in ALL {
                let input = encoded(&if marked { format!("\u{feff}{text}") } else { text.clone() }, encoding);
                // The second character of UTF-16 without a mark may be NUL, which looks like UTF-32.
                if Encoding::detect(&input) == encoding {
                    assert_eq!(to_text(&input).expect("well formed"), text);
                } else {
                    assert!(text[1..].starts_with('\0'));
                }
            }
        }

        #[test]
        fn any_bytes_have_a_text_or_a_position(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Err(error) = to_text(&bytes) {
                assert!(error.position().is_some_and(|position| position.offset < bytes.len() as u64));
            }
        }
    }

    #[test]
    fn malformed_input_has_its_position() {
        let position = |bytes: &[u8]| match to_text(bytes).expect_err("malformed") {
            Error::Malformed { encoding, position } => (encoding, position.offset, position.line, position.column),
            other => panic!("{other}"),
        };
        for encoding in ALL {
            let start = encoded("a: b\né", encoding);
            let size = start.len();
            let bad: u32 = 0xdc00;
            let unit = encoding.unit();
            let surrogate = match encoding {
                Encoding::Utf16Le | Encoding::Utf32Le => bad.to_le_bytes()[..unit].to_vec(),
                _ => bad.to_be_bytes()[4 - unit..].to_vec(),
            };
            assert_eq!(position(&[start.clone(), surrogate].concat()), (encoding, size as u64, 2, 2));
            assert_eq!(position(&[start, vec![b'x']].concat()), (encoding, size as u64, 2, 2));
        }
    }

    #[test]
    fn the_table_of_the_specification_is_followed() {
        for (start, encoding) in [
            (&[0x00, 0x00, 0xfe, 0xff][..], Encoding::Utf32Be),
            (&[0x00, 0x00, 0x00, b'a'], Encoding::Utf32Be),
            (&[0xff, 0xfe, 0x00, 0x00], Encoding::Utf32Le),
            (&[b'a', 0x00, 0x00, 0x00], Encoding::Utf32Le),
            (&[0xfe, 0xff, b'a', 0x00], Encoding::Utf16Be),
            (&[0x00, b'a'], Encoding::Utf16Be),
            (&[0xff, 0xfe, b'a', 0x00], Encoding::Utf16Le),
            (&[b'a', 0x00], Encoding::Utf16Le),
            (&[0xef, 0xbb, 0xbf], Encoding::Utf8),
            (b"a", Encoding::Utf8),
            (b"", Encoding::Utf8),
        ] {
            assert_eq!(Encoding::detect(start), encoding, "{start:?}");
        }
    }
}
