//! The value of a scalar as serde's data model distinguishes it, and passing it to a visitor.

use std::borrow::Cow;

use serde::de::{Error as _, Expected, Unexpected, Visitor};

use super::{
    context::{Context, Lender},
    error::Error,
};
use crate::Scalar;

/// A scalar, or an integer that only fits in a [`u128`].
pub(super) enum Value<'t> {
    Scalar(Scalar<'t>),
    Large(u128),
}

impl<'t> Value<'t> {
    /// Distinguishes integers that [`Scalar`] rounds.
    pub(super) fn new(scalar: Scalar<'t>, text: impl FnOnce() -> Option<Cow<'t, str>>) -> Self {
        if let Scalar::Float(float) = scalar
            && float >= i128::MAX as f64
            && float <= u128::MAX as f64
            && let Some(large) = text().as_deref().and_then(large)
        {
            return Self::Large(large);
        }
        Self::Scalar(scalar)
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Scalar(Scalar::Null))
    }

    pub(super) fn visit<'de, V, L>(self, context: &Context<L>, visitor: V) -> Result<V::Value, Error>
    where
        V: Visitor<'de>,
        L: Lender<'t, 'de>,
    {
        match self {
            Self::Large(int) => visitor.visit_u128(int),
            Self::Scalar(Scalar::Null) => visitor.visit_unit(),
            Self::Scalar(Scalar::Bool(bool)) => visitor.visit_bool(bool),
            Self::Scalar(Scalar::Int(int)) => visit_int(int, visitor),
            Self::Scalar(Scalar::Float(float)) => visitor.visit_f64(float),
            Self::Scalar(Scalar::Str(text)) => visit_text(text, context, visitor),
        }
    }

    /// Returns the error of a value of an unexpected type.
    pub(super) fn unexpected(&self, expected: &dyn Expected) -> Error {
        let found = match self {
            Self::Large(_) => Unexpected::Other("integer"),
            Self::Scalar(Scalar::Null) => Unexpected::Unit,
            Self::Scalar(Scalar::Bool(bool)) => Unexpected::Bool(*bool),
            Self::Scalar(Scalar::Int(int)) => match (u64::try_from(*int), i64::try_from(*int)) {
                (Ok(int), _) => Unexpected::Unsigned(int),
                (_, Ok(int)) => Unexpected::Signed(int),
                _ => Unexpected::Other("integer"),
            },
            Self::Scalar(Scalar::Float(float)) => Unexpected::Float(*float),
            Self::Scalar(Scalar::Str(text)) => Unexpected::Str(text),
        };
        Error::invalid_type(found, expected)
    }
}

/// Passes an integer in the smallest type that most visitors accept.
fn visit_int<'de, V: Visitor<'de>>(int: i128, visitor: V) -> Result<V::Value, Error> {
    if let Ok(int) = u64::try_from(int) {
        visitor.visit_u64(int)
    } else if let Ok(int) = i64::try_from(int) {
        visitor.visit_i64(int)
    } else if let Ok(int) = u128::try_from(int) {
        visitor.visit_u128(int)
    } else {
        visitor.visit_i128(int)
    }
}

/// Passes a text, borrowed if it lives long enough.
pub(super) fn visit_text<'t, 'de, V, L>(text: Cow<'t, str>, context: &Context<L>, visitor: V) -> Result<V::Value, Error>
where
    V: Visitor<'de>,
    L: Lender<'t, 'de>,
{
    match text {
        Cow::Borrowed(text) => match context.lender.lend(text) {
            Some(lent) => visitor.visit_borrowed_str(lent),
            None => visitor.visit_str(text),
        },
        Cow::Owned(text) => visitor.visit_string(text),
    }
}

fn large(text: &str) -> Option<u128> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let (digits, radix) = match (digits.strip_prefix("0x"), digits.strip_prefix("0o")) {
        (Some(digits), _) => (digits, 16),
        (_, Some(digits)) => (digits, 8),
        _ => (digits, 10),
    };
    u128::from_str_radix(digits, radix).ok()
}
