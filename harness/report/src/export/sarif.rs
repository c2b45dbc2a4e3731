//! SARIF 2.1.0, which GitHub shows as code scanning alerts
//! (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>), with a rule per kind of verdict and a result
//! per finding. GitHub requires a file for each result. A finding that was explained points to the innermost function of
//! the workspace; a measurement alone has no location in the sources, so its result points to the file of the baseline.
//! The case is the logical location.

use std::{
    io::{self, Write},
    path::{Component, Path},
};

use highwater_judge::{Kind, NoBaseline};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Exporter, Results, level::Level, slug};
use crate::{
    escape,
    findings::{findings, no_baseline},
    verdict_groups::VerdictGroup,
};

#[derive(Debug)]
pub(super) struct Sarif;

/// The characters that a path segment of a URI may contain unescaped (RFC 3986, `pchar` without the sub-delimiters).
const PATH_PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A rule with its short description and what to do about a finding.
struct Rule {
    id: String,
    level: Level,
    short: &'static str,
    help: &'static str,
}

impl Exporter for Sarif {
    fn name(&self) -> &'static str {
        "sarif"
    }

    fn help(&self) -> &'static str {
        "SARIF 2.1.0, for code scanning"
    }

    fn extension(&self) -> &'static str {
        "sarif"
    }

    fn write(&self, results: &Results<'_>, out: &mut dyn Write) -> io::Result<()> {
        let rules = rules();
        let comparison = results.comparison;
        let compared = comparison.families.iter().flat_map(|family| {
            findings(&family.verdicts).into_iter().map(|group| finding(&group, &family.family, results, &rules))
        });
        let absent = comparison.without_baseline.iter().map(|absent| without_baseline(absent, results, &rules));
        let results: Vec<Value> = compared.chain(absent).collect();
        let log = json!({
            "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
            "version": "2.1.0",
            "runs": [{
                "tool": {"driver": {
                    "name": "highwater",
                    "version": env!("CARGO_PKG_VERSION"),
                    "rules": rules.iter().map(Rule::descriptor).collect::<Vec<_>>(),
                }},
                "invocations": [{"executionSuccessful": true, "exitCode": comparison.exit_status()}],
                "columnKind": "unicodeCodePoints",
                "results": results,
            }],
        });
        writeln!(out, "{}", escape::json(&format!("{log:#}")))
    }
}

/// The rule for a family without a baseline.
const NO_BASELINE: &str = "no-baseline";

fn rules() -> Vec<Rule> {
    use Level::{Error, Note, Warning};
    let rule = |(kind, level, short, help): (Kind, Level, &'static str, &'static str)| Rule {
        id: slug(kind),
        level,
        short,
        help,
    };
    let bless = "Find the change that caused it. If it is intended, measure and run `highwater bless --reason TEXT`.";
    let of_kinds = [
        (Kind::Failed, Error, "A worker failed.", "Read the last output of the worker and run the case alone."),
        (Kind::OverBudget, Error, "Memory exceeds the budget of the policy.", bless),
        (Kind::Regressed, Error, "Memory rose beyond the tolerance.", bless),
        (
            Kind::Unconfirmed,
            Warning,
            "Memory rose, but the rise is not significant or was not confirmed.",
            "Measure again with more --samples.",
        ),
        (
            Kind::NotComparable,
            Warning,
            "The machine classes differ in a way that affects this value.",
            "Measure on the machine class of the baseline, or bless a baseline for this one.",
        ),
        (Kind::NotRun, Warning, "The case could not run on this machine.", "The message says what the machine lacks."),
        (Kind::Missing, Warning, "The run lacks a case or value of the baseline.", bless),
        (Kind::New, Warning, "The baseline lacks a case or value of the run.", bless),
        (
            Kind::Moved,
            Note,
            "Memory moved from one kind to another, and the sum did not rise.",
            "Bless the run, so that the gate guards each kind at its new size.",
        ),
        (
            Kind::Improved,
            Note,
            "Memory fell beyond the tolerance.",
            "Bless the run, so that the gate guards the improvement.",
        ),
    ];
    let absent = Rule {
        id: NO_BASELINE.to_owned(),
        level: Error,
        short: "There is no baseline for this machine class.",
        help: "Measure on this machine class and run `highwater bless --reason TEXT`.",
    };
    of_kinds.into_iter().map(rule).chain([absent]).collect()
}

impl Rule {
    fn descriptor(&self) -> Value {
        json!({
            "id": self.id,
            "shortDescription": {"text": self.short},
            "fullDescription": {"text": self.short},
            "help": {"text": self.help},
            "defaultConfiguration": {"level": self.level.word()},
            "properties": {"tags": ["memory", "performance"]},
        })
    }
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

fn finding(group: &VerdictGroup<'_>, family: &str, results: &Results<'_>, rules: &[Rule]) -> Value {
    let verdict = group.verdict;
    let case = verdict.case.as_str();
    let quantity = verdict.subject.as_ref().map_or(String::new(), |subject| subject.quantity.to_string());
    let mut finding = result(
        &slug(verdict.kind),
        Level::of(verdict, results.comparison.strict),
        &std::iter::once(format!("{case}: {}", group.sentence())).chain(group.details()).collect::<Vec<_>>().join("\n"),
        case,
        group
            .verdict
            .place()
            .map(|place| (Path::new(&place.file), place.line))
            .or_else(|| at_start(results.file(family))),
        rules,
    );
    finding["partialFingerprints"] = fingerprint(&[case, &quantity]);
    let mut properties = json!({"gated": verdict.gated});
    if let Some(subject) = &verdict.subject {
        properties["quantity"] = json!(subject.quantity);
        properties["aspect"] = json!(subject.aspect);
        properties["baseline"] = json!(subject.baseline);
        properties["run"] = json!(subject.run);
        properties["again"] = json!(subject.confirmation);
    }
    finding["properties"] = properties;
    finding
}

fn without_baseline(absent: &NoBaseline, results: &Results<'_>, rules: &[Rule]) -> Value {
    let family = &absent.family;
    let text = format!("{family}: {}", no_baseline(absent));
    let mut finding = result(NO_BASELINE, Level::Error, &text, family, at_start(results.file(family)), rules);
    finding["partialFingerprints"] = fingerprint(&[family, &absent.class.to_string()]);
    finding
}

/// The first line of a file.
fn at_start(file: Option<&Path>) -> Option<(&Path, u32)> {
    file.map(|file| (file, 1))
}

fn result(rule: &str, level: Level, text: &str, location: &str, file: Option<(&Path, u32)>, rules: &[Rule]) -> Value {
    let mut locations = json!({"logicalLocations": [{"fullyQualifiedName": location}]});
    if let Some((file, line)) = file {
        locations["physicalLocation"] = json!({"artifactLocation": artifact(file), "region": {"startLine": line}});
    }
    json!({
        "ruleId": rule,
        "ruleIndex": rules.iter().position(|known| known.id == rule),
        "level": level.word(),
        "message": {"text": escape::sarif(text)},
        "locations": [locations],
    })
}

/// Identifies an alert across runs by its subject, without the numbers and without the aspect that represents the
/// others. GitHub reads only this name. Without it, GitHub would hash the line of the file and treat all results on
/// that line as one.
fn fingerprint(about: &[&str]) -> Value {
    let digest = Sha256::digest(about.join("\n").as_bytes());
    let hash: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    json!({"primaryLocationLineHash": format!("{hash}:1")})
}

/// A path relative to the root of the sources, or an absolute URI for other files.
fn artifact(file: &Path) -> Value {
    let parts: Vec<String> = file
        .components()
        .filter_map(|part| match part {
            Component::Normal(part) => Some(utf8_percent_encode(&part.to_string_lossy(), PATH_PART).to_string()),
            Component::ParentDir => Some("..".to_owned()),
            Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
        })
        .collect();
    let path = parts.join("/");
    if file.is_absolute() {
        json!({"uri": format!("file:///{path}")})
    } else {
        json!({"uri": path, "uriBaseId": "%SRCROOT%"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_are_uris_below_the_source_root() {
        assert_eq!(artifact(Path::new("./base lines/a:b.json"))["uri"], "base%20lines/a%3Ab.json");
        assert_eq!(artifact(Path::new("baselines/x.json"))["uriBaseId"], "%SRCROOT%");
        assert_eq!(artifact(Path::new("/tmp/x.json")), json!({"uri": "file:///tmp/x.json"}));
    }

    #[test]
    fn every_kind_that_is_reported_has_a_rule() {
        let rules = rules();
        for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Same) {
            assert!(rules.iter().any(|rule| rule.id == slug(kind)), "{kind}");
        }
    }
}
