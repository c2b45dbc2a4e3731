//! Text for the formats of the exporters. Each function also escapes what [`line`] escapes, because
//! every export may end up in a log.

use super::text::{line, lines};

/// The most characters of a text in Markdown.
const MAX_TEXT: usize = 1_000;
/// The most characters of a `<pre>` element in Markdown.
const MAX_PRE: usize = 4_000;

/// Text on one line of Markdown, without markup, mentions or references. It fits in a cell of a table.
pub(crate) fn markdown(text: &str) -> String {
    let mut escaped = String::new();
    let mut before = ' ';
    for c in clipped(&line(text), MAX_TEXT).chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => escaped.extend(['\\', c]),
            // An empty comment keeps GitHub from notifying @somebody or linking #1. `live@10` is no mention.
            '@' if !before.is_alphanumeric() => escaped.push_str("@<!-- -->"),
            '#' => escaped.push_str("#<!-- -->"),
            '<' | '>' | '&' => escaped.push_str(&html(c.encode_utf8(&mut [0; 4]))),
            c => escaped.push(c),
        }
        before = c;
    }
    escaped
}

/// Lines for a `<pre>` element in Markdown.
pub(crate) fn markdown_pre(text: &str) -> String {
    html(&clipped(&lines(text), MAX_PRE))
}

/// Text in HTML, or in a double-quoted attribute.
pub(crate) fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn clipped(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{} ...", &text[..end]),
        None => text.to_owned(),
    }
}

/// The message of a workflow command of GitHub. A command ends at the end of the line, and the runner decodes `%XX`.
pub(crate) fn workflow_data(text: &str) -> String {
    lines(text).replace('%', "%25").replace('\n', "%0A")
}

/// A property of a workflow command, which also ends at `,` and `:`.
pub(crate) fn workflow_property(text: &str) -> String {
    line(text).replace('%', "%25").replace(':', "%3A").replace(',', "%2C")
}

/// A message of SARIF, in which `[text](target)` would be a link (SARIF 2.1.0, §3.11.6).
pub(crate) fn sarif(text: &str) -> String {
    line(text).replace("](", "]\\(")
}

/// A text cell of a CSV file. Spreadsheets take a cell that starts with one of these characters as a formula, unless it
/// starts with an apostrophe.
pub(crate) fn csv_cell(text: &str) -> String {
    let text = line(text);
    if text.starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']) {
        format!("'{text}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_has_no_markup_mentions_or_references() {
        assert_eq!(
            markdown("a|b `c` <script> @you #1\n## live@10 \u{1b}"),
            "a\\|b \\`c\\` &lt;script&gt; @<!-- -->you #<!-- -->1 #<!-- -->#<!-- --> live@10 \\\\x1b"
        );
        assert_eq!(markdown(&"x".repeat(5_000)).len(), MAX_TEXT + 4);
    }

    #[test]
    fn a_preformatted_element_ends_only_where_it_should() {
        assert_eq!(markdown_pre("a\n\n::error::</pre>"), "a\n\n\\x3a:error::&lt;/pre&gt;");
    }

    #[test]
    fn a_workflow_command_ends_only_where_it_should() {
        assert_eq!(workflow_data("50 %\r\n::error::x, y"), "50 %25%0A\\x3a:error::x, y");
        assert_eq!(workflow_property("50 %\r\n::error::x, y"), "50 %25 %3A%3Aerror%3A%3Ax%2C y");
    }

    #[test]
    fn a_csv_cell_is_no_formula() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r\n=1", "＝1"] {
            assert!(csv_cell(text).starts_with('\''), "{text:?}");
        }
        assert_eq!(csv_cell("a = b"), "a = b");
        assert_eq!(csv_cell("\u{0}=1"), "\\x00=1");
    }

    #[test]
    fn sarif_messages_have_no_links() {
        assert_eq!(sarif("[a](javascript:b) [1, 2]"), "[a]\\(javascript:b) [1, 2]");
    }
}
