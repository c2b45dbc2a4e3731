//! A condition on one parameter of a case, such as `guest=tiny,image`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{CaseId, is_id_part};

/// Selects the cases whose parameter has one of the values. A case without the parameter is not selected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", schemars(with = "String"))]
pub struct ParameterFilter {
    name: String,
    values: Vec<String>,
}

/// The text is not a condition on a parameter.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a condition on a parameter: expected NAME=VALUE or NAME=VALUE,VALUE")]
pub struct ParameterFilterError(String);

impl ParameterFilter {
    /// Whether the case is selected.
    #[must_use]
    pub fn selects(&self, case: &CaseId) -> bool {
        case.parameter(&self.name).is_some_and(|value| self.values.iter().any(|known| known == value))
    }
}

impl FromStr for ParameterFilter {
    type Err = ParameterFilterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParameterFilterError(text.to_owned());
        let (name, values) = text.split_once('=').ok_or_else(error)?;
        let values: Vec<String> = values.split(',').map(str::to_owned).collect();
        let valid = |part: &str| !part.is_empty() && is_id_part(part);
        match valid(name) && values.iter().all(|value| valid(value)) {
            true => Ok(Self { name: name.to_owned(), values }),
            false => Err(error()),
        }
    }
}

impl fmt::Display for ParameterFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.values.join(","))
    }
}

impl TryFrom<String> for ParameterFilter {
    type Error = ParameterFilterError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ParameterFilter> for String {
    fn from(filter: ParameterFilter) -> Self {
        filter.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_selected_by_the_value_of_its_parameter() {
        let case: CaseId = "f/pooling/cow=on,guest=tiny,size=64=k".parse().expect("an id");
        for (filter, selected) in [
            ("guest=tiny", true),
            ("guest=image,tiny", true),
            ("guest=image", false),
            ("guest=tin", false),
            ("size=64=k", true),
            ("other=tiny", false),
            ("pooling=on", false),
        ] {
            let parsed: ParameterFilter = filter.parse().expect("valid");
            assert_eq!(parsed.selects(&case), selected, "{filter}");
            assert_eq!(parsed.to_string(), filter);
        }
    }

    #[test]
    fn invalid_conditions_are_rejected() {
        for text in ["", "guest", "=tiny", "guest=", "guest=a,,b", "guest=T", "gu est=a"] {
            assert_eq!(text.parse::<ParameterFilter>(), Err(ParameterFilterError(text.to_owned())), "{text}");
        }
    }
}
