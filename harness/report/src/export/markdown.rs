//! Markdown for a comment on a pull request or `$GITHUB_STEP_SUMMARY`: the outcome, the findings, the differences in
//! context, and the numbers in collapsed sections. It is truncated to the size that GitHub accepts.

use std::io::{self, Write};

use highwater_judge::{FamilyComparison, Kind, Verdict};

use super::{Exporter, Results};
use crate::{
    comparison_text::{left_out, remarks},
    counted,
    escape::{self, html, markdown as text},
    findings::{FindingLine, finding_lines, no_baseline},
    summary::Summary,
};

#[derive(Debug)]
pub(super) struct Markdown;

/// GitHub rejects a comment of more than 65,536 characters (and a step summary of more than 1 MiB). The rest is
/// reserved for what a workflow adds and for the lines that end a truncated text.
const LIMIT: usize = 64_000;

impl Exporter for Markdown {
    fn name(&self) -> &'static str {
        "markdown"
    }

    fn help(&self) -> &'static str {
        "for a pull request's comment or $GITHUB_STEP_SUMMARY"
    }

    fn extension(&self) -> &'static str {
        "md"
    }

    fn write(&self, results: &Results<'_>, out: &mut dyn Write) -> io::Result<()> {
        let comparison = results.comparison;
        let summary = Summary::of(comparison);
        let mut lines = vec![format!("## Highwater: {}", summary.outcome()), String::new(), summary.counts()];
        for family in &comparison.families {
            lines.extend(family_findings(family));
        }
        for absent in &comparison.without_baseline {
            lines.extend(["".into(), format!("### {}", text(&absent.family)), "".into(), text(&no_baseline(absent))]);
            lines.extend(["".into(), "Measure on this machine class and run `highwater bless --reason TEXT`.".into()]);
        }
        for family in &comparison.families {
            lines.extend(numbers(family));
            lines.extend(failure_output(family, results));
        }
        out.write_all(truncate(&lines).as_bytes())
    }
}

/// The part of a family: remarks, findings, and differences in context.
fn family_findings(family: &FamilyComparison) -> Vec<String> {
    let mut lines = vec![String::new(), format!("### {} on {}", text(&family.family), text(&family.class.to_string()))];
    let mut remarks = remarks(family);
    if family.not_selected > 0 {
        remarks.push(left_out(family.not_selected));
    }
    lines.extend(remarks.iter().flat_map(|remark| [String::new(), text(remark)]));
    let found = finding_lines(&family.verdicts);
    if found.is_empty() {
        lines.extend(["".into(), "Everything passed.".into()]);
    } else {
        let rows = found.iter().map(|line| {
            let kind =
                if line.verdict.fails() { format!("**{}**", line.verdict.kind) } else { line.verdict.kind.to_string() };
            let why = std::iter::once(&line.sentence).chain(&line.details).map(|line| text(line));
            vec![kind, cases(line), why.collect::<Vec<_>>().join("<br>")]
        });
        lines.extend(table(&["verdict", "case", "why"], rows));
    }
    if !family.differences.is_empty() {
        let rows = family.differences.iter().map(|(name, before, after)| vec![text(name), text(before), text(after)]);
        lines.extend(table(&["context", "baseline", "run"], rows));
    }
    lines
}

/// Every change, including those that the policy only reports.
fn numbers(family: &FamilyComparison) -> Vec<String> {
    let changed: Vec<&Verdict> = family.verdicts.iter().filter(|verdict| verdict.kind != Kind::Same).collect();
    let rows = changed.iter().filter_map(|verdict| {
        let subject = verdict.subject.as_ref()?;
        let gated = if verdict.gated { "gated" } else { "reported" };
        let baseline = subject.baseline.map_or("-".to_owned(), |value| value.to_string());
        Some(vec![
            verdict.kind.to_string(),
            gated.to_owned(),
            case(verdict),
            text(&subject.quantity.to_string()),
            text(&subject.aspect.to_string()),
            baseline,
            subject.run.to_string(),
        ])
    });
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let title = format!("{}: {} in numbers", family.family, counted(rows.len(), "verdict"));
    let headings = ["verdict", "", "case", "quantity", "aspect", "baseline", "run"];
    folded(&title, table(&headings, rows.into_iter()))
}

/// The output of the failed workers of a family.
fn failure_output(family: &FamilyComparison, results: &Results<'_>) -> Vec<String> {
    let failures = family.verdicts.iter().filter(|verdict| verdict.kind == Kind::Failed);
    let texts: Vec<String> = failures
        .flat_map(|verdict| {
            let output = results.failure_output(&verdict.case).into_iter();
            output.map(|text| format!("\n{}\n\n<pre>{}</pre>", case(verdict), escape::markdown_pre(&text)))
        })
        .collect();
    if texts.is_empty() { Vec::new() } else { folded(&format!("{}: output of failed workers", family.family), texts) }
}

fn folded(title: &str, content: Vec<String>) -> Vec<String> {
    let head = [String::new(), format!("{DETAILS}<summary>{}</summary>", html(&escape::line(title)))];
    head.into_iter().chain(content).chain([String::new(), END_OF_DETAILS.to_owned()]).collect()
}

const DETAILS: &str = "<details>";
const END_OF_DETAILS: &str = "</details>";

fn table(headings: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Vec<String> {
    let row = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let headings: Vec<String> = headings.iter().map(|heading| (*heading).to_owned()).collect();
    let rule = vec!["---".to_owned(); headings.len()];
    [String::new(), row(&headings), row(&rule)].into_iter().chain(rows.map(|cells| row(&cells))).collect()
}

/// The id of a single case, or the number of cases: the web page of the report has their ids.
fn cases(line: &FindingLine<'_>) -> String {
    match line.cases[..] {
        [_] => case(line.verdict),
        _ => line.subject(),
    }
}

/// An id contains no character that could end a code span or a cell.
fn case(verdict: &Verdict) -> String {
    format!("`{}`", verdict.case)
}

/// The lines that fit, followed by a note if any were dropped.
fn truncate(lines: &[String]) -> String {
    let mut text = String::new();
    for (index, line) in lines.iter().enumerate() {
        if text.len() + line.len() + 1 > LIMIT {
            if text.matches(DETAILS).count() > text.matches(END_OF_DETAILS).count() {
                text.push_str(&format!("\n{END_OF_DETAILS}\n"));
            }
            let rest = counted(lines.len() - index, "more line");
            text.push_str(&format!(
                "\n**Truncated: {rest} would exceed the limit of GitHub. `highwater compare` prints everything.**\n"
            ));
            return text;
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truncated_text_says_so_and_closes_its_sections() {
        let rows = (0..5_000).map(|row| vec![row.to_string(); 3]);
        let text = truncate(&folded("all", table(&["a", "b", "c"], rows)));
        assert!(text.len() < 65_536, "{}", text.len());
        assert_eq!(text.matches(DETAILS).count(), text.matches(END_OF_DETAILS).count());
        assert!(
            text.lines().last().is_some_and(|line| line.contains("Truncated") && line.contains("more lines")),
            "{text}"
        );
        let whole = truncate(&folded("all", vec!["few".to_owned()]));
        assert!(!whole.contains("Truncated"));
    }
}
