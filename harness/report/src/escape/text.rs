//! Text for a terminal or a log. The result can neither move the cursor, hide or reorder what is shown, start a line
//! that imitates our output, nor be executed by a CI system that reads the log.

use std::fmt::Write;

use highwater_model::is_raw;

/// The text as one line: line ends and tabs become spaces.
#[must_use]
pub fn line(text: &str) -> String {
    let text = text.trim().replace("\r\n", " ");
    let escaped = text.chars().fold(String::with_capacity(text.len()), |mut escaped, c| {
        if is_line_end(c) || c == '\t' {
            escaped.push(' ')
        } else {
            push(&mut escaped, c)
        }
        escaped
    });
    without_commands(&escaped)
}

/// The text with its lines: every kind of line end becomes `\n`; tabs are kept.
#[must_use]
pub fn lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    // The first line keeps its indentation.
    let text = text.trim_end().trim_start_matches(is_line_end);
    let lines = text.split(is_line_end).map(|line| {
        let escaped = line.chars().fold(String::with_capacity(line.len()), |mut escaped, c| {
            if c == '\t' {
                escaped.push(c)
            } else {
                push(&mut escaped, c)
            }
            escaped
        });
        without_commands(&escaped)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Line feed, carriage return, and the two separators of Unicode.
fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

/// Appends a character, escaped if it is raw.
pub(super) fn push(escaped: &mut String, c: char) {
    // Writing to a `String` cannot fail.
    let _ = match u32::from(c) {
        _ if !is_raw(c) => escaped.write_char(c),
        code @ ..=0xff => write!(escaped, "\\x{code:02x}"),
        code @ ..=0xffff => write!(escaped, "\\u{code:04x}"),
        code => write!(escaped, "\\U{code:08x}"),
    };
}

/// Escapes the first character of what CI systems execute when they read a log: `::error::` at the start of a line
/// (GitHub), and `##[error]`, `##vso[`, `##teamcity[` anywhere (GitHub, Azure Pipelines, TeamCity). So is what would
/// become one by the text printed after it: a colon at the start (`{name}: ...`), and `##word` at the end.
fn without_commands(line: &str) -> String {
    let start = line.len() - line.trim_start().len();
    let (indentation, rest) = line.split_at(start);
    let escaped = with_escaped_hashes(rest, "\\x23");
    match escaped.strip_prefix(':') {
        Some(rest) => format!("{indentation}\\x3a{rest}"),
        None => format!("{indentation}{escaped}"),
    }
}

/// Replaces the first `#` of each `##[` or `##word[`, and of `##` or `##word` at the end.
pub(super) fn with_escaped_hashes(text: &str, replacement: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("##") {
        let after = rest[at + 2..].trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let is_command = after.is_empty() || after.starts_with('[');
        escaped.push_str(&rest[..at]);
        escaped.push_str(if is_command { replacement } else { "#" });
        rest = &rest[at + 1..];
    }
    escaped + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_no_line_ends_or_control_characters() {
        assert_eq!(line("a\r\nb\tc\u{1b}[2Jd\u{202e}e\u{2028}f\n"), "a b c\\x1b[2Jd\\u202ee f");
        assert_eq!(line("\u{0}\u{7f}\u{85}\u{e0041}\u{10ffff}"), "\\x00\\x7f\\x85\\U000e0041\\U0010ffff");
    }

    #[test]
    fn line_ends_become_line_feeds_and_indentation_is_kept() {
        assert_eq!(lines("\n  a\r\nb\rc\td\u{0}e\u{ffff}\n\n"), "  a\nb\nc\td\\x00e\\uffff");
    }

    #[test]
    fn ordinary_text_of_any_language_is_unchanged() {
        for text in ["core::panicking::panic", "C:\\x", "# 1 ## 2 [3]", "naïve 日本語 עברית 👩‍👩‍👧 ±0 → ✓", "a: b"]
        {
            assert_eq!((line(text).as_str(), lines(text).as_str()), (text, text));
        }
    }

    #[test]
    fn commands_of_ci_systems_are_escaped() {
        assert_eq!(line("::error title=forged::passed"), "\\x3a:error title=forged::passed");
        assert_eq!(lines("a\n  ::stop-commands::x"), "a\n  \\x3a:stop-commands::x");
        assert_eq!(line("a ##[error]b ##vso[task]c"), "a \\x23#[error]b \\x23#vso[task]c");
        assert_eq!(line("###[x"), "#\\x23#[x");
        // What becomes a command by the text after it is one.
        assert_eq!((line(":"), lines(" :\n##")), ("\\x3a".into(), " \\x3a\n\\x23#".into()));
        // What becomes a command only by removing a character is not one.
        assert_eq!(line("a\u{0}::b #\u{200b}#[b]"), "a\\x00::b #\\u200b#[b]");
    }

    proptest::proptest! {
        #[test]
        fn escaping_twice_changes_nothing(text in "[:#\\[a\\\\\u{0}-\u{20}\u{200b}-\u{202e}\u{fff0}-\u{ffff}]{0,20}") {
            let once = line(&text);
            proptest::prop_assert_eq!(line(&once), once);
            let once = lines(&text);
            proptest::prop_assert_eq!(lines(&once), once);
        }
    }
}
