//! Text that others wrote (a worker's last words, the reason of a blessing, a context value) made fit
//! to be printed: it can neither move a terminal's cursor nor begin a line that looks like ours.

/// Stands for a character that may not be printed.
const REPLACEMENT: char = '\u{fffd}';

/// The text on one line: line ends and tabs become spaces.
pub(super) fn line(text: &str) -> String {
    let tame = |c| if is_line_end(c) || c == '\t' { ' ' } else { tamed(c) };
    text.trim().replace("\r\n", "\n").chars().map(tame).collect()
}

/// The text with its lines; every kind of line end becomes `\n`, tabs stay.
pub(super) fn lines(text: &str) -> String {
    let tame = |c| match c {
        _ if is_line_end(c) => '\n',
        '\t' => '\t',
        _ => tamed(c),
    };
    text.trim().replace("\r\n", "\n").chars().map(tame).collect()
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

/// Control characters (escape sequences begin with one), those that turn the direction of what
/// follows (CVE-2021-42574), and the two that XML does not allow.
fn tamed(c: char) -> char {
    let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if c.is_control() || turns || matches!(c, '\u{fffe}' | '\u{ffff}') { REPLACEMENT } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_stays_one_line_and_moves_no_cursor() {
        assert_eq!(line("a\r\nb\tc\u{1b}[2Jd\u{202e}e\u{2028}f\n"), "a b c\u{fffd}[2Jd\u{fffd}e f");
    }

    #[test]
    fn lines_keep_their_ends_as_line_feeds() {
        assert_eq!(lines("a\r\nb\rc\td\u{0}e\u{ffff}\n"), "a\nb\nc\td\u{fffd}e\u{fffd}");
    }
}
