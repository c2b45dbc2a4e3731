//! Names of figures: numbers that a worker reports about itself at a stage, such as the uncommitted bytes of a memory
//! or the duration of a step.

use std::{fmt, str::FromStr};

use super::Unit;

/// The longest name, in bytes.
const MAX_LEN: usize = 32;

/// A figure's name: lower case letters, digits and `_`. Its suffix is its unit: `_bytes`, `_ns` (nanoseconds), or a
/// plain number otherwise. Stored as a zero-padded array, so that it is `Copy`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FigureName([u8; MAX_LEN]);

/// The text is not a valid name of a figure.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is not a figure name: expected 1 to {MAX_LEN} lower case letters, digits and _, beginning with a letter"
)]
pub struct FigureNameError(String);

impl FigureName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(MAX_LEN);
        std::str::from_utf8(&self.0[..length]).unwrap_or_default()
    }

    /// The unit, from the suffix of the name.
    #[must_use]
    pub fn unit(self) -> Unit {
        match self.as_str() {
            name if name.ends_with("_bytes") => Unit::Bytes,
            name if name.ends_with("_ns") => Unit::Nanoseconds,
            _ => Unit::Count,
        }
    }
}

impl FromStr for FigureName {
    type Err = FigureNameError;

    fn from_str(text: &str) -> Result<Self, FigureNameError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let good =
            text.len() <= MAX_LEN && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.bytes().all(allowed);
        if !good {
            return Err(FigureNameError(text.to_owned()));
        }
        let mut name = [0; MAX_LEN];
        name[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self(name))
    }
}

impl fmt::Display for FigureName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for FigureName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_limited_in_length_and_characters() {
        let longest = "a".repeat(MAX_LEN);
        assert_eq!(longest.parse::<FigureName>().expect("fits").as_str(), longest);
        for bad in ["", "1a", "_a", "A", "a-b", "a b", &"a".repeat(MAX_LEN + 1)] {
            assert!(bad.parse::<FigureName>().is_err(), "{bad:?}");
        }
    }
}
