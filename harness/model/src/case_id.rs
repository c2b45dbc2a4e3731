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
        self.split().0
    }

    /// The id without the family: `strategy/name=value,...`.
    #[must_use]
    pub fn within_family(&self) -> &str {
        self.split().1
    }

    /// The parts between the family and the parameters: `on-demand`. Empty for an id that has only parameters.
    #[must_use]
    pub fn strategy(&self) -> &str {
        self.split_parameters().0
    }

    /// The parameters in their order, as name and value. A parameter without `=` is a name without a value.
    pub fn parameters(&self) -> impl DoubleEndedIterator<Item = (&str, &str)> {
        let list = self.split_parameters().1;
        list.split(',').filter(|item| !item.is_empty()).map(|item| item.split_once('=').unwrap_or((item, "")))
    }

    /// The value of a parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// The family, and the rest.
    fn split(&self) -> (&str, &str) {
        self.0.split_once('/').unwrap_or((&self.0, ""))
    }

    /// The strategy, and the list of parameters: the last part, if it contains `=`.
    fn split_parameters(&self) -> (&str, &str) {
        let rest = self.within_family();
        let (strategy, last) = rest.rsplit_once('/').unwrap_or(("", rest));
        if last.contains('=') { (strategy, last) } else { (rest, "") }
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
    fn an_id_is_read_by_strategy_and_parameters() {
        for (id, strategy, parameters) in [
            ("f/pooling/cow=on,guest=tiny", "pooling", &[("cow", "on"), ("guest", "tiny")][..]),
            ("f/all/of/it", "all/of/it", &[]),
            ("f/a/b/size=1g", "a/b", &[("size", "1g")]),
            ("f/x=1,flag,y=2=3", "", &[("x", "1"), ("flag", ""), ("y", "2=3")]),
        ] {
            let id: CaseId = id.parse().expect("an id");
            assert_eq!((id.strategy(), id.parameters().collect::<Vec<_>>()), (strategy, parameters.to_vec()), "{id}");
            for (name, value) in parameters {
                assert_eq!(id.parameter(name), Some(*value), "{id}");
            }
            assert_eq!(id.parameter("none"), None);
            assert_eq!(format!("{}/{}", id.family(), id.within_family()), id.as_str());
        }
    }

    #[test]
    fn invalid_ids_are_rejected() {
        for text in ["", "family", "family/", "/x", "Family/x", "f/x y", "f/<script>", "f/../x", "./x", "f//x"] {
            assert!(text.parse::<CaseId>().is_err(), "{text}");
        }
    }
}
