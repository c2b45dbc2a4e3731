//! Names of figures: numbers that a worker tells about itself at a stage, such as how much of a
//! memory is not committed, or how long one step of it took.

use std::{fmt, str::FromStr};

use super::Unit;

/// The longest name, in bytes.
const MOST: usize = 32;

/// A figure's name: lower case letters, digits and `_`. What it ends with is its unit: `_bytes`,
/// `_ns` (nanoseconds), anything else a plain number. Padded with zeros, so that it can be copied.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FigureName([u8; MOST]);

/// A text that names no figure.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is no figure's name: it must be 1 to {MOST} of lower case letters, digits and _, and begin with a letter"
)]
pub struct FigureNameError(String);

impl FigureName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(MOST);
        std::str::from_utf8(&self.0[..length]).unwrap_or_default()
    }

    /// The unit that the name ends with.
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
            text.len() <= MOST && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.bytes().all(allowed);
        if !good {
            return Err(FigureNameError(text.to_owned()));
        }
        let mut name = [0; MOST];
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
    fn a_name_of_the_longest_kind_fits_and_a_longer_one_does_not() {
        let longest = "a".repeat(MOST);
        assert_eq!(longest.parse::<FigureName>().expect("fits").as_str(), longest);
        for bad in ["", "1a", "_a", "A", "a-b", "a b", &"a".repeat(MOST + 1)] {
            assert!(bad.parse::<FigureName>().is_err(), "{bad:?}");
        }
    }
}
