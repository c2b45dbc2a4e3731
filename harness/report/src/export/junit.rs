//! JUnit XML as Jenkins, GitLab and most other systems read it (`junit-10.xsd` of Jenkins' xunit plugin), written by
//! `quick-junit`: a suite per family and a test per case. A verdict that fails the gate is a failure, a case without any
//! judged value is skipped, and a family without a baseline is an error. Everything else is in `system-out`.

use std::io::{self, Write};

use highwater_judge::{FamilyComparison, Kind, NoBaseline};
use highwater_model::CaseId;
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Exporter, Results, level::Level, slug};
use crate::{
    comparison_text::remarks,
    escape,
    findings::{findings, no_baseline},
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
        let mut report = Report::new("highwater");
        report.add_test_suites(comparison.families.iter().map(|family| suite(family, results)));
        report.add_test_suites(comparison.without_baseline.iter().map(suite_without_baseline));
        let xml = report.to_string().map_err(io::Error::other)?;
        // The total of skipped tests in the root element, an extension of `quick-junit`, is not in the schema of Jenkins'
        // xunit plugin, which rejects files that violate it. The root is the first element with this attribute.
        let xml = xml.replacen(&format!(" skipped=\"{}\"", report.skipped), "", 1);
        out.write_all(xml.as_bytes())
    }
}

fn suite(family: &FamilyComparison, results: &Results<'_>) -> TestSuite {
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
        test(family, case, &of_case, verdicts, results)
    };
    let mut suite = TestSuite::new(escape::line(&family.family));
    let mut add = |name: &str, value: &str| {
        suite.add_property(Property::new(name, escape::line(value)));
    };
    add("machine class", &family.class.to_string());
    remarks(family).iter().for_each(|remark| add("remark", remark));
    for (name, before, after) in &family.differences {
        add("context", &format!("{name}: {before} -> {after}"));
    }
    suite.add_test_cases(cases.into_iter().map(test));
    suite
}

fn test(
    family: &FamilyComparison,
    case: &CaseId,
    findings: &[&VerdictGroup<'_>],
    verdicts: usize,
    results: &Results<'_>,
) -> TestCase {
    let line = |finding: &VerdictGroup<'_>| escape::line(&format!("{}: {}", finding.verdict.kind, finding.sentence()));
    let fails = |finding: &VerdictGroup<'_>| Level::of(finding.verdict, results.comparison.strict) == Level::Error;
    let (failing, others): (Vec<&VerdictGroup<'_>>, Vec<&VerdictGroup<'_>>) =
        findings.iter().partition(|finding| fails(finding));
    // Findings that do not fail, and the output of failed workers.
    let mut system_out: Vec<String> = others.iter().map(|finding| line(finding)).collect();
    system_out.extend(results.failure_output(case));
    let is_unjudged =
        |finding: &&&VerdictGroup<'_>| verdicts == 1 && matches!(finding.verdict.kind, Kind::NotRun | Kind::Missing);
    let mut status = TestCaseStatus::success();
    if let Some(first) = failing.first() {
        let mut kinds: Vec<String> = failing.iter().map(|finding| slug(finding.verdict.kind)).collect();
        kinds.dedup();
        status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_type(kinds.join(" ")).set_message(line(first));
        let lines = failing.iter().flat_map(|finding| std::iter::once(line(finding)).chain(finding.details()));
        let lines: Vec<String> = lines.collect();
        if lines.len() > 1 {
            // The first line is the message; all lines are the text.
            status.set_description(lines.join("\n"));
        }
    } else if let Some(finding) = others.iter().find(is_unjudged) {
        system_out.clear();
        status = TestCaseStatus::skipped();
        status.set_message(line(finding));
    }
    let mut test = TestCase::new(case.as_str(), status);
    test.set_classname(escape::line(&family.family));
    if !system_out.is_empty() {
        test.set_system_out(system_out.join("\n"));
    }
    test
}

fn suite_without_baseline(absent: &NoBaseline) -> TestSuite {
    let name = escape::line(&absent.family);
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_type("no-baseline").set_message(escape::line(&no_baseline(absent)));
    let mut test = TestCase::new(name.as_str(), status);
    test.set_classname(name.as_str());
    let mut suite = TestSuite::new(name);
    suite.add_property(Property::new("machine class", absent.class.to_string()));
    suite.add_test_case(test);
    suite
}
