//! The matrix of a command: each combination of the values of `--param` replaces `{name}` in its words and is a case.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    str::FromStr,
};

use highwater_model::{CaseId, is_id_part};

use crate::CliError;

/// The most cases of a matrix.
const MOST_CASES: usize = 1000;
/// The case of a command without parameters.
const ONLY_CASE: &str = "command";

/// One `--param NAME=VALUE,VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameter {
    name: String,
    values: Vec<String>,
}

impl FromStr for Parameter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, values) = text.split_once('=').ok_or("expected NAME=VALUE or NAME=VALUE,VALUE")?;
        let is_name = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c));
        if !is_name {
            return Err(format!("`{name}` is not a name: expected lower case letters, digits, - and _"));
        }
        let values: Vec<String> = values.split(',').map(str::to_owned).collect();
        if values.iter().any(String::is_empty) {
            return Err(format!("a value of {name} is empty"));
        }
        Ok(Self { name: name.to_owned(), values })
    }
}

/// One combination of values: the id of its case, and its command.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Combination {
    pub(super) case: CaseId,
    pub(super) command: Vec<OsString>,
}

/// The combinations of all values, those of the last parameter next to each other.
///
/// # Errors
/// [`CliError::Usage`] if a parameter is given twice or not used, two combinations have one id, or there are too many.
pub(super) fn combinations<'a>(
    family: &str,
    parameters: &'a [Parameter],
    command: &[OsString],
) -> Result<Vec<Combination>, CliError> {
    let usage = |problem: String| Err(CliError::Usage(format!("--param: {problem}")));
    let mut names = BTreeSet::new();
    for Parameter { name, .. } in parameters {
        if !names.insert(name) {
            return usage(format!("{name} is given twice; put all its values into one list"));
        }
        let placeholder = placeholder(name);
        if !command.iter().any(|word| find(word.as_bytes(), &placeholder).is_some()) {
            return usage(format!("{{{name}}} does not occur in the command"));
        }
    }
    let count = parameters.iter().map(|parameter| parameter.values.len()).try_fold(1, usize::checked_mul);
    if count.is_none_or(|count| count > MOST_CASES) {
        return usage(format!("more than {MOST_CASES} combinations"));
    }
    let mut chosen: Vec<Vec<(&str, &str)>> = vec![Vec::new()];
    for Parameter { name, values } in parameters {
        let pairs: Vec<(&'a str, &'a str)> = values.iter().map(|value| (name.as_str(), value.as_str())).collect();
        let with_each = |before: &Vec<(&'a str, &'a str)>| -> Vec<Vec<_>> {
            pairs.iter().map(|pair| [&before[..], &[*pair]].concat()).collect()
        };
        chosen = chosen.iter().flat_map(with_each).collect();
    }
    let mut ids = BTreeSet::new();
    let mut all = Vec::new();
    for values in chosen {
        let case = id(family, &values)?;
        if !ids.insert(case.clone()) {
            return usage(format!(
                "two combinations have the id {case}; ids have lower case letters, digits and - _ ."
            ));
        }
        all.push(Combination { case, command: command.iter().map(|word| replaced(word, &values)).collect() });
    }
    Ok(all)
}

/// `family/engine=wasmtime,n=1`.
fn id(family: &str, values: &[(&str, &str)]) -> Result<CaseId, CliError> {
    let values: Vec<String> = values.iter().map(|(name, value)| format!("{name}={}", id_part(value))).collect();
    let rest = if values.is_empty() { ONLY_CASE.to_owned() } else { values.join(",") };
    format!("{family}/{rest}").parse().map_err(|error| CliError::Usage(format!("--name: {error}")))
}

/// A text with the characters of an id: other ones become `-`.
pub(super) fn id_part(text: &str) -> String {
    let of = |c: char| match c.to_ascii_lowercase() {
        c if c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c) => c,
        _ => '-',
    };
    let part = text.chars().map(of).collect::<String>().trim_matches('-').to_owned();
    if is_id_part(&part) { part } else { "program".to_owned() }
}

fn placeholder(name: &str) -> Vec<u8> {
    format!("{{{name}}}").into_bytes()
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// A word with the values in place of `{name}`. What a value contains is not replaced again.
fn replaced(word: &OsStr, values: &[(&str, &str)]) -> OsString {
    let (mut rest, mut text) = (word.as_bytes(), Vec::new());
    while !rest.is_empty() {
        let value = values.iter().find(|(name, _)| rest.starts_with(&placeholder(name)));
        match value {
            Some((name, value)) => {
                text.extend_from_slice(value.as_bytes());
                rest = &rest[name.len() + 2..];
            }
            None => {
                text.push(rest[0]);
                rest = &rest[1..];
            }
        }
    }
    OsString::from_vec(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(list: &[&str]) -> Vec<Parameter> {
        list.iter().map(|text| text.parse().expect("a parameter")).collect()
    }

    fn words(list: &[&str]) -> Vec<OsString> {
        list.iter().map(OsString::from).collect()
    }

    fn problem(list: &[&str], command: &[&str]) -> String {
        combinations("f", &parameters(list), &words(command)).expect_err("refused").to_string()
    }

    #[test]
    fn every_combination_is_a_case() {
        let found =
            combinations("f", &parameters(&["engine=a,B c", "n=1,10"]), &words(&["run", "{engine}:{n}", "{x}"]));
        let found: Vec<_> = found.expect("valid").into_iter().map(|it| (it.case.to_string(), it.command)).collect();
        assert_eq!(
            found,
            [("a", "1", "a:1"), ("a", "10", "a:10"), ("b-c", "1", "B c:1"), ("b-c", "10", "B c:10")]
                .map(|(engine, n, word)| (format!("f/engine={engine},n={n}"), words(&["run", word, "{x}"])))
        );
    }

    #[test]
    fn a_command_without_parameters_is_one_case() {
        let found = combinations("f", &[], &words(&["run", "{n}"])).expect("valid");
        assert_eq!(found, [Combination { case: "f/command".parse().expect("an id"), command: words(&["run", "{n}"]) }]);
    }

    #[test]
    fn values_are_replaced_once_and_other_bytes_kept() {
        let word = OsString::from_vec(b"\xff{a}{b}{".to_vec());
        assert_eq!(replaced(&word, &[("a", "{b}"), ("b", "1")]).into_vec(), b"\xff{b}1{");
    }

    #[test]
    fn invalid_parameters_are_refused() {
        for text in ["n", "=1", "N=1", "n=", "n=1,,2", "1n=2"] {
            assert!(text.parse::<Parameter>().is_err(), "{text}");
        }
        for (list, command, part) in [
            (&["n=1", "n=2"][..], &["{n}"][..], "given twice"),
            (&["n=1"], &["run"], "does not occur"),
            (&["n=A,a"], &["{n}"], "two combinations have the id f/n=a"),
        ] {
            assert!(problem(list, command).contains(part), "{}", problem(list, command));
        }
        let many: Vec<String> = (0..32).map(|n| n.to_string()).collect();
        let lists = [format!("a={}", many.join(",")), format!("b={}", many.join(","))];
        assert!(problem(&[&lists[0], &lists[1]], &["{a}{b}"]).contains("more than 1000"));
    }

    #[test]
    fn any_text_becomes_a_part_of_an_id() {
        for (text, part) in
            [("Python3", "python3"), ("a b", "a-b"), ("{engine}", "engine"), ("..", "program"), ("", "program")]
        {
            assert_eq!(id_part(text), part);
        }
    }
}
