//! The core schema (YAML 1.2.2, chapter 10.3), which resolves plain scalars to values.

use std::borrow::Cow;

/// The prefix of the core schema's tags.
pub(crate) const CORE: &str = "tag:yaml.org,2002:";

/// The value of a scalar.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// An empty text, `null`, `Null`, `NULL` or `~`.
    Null,
    /// `true` or `false`, each in three spellings.
    Bool(bool),
    /// An integer, decimal, octal (`0o`) or hexadecimal (`0x`), of at most 128 bits with its sign.
    Int(i128),
    /// Any other number, including `.inf` and `.nan`. Integers of more than 128 bits are rounded.
    Float(f64),
    /// Any other text.
    Str(Cow<'a, str>),
}

impl<'a> Scalar<'a> {
    /// Resolves a plain scalar without a tag.
    pub(crate) fn plain(text: Cow<'a, str>) -> Self {
        match &*text {
            "" | "~" | "null" | "Null" | "NULL" => Self::Null,
            "true" | "True" | "TRUE" => Self::Bool(true),
            "false" | "False" | "FALSE" => Self::Bool(false),
            _ => number(&text).unwrap_or(Self::Str(text)),
        }
    }

    /// Resolves a scalar with a tag, regardless of its style. The result is a string if the text does not match the
    /// type of the tag, or if the tag is application-specific.
    pub(crate) fn tagged(tag: &str, text: Cow<'a, str>) -> Self {
        let resolved = Self::plain(text.clone());
        match (tag.strip_prefix(CORE), resolved) {
            (Some("float"), Self::Int(int)) => Self::Float(int as f64),
            (Some("null"), value @ Self::Null)
            | (Some("bool"), value @ Self::Bool(_))
            | (Some("int"), value @ Self::Int(_))
            | (Some("float"), value @ Self::Float(_)) => value,
            _ => Self::Str(text),
        }
    }
}

fn number(text: &str) -> Option<Scalar<'static>> {
    if !matches!(text.as_bytes()[0], b'0'..=b'9' | b'+' | b'-' | b'.') {
        return None;
    }
    let radix = |digits: &str, radix| {
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let int = i128::from_str_radix(digits, radix).ok().filter(|_| plain).map(Scalar::Int);
        int.or_else(|| rounded(digits, radix).filter(|_| plain).map(Scalar::Float))
    };
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    let (sign, unsigned) = match text.as_bytes()[0] {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    match unsigned {
        ".inf" | ".Inf" | ".INF" => return Some(Scalar::Float(sign * f64::INFINITY)),
        ".nan" | ".NaN" | ".NAN" if unsigned.len() == text.len() => return Some(Scalar::Float(f64::NAN)),
        _ => {}
    }
    if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.parse().map_or_else(|_| Scalar::Float(text.parse().unwrap_or(f64::NAN)), Scalar::Int));
    }
    is_float(unsigned).then(|| text.parse().ok().map(Scalar::Float)).flatten()
}

/// Rounds an integer of more than 128 bits in a radix that is a power of two.
fn rounded(digits: &str, radix: u32) -> Option<f64> {
    let digits = digits.trim_start_matches('0');
    // The first 24 digits have more bits than a mantissa. The others only matter if they break a tie.
    let (first, rest) = digits.split_at_checked(24)?;
    let tie = rest.bytes().any(|byte| byte != b'0');
    let all_valid = rest.chars().all(|digit| digit.is_digit(radix));
    let first = u128::from_str_radix(first, radix).ok().filter(|_| all_valid)?;
    let scale = 2f64.powi(i32::try_from(rest.len() * radix.ilog2() as usize).unwrap_or(i32::MAX));
    Some((first | u128::from(tie)) as f64 * scale)
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_resolve_as_in_the_specification() {
        use Scalar::{Bool, Float, Int, Null};
        for (text, value) in [
            ("", Null),
            ("~", Null),
            ("NULL", Null),
            ("True", Bool(true)),
            ("FALSE", Bool(false)),
            ("0", Int(0)),
            ("-12", Int(-12)),
            ("+12", Int(12)),
            ("012", Int(12)),
            ("0o14", Int(12)),
            ("0xFF", Int(255)),
            ("1.", Float(1.0)),
            (".5", Float(0.5)),
            ("-1.5e+3", Float(-1500.0)),
            ("1e3", Float(1000.0)),
            ("-.inf", Float(f64::NEG_INFINITY)),
            ("0x100000000000000000000000000000000", Float(340_282_366_920_938_463_463_374_607_431_768_211_456.0)),
            ("0o4000000000000000000000000000000000000000000", Float(2f64.powi(128))),
            ("340282366920938463463374607431768211456", Float(340_282_366_920_938_463_463_374_607_431_768_211_456.0)),
        ] {
            assert_eq!(Scalar::plain(text.into()), value, "{text}");
        }
        assert!(matches!(Scalar::plain(".nan".into()), Float(nan) if nan.is_nan()));
        for text in ["nULL", "yes", "0o", "0x", "0x-1", "0o+7", "-0x1", ".", "-", "1e", "e3", "-.nan", "1_000", "1 2"] {
            assert_eq!(Scalar::plain(text.into()), Scalar::Str(text.into()), "{text}");
        }
    }

    #[test]
    fn a_tag_sets_the_type_if_the_text_matches() {
        let tagged = |tag: &str, text: &'static str| Scalar::tagged(&format!("{CORE}{tag}"), text.into());
        assert_eq!(tagged("str", "12"), Scalar::Str("12".into()));
        assert_eq!(tagged("int", "12"), Scalar::Int(12));
        assert_eq!(tagged("float", "12"), Scalar::Float(12.0));
        assert_eq!(tagged("int", "twelve"), Scalar::Str("twelve".into()));
        assert_eq!(Scalar::tagged("!local", "12".into()), Scalar::Str("12".into()));
    }
}
