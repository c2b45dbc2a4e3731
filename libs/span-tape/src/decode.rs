//! Decodes the token of a scalar to its text: line folding, escapes and indentation.
//!
//! The text is produced in pieces, so that its size can be counted first. The rules are those of YAML 1.2.2, chapters
//! 7.3 and 8.1. The scanner ensures that tokens are valid.

/// A receiver of the pieces of a text.
pub(crate) trait Sink {
    fn push(&mut self, piece: &str);
}

impl Sink for String {
    fn push(&mut self, piece: &str) {
        self.push_str(piece);
    }
}

/// Counts the bytes of a text.
impl Sink for usize {
    fn push(&mut self, piece: &str) {
        *self += piece.len();
    }
}

/// Returns the token of a flow scalar without its quotes.
pub(crate) fn inside(token: &str) -> &str {
    match token.as_bytes() {
        [b'\'', .., b'\''] | [b'"', .., b'"'] => &token[1..token.len() - 1],
        _ => token,
    }
}

/// Decodes a plain or quoted scalar. Returns `false` if an escape is invalid.
pub(crate) fn flow(token: &str, sink: &mut impl Sink) -> bool {
    let text = inside(token);
    let bytes = text.as_bytes();
    // Plain scalars have no escapes.
    let quote = token.as_bytes().first().copied().filter(|byte| matches!(byte, b'\'' | b'"'));
    // `text[start..at]` is verbatim text that was not pushed yet.
    let (mut start, mut at) = (0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'\n' | b'\r' => {
                sink.push(text[start..at].trim_end_matches([' ', '\t']));
                at = skip_break(bytes, at);
                at = fold(bytes, at, " ", sink);
                start = at;
            }
            b'\'' if quote == Some(b'\'') => {
                // Two quotes are an escaped quote: push the first and skip the second.
                sink.push(&text[start..=at]);
                at += 2;
                start = at;
            }
            b'\\' if quote == Some(b'"') => {
                sink.push(&text[start..at]);
                let Some(next) = escape(text, at + 1, sink) else { return false };
                at = next;
                start = at;
            }
            _ => at += 1,
        }
    }
    sink.push(text.get(start..).unwrap_or_default());
    true
}

/// Skips blanks and empty lines after a line break and pushes their folded text: `single` if there is no empty line,
/// otherwise a line break per empty line.
fn fold(bytes: &[u8], mut at: usize, single: &str, sink: &mut impl Sink) -> usize {
    let mut empty = 0;
    loop {
        at += bytes[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        if !matches!(bytes.get(at), Some(b'\n' | b'\r')) {
            break;
        }
        at = skip_break(bytes, at);
        empty += 1;
    }
    if empty == 0 {
        sink.push(single);
    }
    for _ in 0..empty {
        sink.push("\n");
    }
    at
}

fn skip_break(bytes: &[u8], at: usize) -> usize {
    at + if bytes[at..].starts_with(b"\r\n") { 2 } else { 1 }
}

/// Decodes the escape whose character is at `at` and returns its end.
fn escape(text: &str, at: usize, sink: &mut impl Sink) -> Option<usize> {
    let bytes = text.as_bytes();
    let simple = match *bytes.get(at)? {
        b'0' => "\0",
        b'a' => "\x07",
        b'b' => "\x08",
        b't' | b'\t' => "\t",
        b'n' => "\n",
        b'v' => "\x0b",
        b'f' => "\x0c",
        b'r' => "\r",
        b'e' => "\x1b",
        b' ' => " ",
        b'"' => "\"",
        b'/' => "/",
        b'\\' => "\\",
        b'N' => "\u{85}",
        b'_' => "\u{a0}",
        b'L' => "\u{2028}",
        b'P' => "\u{2029}",
        b'x' => return character(text, at + 1, 2, sink),
        b'u' => return character(text, at + 1, 4, sink),
        b'U' => return character(text, at + 1, 8, sink),
        b'\n' | b'\r' => return Some(fold(bytes, skip_break(bytes, at), "", sink)),
        _ => return None,
    };
    sink.push(simple);
    Some(at + 1)
}

/// Decodes a character of `digits` hexadecimal digits, or a surrogate pair as in JSON.
fn character(text: &str, at: usize, digits: usize, sink: &mut impl Sink) -> Option<usize> {
    let code = |at: usize| u32::from_str_radix(text.get(at..at + digits)?, 16).ok();
    let (high, mut end) = (code(at)?, at + digits);
    let mut scalar = high;
    if (0xd800..0xdc00).contains(&high) && text.get(end..end + 2) == Some("\\u") {
        let low = code(end + 2)?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
        scalar = 0x1_0000 + ((high - 0xd800) << 10) + low;
        end += 2 + digits;
    }
    sink.push(char::from_u32(scalar)?.encode_utf8(&mut [0; 4]));
    Some(end)
}

/// Returns the size of the escape at the start of `bytes`, or `None` if it is invalid. That of a line break is 1, without
/// the break.
pub(crate) fn escape_size(bytes: &[u8]) -> Option<usize> {
    let digits = match bytes.get(1)? {
        b'x' => 2,
        b'u' => 4,
        b'U' => 8,
        b'\n' | b'\r' => return Some(1),
        other => return b"0abt\tnvfre \"/\\N_LP".contains(other).then_some(2),
    };
    // A pair of surrogates takes two escapes.
    let text = std::str::from_utf8(bytes.get(..(4 + 2 * digits).min(bytes.len()))?);
    let text = text.or_else(|error| std::str::from_utf8(&bytes[..error.valid_up_to()])).ok()?;
    character(text, 2, digits, &mut 0)
}

/// How the lines of a block scalar are decoded.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lines {
    /// The number of spaces that each line loses. By default, it is that of the first line with text.
    pub(crate) indent: Option<usize>,
    /// Whether the input ends without the line break that ends the text.
    pub(crate) open: bool,
}

impl Lines {
    /// The bit of `open`. Indentations are limited by the size of a scalar.
    const OPEN: u64 = 1 << 27;

    /// Returns the value of a word.
    pub(crate) fn packed(self) -> u64 {
        self.indent.map_or(0, |indent| indent as u64 + 1) | if self.open { Self::OPEN } else { 0 }
    }

    pub(crate) fn unpacked(value: u64) -> Self {
        let indent = (value & (Self::OPEN - 1)).checked_sub(1).map(|indent| indent as usize);
        Self { indent, open: value & Self::OPEN != 0 }
    }
}

/// Decodes the lines of a block scalar, from the first after its header to the last line break that belongs to its
/// text. Chomping was already applied when the range was chosen.
pub(crate) fn block(lines: &str, form: Lines, folded: bool, sink: &mut impl Sink) {
    let mut indent = form.indent;
    let mut breaks = 0;
    let (mut after_line, mut after_blank) = (false, false);
    for line in split_lines(lines) {
        let spaces = line.text.bytes().take_while(|byte| *byte == b' ').count();
        let strip = indent.unwrap_or(usize::MAX).min(spaces);
        if strip == line.text.len() {
            breaks += usize::from(line.ended);
            continue;
        }
        indent.get_or_insert(spaces);
        let text = &line.text[strip..];
        let blank = text.starts_with([' ', '\t']);
        if folded && after_line && !after_blank && !blank {
            if breaks == 0 {
                sink.push(" ");
            }
        } else if after_line {
            sink.push("\n");
        }
        for _ in 0..breaks {
            sink.push("\n");
        }
        sink.push(text);
        (breaks, after_line, after_blank) = (0, line.ended, blank);
    }
    for _ in 0..breaks + usize::from(after_line) + usize::from(form.open) {
        sink.push("\n");
    }
}

struct Line<'a> {
    text: &'a str,
    ended: bool,
}

fn split_lines(mut rest: &str) -> impl Iterator<Item = Line<'_>> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let bytes = rest.as_bytes();
        let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let whole = end.map_or(bytes.len(), |end| skip_break(bytes, end));
        let line = Line { text: &rest[..end.unwrap_or(bytes.len())], ended: end.is_some() };
        rest = &rest[whole..];
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flowed(token: &str) -> Option<String> {
        let mut text = String::new();
        flow(token, &mut text).then_some(text)
    }

    #[test]
    fn flow_scalars_fold_lines_and_resolve_escapes() {
        for (token, text) in [
            ("a\n  b", "a b"),
            ("a \t\n\n\n  b\r\n c", "a\n\nb c"),
            ("it''s", "it''s"),
            ("'it''s'", "it's"),
            ("'a\n\n b '", "a\nb "),
            ("''''", "'"),
            (r#""\x41\u00e9\U0001f600\ud83d\ude00\/""#, "Aé😀😀/"),
            ("\"a \\\n   b\"", "a b"),
            ("\"a \\\n\n   b\"", "a \nb"),
            ("\"a\\ \n b\"", "a  b"),
            ("\"\n a\"", " a"),
        ] {
            assert_eq!(flowed(token).as_deref(), Some(text), "{token}");
        }
        for broken in [r#""\q""#, r#""\x4""#, r#""\ud83d""#, "\"\\"] {
            assert_eq!(flowed(broken), None, "{broken}");
        }
    }

    #[test]
    fn block_scalars_strip_indentation_and_fold_line_breaks() {
        for (lines, literal, folded) in [
            ("  a\n  b\n", "a\nb\n", "a b\n"),
            ("  a\n\n  b", "a\n\nb", "a\nb"),
            ("\n  a\n    b\n  c\n\n", "\na\n  b\nc\n\n", "\na\n  b\nc\n\n"),
            ("a\r\nb", "a\nb", "a b"),
            ("", "", ""),
        ] {
            for (fold, expected) in [(false, literal), (true, folded)] {
                let mut text = String::new();
                block(lines, Lines::default(), fold, &mut text);
                assert_eq!(text, expected, "{lines:?} folded: {fold}");
            }
        }
    }
}
