//! The id of a case: `family/strategy/param=value,...`. Baselines refer to it, so it must be stable.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The stable id of a case of a family, `family/strategy[/more][/param=value,...]`.
///
/// It consists of lower case letters, digits and `-`, `_`, `.`, `=`, `,`. Parts are separated by `/` and must not be
/// empty. Parameters are never reordered: two ids are equal if and only if their text is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", schemars(with = "String"))]
pub struct CaseId(String);

/// The text is not a valid case id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a case id: expected family/strategy/param=value,... of lower case letters, digits and - _ . =")]
pub struct IdError(String);

impl CaseId {
    /// Builds `family/strategy/name=value,...`, or `family/strategy` without parameters.
    ///
    /// # Errors
    /// If a part contains a character that is not allowed in an id.
    pub fn new(family: &str, strategy: &str, parameters: &[(&str, &str)]) -> Result<Self, IdError> {
        let list: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let tail = if list.is_empty() { String::new() } else { format!("/{}", list.join(",")) };
        format!("{family}/{strategy}{tail}").parse()
    }

    /// The whole id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the first `/`.
    #[must_use]
    pub fn family(&self) -> &str {
        self.0.split('/').next().unwrap_or(&self.0)
    }
}

/// Whether a text is valid as one part of an id. Such a text is also safe as a folder name.
pub fn is_part(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.=,".contains(c);
    !matches!(text, "" | "." | "..") && text.chars().all(allowed)
}

impl FromStr for CaseId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let good = text.split('/').count() >= 2 && text.split('/').all(is_part);
        if good { Ok(Self(text.to_owned())) } else { Err(IdError(text.to_owned())) }
    }
}

impl TryFrom<String> for CaseId {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<CaseId> for String {
    fn from(id: CaseId) -> Self {
        id.0
    }
}

impl fmt::Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_keeps_the_order_of_its_parameters() {
        let id = CaseId::new("sandbox-scaling", "on-demand", &[("cow", "on"), ("guest", "tiny")]);
        assert_eq!(id.as_ref().map(CaseId::as_str), Ok("sandbox-scaling/on-demand/cow=on,guest=tiny"));
        assert_eq!(id.as_ref().map(CaseId::family), Ok("sandbox-scaling"));
    }

    #[test]
    fn invalid_ids_are_rejected() {
        for text in ["", "family", "family/", "/x", "Family/x", "f/x y", "f/<script>", "f/../x", "./x", "f//x"] {
            assert!(text.parse::<CaseId>().is_err(), "{text}");
        }
    }
}
