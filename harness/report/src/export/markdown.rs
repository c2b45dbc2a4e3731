//! Markdown for a pull request's comment or `$GITHUB_STEP_SUMMARY`: the outcome, what did not just
//! hold, the context that differs, and the numbers in folded parts. Ends before GitHub would refuse it.

use std::io::{self, Write};

use highwater_judge::{FamilyComparison, Kind, Verdict};

use super::{Exporter, Results};
use crate::{
    comparison_text::{left_out, remarks},
    counted, printable,
    summary::Summary,
    told::{self, no_baseline},
};

#[derive(Debug)]
pub(super) struct Markdown;

/// GitHub refuses a comment of more than 65,536 characters (and a step summary of more than 1 MiB).
/// Some room is left for what a workflow adds, and for the lines that end a cut text.
const LIMIT: usize = 64_000;
/// The longest text of others that is shown.
const TEXT: usize = 1_000;
/// The longest end of a dead worker's output that is shown.
const LAST_WORDS: usize = 4_000;

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
            lines.extend(findings(family));
        }
        for absent in &comparison.without_baseline {
            lines.extend(["".into(), format!("### {}", text(&absent.family)), "".into(), text(&no_baseline(absent))]);
            lines.extend(["".into(), "Measure on this machine class and `highwater bless --reason TEXT`.".into()]);
        }
        for family in &comparison.families {
            lines.extend(numbers(family));
            lines.extend(last_words(family, results));
        }
        out.write_all(cut(&lines).as_bytes())
    }
}

/// A family's part: what was compared, what did not just hold, what differs in context.
fn findings(family: &FamilyComparison) -> Vec<String> {
    let mut lines = vec![String::new(), format!("### {} on {}", text(&family.family), text(&family.class.to_string()))];
    let mut remarks = remarks(family);
    if family.not_selected > 0 {
        remarks.push(left_out(family.not_selected));
    }
    lines.extend(remarks.iter().flat_map(|remark| [String::new(), text(remark)]));
    let found = told::lines(&family.verdicts);
    if found.is_empty() {
        lines.extend(["".into(), "Everything held.".into()]);
    } else {
        let rows = found.iter().map(|line| {
            let kind =
                if line.verdict.fails() { format!("**{}**", line.verdict.kind) } else { line.verdict.kind.to_string() };
            vec![kind, cases(line), text(&line.sentence)]
        });
        lines.extend(table(&["verdict", "case", "why"], rows));
    }
    if !family.differences.is_empty() {
        let rows = family.differences.iter().map(|(name, before, now)| vec![text(name), text(before), text(now)]);
        lines.extend(table(&["context", "baseline", "run"], rows));
    }
    lines
}

/// Every verdict that is not `same`, those too that the policy only reports.
fn numbers(family: &FamilyComparison) -> Vec<String> {
    let moved: Vec<&Verdict> = family.verdicts.iter().filter(|verdict| verdict.kind != Kind::Same).collect();
    let rows = moved.iter().filter_map(|verdict| {
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

/// What the dead workers of a family wrote.
fn last_words(family: &FamilyComparison, results: &Results<'_>) -> Vec<String> {
    let dead = family.verdicts.iter().filter(|verdict| verdict.kind == Kind::Died);
    let texts: Vec<String> = dead
        .flat_map(|verdict| {
            let words = results.last_words(&verdict.case).into_iter();
            words.map(|words| format!("\n{}\n\n<pre>{}</pre>", case(verdict), preformatted(&words)))
        })
        .collect();
    if texts.is_empty() { Vec::new() } else { folded(&format!("{}: what dead workers wrote", family.family), texts) }
}

fn folded(title: &str, content: Vec<String>) -> Vec<String> {
    let head = [String::new(), format!("{DETAILS}<summary>{}</summary>", html(&printable::line(title)))];
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

/// One by its id, more by their number: the report's page has the ids.
fn cases(line: &told::Line<'_>) -> String {
    match line.cases[..] {
        [_] => case(line.verdict),
        _ => line.subject(),
    }
}

/// An id holds nothing that could end a code span or a cell.
fn case(verdict: &Verdict) -> String {
    format!("`{}`", verdict.case)
}

/// The lines that fit, and one that says what did not.
fn cut(lines: &[String]) -> String {
    let mut text = String::new();
    for (index, line) in lines.iter().enumerate() {
        if text.len() + line.len() + 1 > LIMIT {
            if text.matches(DETAILS).count() > text.matches(END_OF_DETAILS).count() {
                text.push_str(&format!("\n{END_OF_DETAILS}\n"));
            }
            let rest = counted(lines.len() - index, "more line");
            text.push_str(&format!(
                "\n**Cut here: {rest} would be more than GitHub takes. `highwater compare` prints all.**\n"
            ));
            return text;
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// A text of others on one line, in which nothing is markup, a mention or a reference.
fn text(raw: &str) -> String {
    let mut escaped = String::new();
    let mut before = ' ';
    for c in clipped(&printable::line(raw), TEXT).chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => escaped.extend(['\\', c]),
            // A zero-width space keeps GitHub from telling @somebody, or #1, of it; `live@10` is neither.
            '@' if !before.is_alphanumeric() => escaped.extend([c, '\u{200b}']),
            '#' => escaped.extend([c, '\u{200b}']),
            '<' | '>' | '&' => escaped.push_str(&html(&c.to_string())),
            c => escaped.push(c),
        }
        before = c;
    }
    escaped
}

/// Several lines as they are; none is a workflow command, should the whole be printed to a log.
fn preformatted(text: &str) -> String {
    html(&clipped(text, LAST_WORDS)).replace("::", "&#58;:")
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn clipped(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{} ...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_others_is_no_markup() {
        assert_eq!(
            text("a|b `c` <script> @you #1\n## live@10"),
            "a\\|b \\`c\\` &lt;script&gt; @\u{200b}you #\u{200b}1 #\u{200b}#\u{200b} live@10"
        );
        assert_eq!(text(&"x".repeat(5_000)).len(), TEXT + 4);
    }

    #[test]
    fn what_is_too_long_ends_with_a_line_that_says_so_and_leaves_nothing_open() {
        let rows = (0..5_000).map(|row| vec![row.to_string(); 3]);
        let text = cut(&folded("all", table(&["a", "b", "c"], rows)));
        assert!(text.len() < 65_536, "{}", text.len());
        assert_eq!(text.matches(DETAILS).count(), text.matches(END_OF_DETAILS).count());
        assert!(
            text.lines().last().is_some_and(|line| line.contains("Cut here") && line.contains("more lines")),
            "{text}"
        );
        let whole = cut(&folded("all", vec!["few".to_owned()]));
        assert!(!whole.contains("Cut here"));
    }
}
