//! SARIF 2.1.0, which GitHub shows as code scanning alerts
//! (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>). A rule per kind of verdict, a
//! result for each thing told. What was measured has no place in a source file: the baseline's file
//! stands for it, since GitHub wants one, and the case is the logical location.

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
    leads::Lead,
    told::{no_baseline, told},
};

#[derive(Debug)]
pub(super) struct Sarif;

/// What a part of a path may hold in a URI (RFC 3986, `pchar` without the sub-delimiters).
const PATH_PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A rule: its id, what it says in a few words, and what to do about it.
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
            told(&family.verdicts).into_iter().map(|told| finding(&told, &family.family, results, &rules))
        });
        let absent = comparison.without_baseline.iter().map(|absent| without_baseline(absent, results, &rules));
        let findings: Vec<Value> = compared.chain(absent).collect();
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
                "results": findings,
            }],
        });
        writeln!(out, "{log:#}")
    }
}

/// The rule of a family that has nothing to be compared with.
const NO_BASELINE: &str = "no-baseline";

fn rules() -> Vec<Rule> {
    use Level::{Error, Note, Warning};
    let rule = |(kind, level, short, help): (Kind, Level, &'static str, &'static str)| Rule {
        id: slug(kind),
        level,
        short,
        help,
    };
    let bless = "Find the change that did it. Where it is meant, measure and `highwater bless --reason TEXT`.";
    let of_kinds = [
        (Kind::Died, Error, "Workers died.", "Read what the worker wrote last, and run the case alone."),
        (Kind::OverBudget, Error, "Memory is above the budget that the policy sets.", bless),
        (Kind::Regressed, Error, "Memory rose beyond the tolerance.", bless),
        (
            Kind::Unconfirmed,
            Warning,
            "Memory rose, hardly by chance, but not in every worker.",
            "Measure again with more --samples.",
        ),
        (
            Kind::NotComparable,
            Warning,
            "The machine classes differ in what matters here.",
            "Measure on the machine class of the baseline, or bless a baseline for this one.",
        ),
        (Kind::NotRun, Warning, "The case could not run here.", "Its reason says what the machine lacks."),
        (Kind::Missing, Warning, "The baseline has what the run has not.", bless),
        (Kind::New, Warning, "The run has what the baseline has not.", bless),
        (Kind::Improved, Note, "Memory fell beyond the tolerance.", "Bless it, so that the gate holds what was won."),
    ];
    let absent = Rule {
        id: NO_BASELINE.to_owned(),
        level: Error,
        short: "There is no baseline for this machine class.",
        help: "Measure on this machine class and `highwater bless --reason TEXT`.",
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

fn finding(told: &Lead<'_>, family: &str, results: &Results<'_>, rules: &[Rule]) -> Value {
    let verdict = told.verdict;
    let case = verdict.case.as_str();
    let quantity = verdict.subject.as_ref().map_or(String::new(), |subject| subject.quantity.to_string());
    let mut finding = result(
        &slug(verdict.kind),
        Level::of(verdict, results.comparison.strict),
        &format!("{case}: {}", told.sentence()),
        case,
        results.file(family),
        rules,
    );
    finding["partialFingerprints"] = fingerprint(&[case, &quantity]);
    let mut properties = json!({"gated": verdict.gated});
    if let Some(subject) = &verdict.subject {
        properties["quantity"] = json!(subject.quantity);
        properties["aspect"] = json!(subject.aspect);
        properties["baseline"] = json!(subject.baseline);
        properties["run"] = json!(subject.run);
        properties["again"] = json!(subject.again);
    }
    finding["properties"] = properties;
    finding
}

fn without_baseline(absent: &NoBaseline, results: &Results<'_>, rules: &[Rule]) -> Value {
    let family = &absent.family;
    let text = format!("{family}: {}", no_baseline(absent));
    let mut finding = result(NO_BASELINE, Level::Error, &text, family, results.file(family), rules);
    finding["partialFingerprints"] = fingerprint(&[family, &absent.class.to_string()]);
    finding
}

fn result(rule: &str, level: Level, text: &str, place: &str, file: Option<&Path>, rules: &[Rule]) -> Value {
    let mut location = json!({"logicalLocations": [{"fullyQualifiedName": place}]});
    if let Some(file) = file {
        location["physicalLocation"] = json!({"artifactLocation": artifact(file), "region": {"startLine": 1}});
    }
    json!({
        "ruleId": rule,
        "ruleIndex": rules.iter().position(|known| known.id == rule),
        "level": level.word(),
        "message": {"text": text},
        "locations": [location],
    })
}

/// What makes an alert the same alert in the next run: what it is about, and neither the numbers nor
/// the aspect that speaks for the others. The name is the only one that GitHub reads; it hashes lines
/// there, and would take all results on one line of a file for one.
fn fingerprint(about: &[&str]) -> Value {
    let digest = Sha256::digest(about.join("\n").as_bytes());
    let hash: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    json!({"primaryLocationLineHash": format!("{hash}:1")})
}

/// A file below the root of the sources, or one somewhere else by its absolute URI.
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
    fn paths_are_uris_below_the_root_of_the_sources_where_they_can_be() {
        assert_eq!(artifact(Path::new("./base lines/a:b.json"))["uri"], "base%20lines/a%3Ab.json");
        assert_eq!(artifact(Path::new("baselines/x.json"))["uriBaseId"], "%SRCROOT%");
        assert_eq!(artifact(Path::new("/tmp/x.json")), json!({"uri": "file:///tmp/x.json"}));
    }

    #[test]
    fn every_kind_that_is_told_has_a_rule() {
        let rules = rules();
        for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Same) {
            assert!(rules.iter().any(|rule| rule.id == slug(kind)), "{kind}");
        }
    }
}
