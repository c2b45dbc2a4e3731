//! JUnit XML as Jenkins, GitLab and most other systems read it (`junit-10.xsd` of Jenkins' xunit plugin): a suite per
//! family and a test per case. A verdict that fails the gate is a failure, a case without any judged value is skipped,
//! and a family without a baseline is an error. Everything else is in `system-out`.

use std::io::{self, Write};

use highwater_judge::{FamilyComparison, Kind, NoBaseline};
use highwater_model::CaseId;
use quick_xml::{
    Writer,
    events::{BytesDecl, BytesText, Event},
};

use super::{Exporter, Results, level::Level, slug};
use crate::{
    comparison_text::remarks,
    findings::{findings, no_baseline},
    printable,
    verdict_groups::VerdictGroup,
};

#[derive(Debug)]
pub(super) struct Junit;

impl Exporter for Junit {
    fn name(&self) -> &'static str {
        "junit"
    }

    fn help(&self) -> &'static str {
        "JUnit XML: a suite per family, a test per case"
    }

    fn extension(&self) -> &'static str {
        "xml"
    }

    fn write(&self, results: &Results<'_>, out: &mut dyn Write) -> io::Result<()> {
        let comparison = results.comparison;
        let compared = comparison.families.iter().map(|family| suite(family, results));
        let suites: Vec<Suite> =
            compared.chain(comparison.without_baseline.iter().map(suite_without_baseline)).collect();
        let count = |of: fn(&Outcome) -> bool| suites.iter().map(|suite| suite.count(of)).sum::<usize>();
        let mut xml = Writer::new_with_indent(&mut *out, b' ', 2);
        xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        xml.create_element("testsuites")
            .with_attribute(("name", "highwater"))
            .with_attribute(("tests", count(|_| true).to_string().as_str()))
            .with_attribute(("failures", count(Outcome::is_failure).to_string().as_str()))
            .with_attribute(("errors", count(Outcome::is_error).to_string().as_str()))
            .write_inner_content(|xml| suites.iter().try_for_each(|suite| suite.write(xml)))?;
        out.write_all(b"\n")
    }
}

struct Suite {
    name: String,
    properties: Vec<(&'static str, String)>,
    tests: Vec<Test>,
}

struct Test {
    /// The case, or the family if that has no baseline.
    name: String,
    outcome: Outcome,
    /// Findings that do not fail, and the output of failed workers.
    system_out: Vec<String>,
}

enum Outcome {
    Passed,
    Failed { kinds: String, lines: Vec<String> },
    Skipped { reason: String },
    Error { kind: &'static str, message: String },
}

impl Outcome {
    fn is_failure(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }

    fn is_error(&self) -> bool {
        matches!(self, Self::Error { .. })
    }

    fn is_skipped(&self) -> bool {
        matches!(self, Self::Skipped { .. })
    }
}

fn suite(family: &FamilyComparison, results: &Results<'_>) -> Suite {
    let all_findings = findings(&family.verdicts);
    let mut cases: Vec<&CaseId> = Vec::new();
    for verdict in &family.verdicts {
        if !cases.contains(&&verdict.case) {
            cases.push(&verdict.case);
        }
    }
    let test = |case: &CaseId| {
        let of_case: Vec<&VerdictGroup<'_>> =
            all_findings.iter().filter(|finding| finding.verdict.case == *case).collect();
        let verdicts = family.verdicts.iter().filter(|verdict| verdict.case == *case).count();
        test(case, &of_case, verdicts, results)
    };
    let context = family.differences.iter().map(|(name, before, after)| format!("{name}: {before} -> {after}"));
    let mut properties = vec![("machine class", family.class.to_string())];
    properties.extend(remarks(family).into_iter().map(|remark| ("remark", remark)));
    properties.extend(context.map(|line| ("context", line)));
    Suite { name: family.family.clone(), properties, tests: cases.into_iter().map(test).collect() }
}

fn test(case: &CaseId, findings: &[&VerdictGroup<'_>], verdicts: usize, results: &Results<'_>) -> Test {
    let line = |finding: &VerdictGroup<'_>| format!("{}: {}", finding.verdict.kind, finding.sentence());
    let fails = |finding: &VerdictGroup<'_>| Level::of(finding.verdict, results.comparison.strict) == Level::Error;
    let (failing, others): (Vec<&VerdictGroup<'_>>, Vec<&VerdictGroup<'_>>) =
        findings.iter().partition(|finding| fails(finding));
    let mut system_out: Vec<String> = others.iter().map(|finding| line(finding)).collect();
    system_out.extend(results.failure_output(case));
    let is_unjudged =
        |finding: &&&VerdictGroup<'_>| verdicts == 1 && matches!(finding.verdict.kind, Kind::NotRun | Kind::Missing);
    let outcome = if !failing.is_empty() {
        let mut kinds: Vec<String> = failing.iter().map(|finding| slug(finding.verdict.kind)).collect();
        kinds.dedup();
        Outcome::Failed { kinds: kinds.join(" "), lines: failing.iter().map(|finding| line(finding)).collect() }
    } else if let Some(finding) = others.iter().find(is_unjudged) {
        system_out.clear();
        Outcome::Skipped { reason: line(finding) }
    } else {
        Outcome::Passed
    };
    Test { name: case.to_string(), outcome, system_out }
}

fn suite_without_baseline(absent: &NoBaseline) -> Suite {
    let outcome = Outcome::Error { kind: "no-baseline", message: no_baseline(absent) };
    let test = Test { name: absent.family.clone(), outcome, system_out: Vec::new() };
    Suite {
        name: absent.family.clone(),
        properties: vec![("machine class", absent.class.to_string())],
        tests: vec![test],
    }
}

impl Suite {
    fn count(&self, of: fn(&Outcome) -> bool) -> usize {
        self.tests.iter().filter(|test| of(&test.outcome)).count()
    }

    fn write<W: Write>(&self, xml: &mut Writer<W>) -> io::Result<()> {
        xml.create_element("testsuite")
            .with_attribute(("name", attribute(&self.name).as_str()))
            .with_attribute(("tests", self.tests.len().to_string().as_str()))
            .with_attribute(("failures", self.count(Outcome::is_failure).to_string().as_str()))
            .with_attribute(("errors", self.count(Outcome::is_error).to_string().as_str()))
            .with_attribute(("skipped", self.count(Outcome::is_skipped).to_string().as_str()))
            .write_inner_content(|xml| {
                xml.create_element("properties").write_inner_content(|xml| {
                    self.properties.iter().try_for_each(|(name, value)| {
                        let value = attribute(value);
                        let property = xml.create_element("property");
                        property.with_attributes([("name", *name), ("value", value.as_str())]).write_empty().map(drop)
                    })
                })?;
                self.tests.iter().try_for_each(|test| test.write(&self.name, xml))
            })
            .map(drop)
    }
}

impl Test {
    fn write<W: Write>(&self, family: &str, xml: &mut Writer<W>) -> io::Result<()> {
        let (name, family) = (attribute(&self.name), attribute(family));
        let element =
            xml.create_element("testcase").with_attributes([("name", name.as_str()), ("classname", family.as_str())]);
        if matches!(self.outcome, Outcome::Passed) && self.system_out.is_empty() {
            return element.write_empty().map(drop);
        }
        let content = |xml: &mut Writer<W>| {
            match &self.outcome {
                Outcome::Passed => {}
                Outcome::Failed { kinds, lines } => write_outcome(xml, "failure", kinds, lines)?,
                Outcome::Skipped { reason } => write_outcome(xml, "skipped", "", std::slice::from_ref(reason))?,
                Outcome::Error { kind, message } => write_outcome(xml, "error", kind, std::slice::from_ref(message))?,
            }
            match self.system_out.is_empty() {
                true => Ok(()),
                false => xml.create_element("system-out").write_text_content(text(&self.system_out)).map(drop),
            }
        };
        element.write_inner_content(content).map(drop)
    }
}

/// The first line is the message; all lines are the text.
fn write_outcome<W: Write>(xml: &mut Writer<W>, element: &str, kind: &str, lines: &[String]) -> io::Result<()> {
    let message = attribute(lines.first().map_or("", String::as_str));
    let mut element = xml.create_element(element).with_attribute(("message", message.as_str()));
    if !kind.is_empty() {
        element = element.with_attribute(("type", kind));
    }
    match lines.len() {
        0 | 1 => element.write_empty().map(drop),
        _ => element.write_text_content(text(lines)).map(drop),
    }
}

/// XML 1.0 cannot represent most control characters, not even escaped, so they are replaced.
fn attribute(text: &str) -> String {
    printable::line(text)
}

fn text(lines: &[String]) -> BytesText<'static> {
    BytesText::new(&printable::lines(&lines.join("\n"))).into_owned()
}
