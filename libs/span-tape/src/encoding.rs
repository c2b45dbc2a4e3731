//! The encodings of an input (YAML 1.2.2, chapter 5.2).

use std::fmt;

/// An encoding of YAML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// UTF-16, little-endian.
    Utf16Le,
    /// UTF-16, big-endian.
    Utf16Be,
    /// UTF-32, little-endian.
    Utf32Le,
    /// UTF-32, big-endian.
    Utf32Be,
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
            Self::Utf32Le => "UTF-32LE",
            Self::Utf32Be => "UTF-32BE",
        })
    }
}

impl Encoding {
    /// Detects the encoding by the first four bytes of an input: by its byte order mark, or by the NULs of its first
    /// character, which is ASCII. This is the table of YAML 1.2.2, chapter 5.2.
    #[must_use]
    pub fn detect(start: &[u8]) -> Self {
        match start {
            [0, 0, 0xfe, 0xff, ..] | [0, 0, 0, _, ..] => Self::Utf32Be,
            [0xff, 0xfe, 0, 0, ..] | [_, 0, 0, 0, ..] => Self::Utf32Le,
            [0xfe, 0xff, ..] | [0, _, ..] => Self::Utf16Be,
            [0xff, 0xfe, ..] | [_, 0, ..] => Self::Utf16Le,
            _ => Self::Utf8,
        }
    }

    /// Returns the size of a code unit.
    pub(crate) fn unit(self) -> usize {
        match self {
            Self::Utf8 => 1,
            Self::Utf16Le | Self::Utf16Be => 2,
            Self::Utf32Le | Self::Utf32Be => 4,
        }
    }

    /// Returns the number of a code unit, which has at most four bytes.
    fn number(self, unit: &[u8]) -> u32 {
        let next = |number: u32, byte: &u8| number << 8 | u32::from(*byte);
        match self {
            Self::Utf16Le | Self::Utf32Le => unit.iter().rev().fold(0, next),
            _ => unit.iter().fold(0, next),
        }
    }

    /// Returns the character at the start of `bytes` and its size, or `None` if it is malformed.
    pub(crate) fn character(self, bytes: &[u8]) -> Option<(char, usize)> {
        let unit = self.unit();
        let first = self.number(bytes.get(..unit)?);
        if unit != 2 || !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first).map(|character| (character, unit));
        }
        let low = self.number(bytes.get(unit..2 * unit)?).checked_sub(0xdc00).filter(|low| *low < 0x400)?;
        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + low).map(|character| (character, 2 * unit))
    }
}
