//! Sanitises text from outside (the output of a worker, the reason of a blessing, a context value) for printing. The
//! result can neither move the cursor of a terminal nor start a line that imitates our output.

/// Replaces a character that must not be printed.
const REPLACEMENT: char = '\u{fffd}';

/// The text as one line: line ends and tabs become spaces.
pub(super) fn line(text: &str) -> String {
    let sanitise = |c| if is_line_end(c) || c == '\t' { ' ' } else { printable(c) };
    text.trim().replace("\r\n", "\n").chars().map(sanitise).collect()
}

/// The text with its lines: every kind of line end becomes `\n`; tabs are kept.
pub(super) fn lines(text: &str) -> String {
    let sanitise = |c| match c {
        _ if is_line_end(c) => '\n',
        '\t' => '\t',
        _ => printable(c),
    };
    text.trim().replace("\r\n", "\n").chars().map(sanitise).collect()
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

/// Replaces control characters (which start escape sequences), characters that change the text direction
/// (CVE-2021-42574), and the two that XML does not allow.
fn printable(c: char) -> char {
    let is_bidi_control = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if c.is_control() || is_bidi_control || matches!(c, '\u{fffe}' | '\u{ffff}') { REPLACEMENT } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_no_line_ends_or_control_characters() {
        assert_eq!(line("a\r\nb\tc\u{1b}[2Jd\u{202e}e\u{2028}f\n"), "a b c\u{fffd}[2Jd\u{fffd}e f");
    }

    #[test]
    fn line_ends_become_line_feeds() {
        assert_eq!(lines("a\r\nb\rc\td\u{0}e\u{ffff}\n"), "a\nb\nc\td\u{fffd}e\u{fffd}");
    }
}
