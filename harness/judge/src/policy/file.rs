//! The format of a policy file: TOML, with a schema version and a list of rules.

use globset::{Glob, GlobSet, GlobSetBuilder};
use highwater_model::{Aspect, Bytes, Quantity, is_raw};
use serde::{Deserialize, Deserializer, de::Error as _};

use super::Mode;

/// The version of the format.
const SCHEMA: u32 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: u32,
    #[serde(default)]
    rule: Vec<Rule>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    /// Glob on the case id.
    #[serde(default, deserialize_with = "glob")]
    pub(super) case: Option<GlobSet>,
    /// Glob on the quantity: `anon`, `anon.*`.
    #[serde(default, deserialize_with = "metric_glob")]
    pub(super) metric: Option<GlobSet>,
    pub(super) aspect: Option<AspectWord>,
    pub(super) mode: Option<Mode>,
    #[serde(default, deserialize_with = "bytes")]
    pub(super) tolerance: Option<f64>,
    #[serde(default, deserialize_with = "percent")]
    pub(super) tolerance_percent: Option<f64>,
    #[serde(default, deserialize_with = "bytes")]
    pub(super) budget: Option<f64>,
    /// The cases were removed on purpose: a run without them does not fail.
    #[serde(default)]
    pub(super) gone: bool,
    /// Glob on the reason why a case could not run: with such a reason, a case of the baseline that was not run does not
    /// fail.
    #[serde(default, deserialize_with = "glob")]
    pub(super) not_run: Option<GlobSet>,
    /// Who answers for what the rule matches.
    #[serde(default, deserialize_with = "owner")]
    pub(super) owner: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum AspectWord {
    Level,
    Growth,
    Slope,
}

impl AspectWord {
    pub(super) fn matches(self, aspect: &Aspect) -> bool {
        matches!(
            (self, aspect),
            (Self::Level, Aspect::Level(_)) | (Self::Growth, Aspect::Growth(_)) | (Self::Slope, Aspect::Slope(_))
        )
    }
}

/// The rules of a file, or what is wrong with it in one line.
pub(super) fn parse(text: &str) -> Result<Vec<Rule>, String> {
    let file: File = toml::from_str(text).map_err(|error| with_line(text, &error))?;
    if file.schema != SCHEMA {
        return Err(format!("schema is {}, this build reads {SCHEMA}", file.schema));
    }
    Ok(file.rule)
}

/// toml's message with the number of the line, but without the quoted source.
fn with_line(text: &str, error: &toml::de::Error) -> String {
    let before = |end: usize| text.bytes().take(end).filter(|byte| *byte == b'\n').count();
    let line = error.span().map(|span| before(span.start) + 1);
    let message = error.message().replace('\n', " ");
    line.map_or(message.clone(), |line| format!("line {line}: {message}"))
}

/// The longest glob in bytes: the matcher recurses once per brace.
const MAX_GLOB: usize = 500;

fn glob<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<GlobSet>, D::Error> {
    matcher(&String::deserialize(deserializer)?).map(Some)
}

/// The longest name of an owner in bytes.
const MAX_OWNER: usize = 100;

fn owner<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let name = String::deserialize(deserializer)?;
    match name.trim() == name && !name.is_empty() && name.len() <= MAX_OWNER && !name.chars().any(is_raw) {
        true => Ok(Some(name)),
        false => Err(D::Error::custom("an owner must be a name of one line")),
    }
}

/// Without wildcards the name must be that of a quantity: otherwise the rule would never match.
fn metric_glob<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<GlobSet>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if !text.contains(['*', '?', '[', '{', '\\']) {
        text.parse::<Quantity>().map_err(D::Error::custom)?;
    }
    matcher(&text).map(Some)
}

fn matcher<E: serde::de::Error>(text: &str) -> Result<GlobSet, E> {
    if text.len() > MAX_GLOB {
        return Err(E::custom(format!("a glob of {} bytes, {MAX_GLOB} at most", text.len())));
    }
    if has_alternative_for_everything(text) {
        return Err(E::custom(format!(
            "`{text}` has an alternative for everything: in braces, a comma separates alternatives; write `?` for that of an id"
        )));
    }
    let glob = Glob::new(text).map_err(E::custom)?;
    // A set of one glob: building a set returns an error where `Glob::compile_matcher` panics.
    GlobSetBuilder::new().add(glob).build().map_err(E::custom)
}

/// Whether one of the alternatives in braces is only stars, so that the others have no effect: most likely the rest of an
/// id after a comma, as in `{a/*,b/how=best,*}`.
fn has_alternative_for_everything(glob: &str) -> bool {
    let inside = glob.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    inside.flat_map(|(inside, _)| inside.split(',')).any(|it| !it.is_empty() && it.bytes().all(|byte| byte == b'*'))
}

/// `"64 KiB"` or a plain number (bytes, or a count for metrics that are counts).
fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "it must be a number, or a string such as \"64 KiB\"")]
    enum Value {
        Number(f64),
        Text(String),
    }
    match Value::deserialize(deserializer)? {
        Value::Number(number) => limit(number).map(Some),
        Value::Text(text) => text.parse::<Bytes>().map(|bytes| Some(bytes.0 as f64)).map_err(D::Error::custom),
    }
}

fn percent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    limit(f64::deserialize(deserializer)?).map(Some)
}

/// TOML has `nan` and `inf`, with which no rise would ever exceed the limit.
fn limit<E: serde::de::Error>(number: f64) -> Result<f64, E> {
    match number {
        number if number < 0.0 => Err(E::custom(format!("{number} is below 0"))),
        number if !number.is_finite() => Err(E::custom(format!("{number} is not finite"))),
        number => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_that_names_the_mistake() {
        for (text, part) in [
            ("", "schema"),
            ("schema = 2", "schema is 2"),
            ("schema = 1\n[[rule]]\ntolerence = 1", "line 3"),
            ("schema = 1\n[[rule]]\ntolerance = \"4 MB\"", "4 MB"),
            ("schema = 1\n[[rule]]\nbudget = -1", "below 0"),
            ("schema = 1\n[[rule]]\nowner = \"\"", "an owner must be"),
            ("schema = 1\n[[rule]]\ncase = \"f/{a*,b/how=c,*}\"", "an alternative for everything"),
            ("schema = 1\n[[rule]]\ncase = \"{*,f}/a\"", "an alternative for everything"),
            ("schema = 1\n[[rule]]\ncase = \"[\"", "unclosed"),
            ("schema = 1\n[[rule]]\naspect = \"height\"", "height"),
            ("not toml", "line 1"),
            ("schema = 1\n[[rule]]\ntolerance = inf", "inf is not finite"),
            ("schema = 1\n[[rule]]\ntolerance = true", "a string such as \"64 KiB\""),
            ("schema = 1\n[[rule]]\nbudget = nan", "NaN is not finite"),
            ("schema = 1\n[[rule]]\ntolerance_percent = -2", "below 0"),
            ("schema = 1\n[[rule]]\ntolerance_percent = inf", "inf is not finite"),
            ("schema = 1\n[[rule]]\nmetric = \"anno\"", "unknown word `anno`"),
            ("schema = 1\n[[rule]]\nnot_run = true", "expected a string"),
            ("schema = 1\n[[rule]]\nnot_run = \"{\"", "unclosed"),
            (&format!("schema = 1\n[[rule]]\ncase = \"{}\"", "{a,".repeat(200)), "a glob of 600 bytes"),
            (&format!("schema = 1\nx = {}", "[".repeat(10_000)), "line 2"),
            (&format!("schema = 1\n{}x = 1", "a.".repeat(10_000)), "recursion"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(part) && !error.contains('\n'), "{text:?}: {error}");
        }
    }
}
