//! Units: `Bytes`, which all code uses to print a number of bytes for people (KiB, MiB, GiB; powers of 1024) and to
//! parse one from a policy or a command line, and the formatting of signed bytes and nanoseconds.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A number of bytes. Serialised as an integer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Bytes(pub u64);

const STEPS: [(u64, &str); 4] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];

impl fmt::Display for Bytes {
    /// Prints whole numbers without decimals (`4 KiB`) and others with three significant digits or so (`20.3 KiB`).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&scaled(self.0 as f64))
    }
}

/// A number of bytes that may have a fraction or be negative (a median, a slope): `4 KiB`, `-1.50 KiB`.
#[must_use]
pub fn bytes(bytes: f64) -> String {
    let sign = if bytes < 0.0 { "-" } else { "" };
    format!("{sign}{}", scaled(bytes.abs()))
}

/// A signed number of bytes (a growth, a slope, a change) with its sign: `+4 KiB`, `-1.5 MiB`, `0 B`.
#[must_use]
pub fn signed_bytes(change: f64) -> String {
    let sign = if change > 0.0 { "+" } else { "" };
    format!("{sign}{}", bytes(change))
}

fn scaled(bytes: f64) -> String {
    let (size, unit) =
        STEPS.iter().find(|(size, _)| bytes >= *size as f64).map_or((1.0, "B"), |(size, unit)| (*size as f64, *unit));
    let value = bytes / size;
    if (value - value.round()).abs() < 5e-4 {
        format!("{value:.0} {unit}")
    } else if value < 10.0 {
        format!("{value:.2} {unit}")
    } else {
        format!("{value:.1} {unit}")
    }
}

/// The text is not a number of bytes.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a number of bytes: expected for example 4096, 64KiB or 1.5MiB")]
pub struct BytesParseError(String);

impl FromStr for Bytes {
    type Err = BytesParseError;

    /// Parses `4096`, `4096 B`, `64KiB`, `1.5 MiB`, `8GiB`. `MB` and the like are rejected, because they are ambiguous
    /// for memory.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BytesParseError(text.to_owned());
        let trimmed = text.trim();
        let split = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(split);
        let size = match unit.trim() {
            "" | "B" => 1,
            unit => STEPS.iter().find(|(_, name)| *name == unit).ok_or_else(bad)?.0,
        };
        if let Ok(whole) = number.parse::<u64>() {
            return whole.checked_mul(size).map(Self).ok_or_else(bad);
        }
        let bytes = number.parse::<f64>().map_err(|_| bad())? * size as f64;
        (bytes.is_finite() && bytes >= 0.0 && bytes.fract() == 0.0 && bytes < 2f64.powi(63))
            .then_some(Self(bytes as u64))
            .ok_or_else(bad)
    }
}

/// Formats nanoseconds in a suitable unit: `1.234 ms`.
#[must_use]
pub fn nanoseconds(ns: f64) -> String {
    let steps = [(1e9, "s"), (1e6, "ms"), (1e3, "µs")];
    let (size, unit) = steps.into_iter().find(|(size, _)| ns.abs() >= *size).unwrap_or((1.0, "ns"));
    format!("{:.3} {unit}", ns / size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_printed_and_parsed_in_powers_of_1024() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (4096, "4 KiB"),
            (20_787, "20.3 KiB"),
            (1 << 20, "1 MiB"),
            (3 << 29, "1.50 GiB"),
            (4160 << 20, "4.06 GiB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
        for (text, bytes) in [("4096", 4096), ("4096 B", 4096), ("64KiB", 65_536), ("1.5 MiB", 1_572_864)] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)));
        }
    }

    #[test]
    fn ambiguous_and_malformed_sizes_are_rejected() {
        for text in ["", "4 MB", "KiB", "-1", "1.2.3", "0.3 B", "99999999999999999999", "1e9"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_change_is_printed_with_its_sign() {
        assert_eq!(signed_bytes(4096.0), "+4 KiB");
        assert_eq!(signed_bytes(-1536.0), "-1.50 KiB");
        assert_eq!(signed_bytes(0.0), "0 B");
    }
}
