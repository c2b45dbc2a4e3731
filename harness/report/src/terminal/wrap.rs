//! Lines that fit the width of a terminal, broken between words.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::style::plain;

/// The first characters of the lines of a table, which are fitted where the table is made.
const TABLE: [char; 5] = ['┌', '│', '╞', '├', '└'];
/// What is not separated from the number before it.
const UNITS: [&str; 14] = ["B", "KiB", "MiB", "GiB", "TiB", "ns", "µs", "us", "ms", "s", "min", "h", "%", "pages"];
/// The least room for text, however narrow the terminal is.
const MIN_ROOM: usize = 16;

/// The columns of a terminal that a text takes; colours take none.
#[must_use]
pub fn columns(text: &str) -> usize {
    if text.contains('\u{1b}') { plain(text).width() } else { text.width() }
}

/// The text in lines of at most `room` columns, if there is a limit. Lines after the first of each are indented by two
/// columns more. Lines of a table stay as they are.
#[must_use]
pub fn wrapped(text: &str, room: Option<usize>) -> String {
    let Some(room) = room else { return text.to_owned() };
    text.split('\n').map(|line| broken(line, room)).collect::<Vec<_>>().join("\n")
}

fn broken(line: &str, room: usize) -> String {
    if columns(line) <= room || plain(line).starts_with(TABLE) {
        return line.to_owned();
    }
    let text = line.trim_start();
    // A deep indentation leaves the least room to the text.
    let most = room.saturating_sub(MIN_ROOM).max(2);
    let indent = columns(&line[..line.len() - text.len()]);
    let [first, hanging] = [indent, indent + 2].map(|indent| " ".repeat(indent.min(most)));
    let longest = room.saturating_sub(hanging.len()).max(MIN_ROOM);
    let (mut lines, mut used) = (Vec::new(), first.len());
    let mut last = first;
    let mut is_empty = true;
    for word in words(text) {
        for (index, piece) in pieces(word, longest).into_iter().enumerate() {
            let gap = if is_empty || index > 0 { "" } else { " " };
            let needed = gap.len() + columns(&piece);
            if !is_empty && used + needed > room {
                lines.push(std::mem::replace(&mut last, hanging.clone()).trim_end().to_owned());
                used = hanging.len() + columns(&piece);
            } else {
                last.push_str(gap);
                used += needed;
            }
            last.push_str(&piece);
            is_empty = false;
        }
    }
    lines.push(last);
    lines.join("\n")
}

/// The words of a line. A number and its unit stay together.
fn words(text: &str) -> Vec<&str> {
    let (mut words, mut start) = (Vec::new(), 0);
    for (space, _) in text.match_indices(' ') {
        let after = text[space + 1..].split(' ').next().unwrap_or_default();
        let is_unit = UNITS.contains(&after.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '%'));
        if !(is_unit && text[start..space].ends_with(|c: char| c.is_ascii_digit())) {
            words.push(&text[start..space]);
            start = space + 1;
        }
    }
    words.push(&text[start..]);
    words
}

/// A word that is wider than a line in pieces: after a comma or a slash, or anywhere.
fn pieces(word: &str, room: usize) -> Vec<String> {
    if columns(word) <= room || word.contains('\u{1b}') {
        return vec![word.to_owned()];
    }
    let mut pieces = Vec::new();
    for part in word.split_inclusive([',', '/']) {
        let mut piece = String::new();
        for c in part.chars() {
            if columns(&piece) + c.width().unwrap_or(0) > room {
                pieces.push(std::mem::take(&mut piece));
            }
            piece.push(c);
        }
        pieces.push(piece);
    }
    pieces
}

/// A name in at most `room` columns: what does not fit is left out of its middle.
#[must_use]
pub(super) fn shortened(name: &str, room: usize) -> String {
    if columns(name) <= room {
        return name.to_owned();
    }
    let characters: Vec<char> = name.chars().collect();
    let kept = room.saturating_sub(1).min(characters.len());
    let end = kept / 2;
    let [start, end] = [&characters[..kept - end], &characters[characters.len() - end..]];
    format!("{}…{}", start.iter().collect::<String>(), end.iter().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::Emphasis;

    #[test]
    fn lines_are_broken_between_words_and_indented() {
        let text = "a first line\n  regressed  a/b: some more words than fit";
        assert_eq!(wrapped(text, Some(24)), "a first line\n  regressed  a/b: some\n    more words than fit");
        assert_eq!(wrapped(text, None), text);
    }

    #[test]
    fn a_deep_indentation_leaves_room_to_a_long_word() {
        assert_eq!(wrapped("     sixteen-columns. and more", Some(20)), "    sixteen-columns.\n    and more");
    }

    #[test]
    fn a_number_and_its_unit_stay_together() {
        assert_eq!(wrapped("it takes 12 KiB, or 3 pages", Some(12)), "it takes\n  12 KiB, or\n  3 pages");
        assert_eq!(words("a 5 % b (4 KiB) c  d"), ["a", "5 %", "b", "(4 KiB)", "c", "", "d"]);
    }

    #[test]
    fn colours_take_no_room_and_tables_stay() {
        let red = format!("{} word", Emphasis::Failed.paint("FAILED"));
        assert_eq!(wrapped(&red, Some(16)), red);
        assert_eq!(columns(&red), 11);
        let row = "│ a row that is too wide │";
        assert_eq!(wrapped(row, Some(16)), row);
    }

    #[test]
    fn names_are_shortened_in_the_middle() {
        assert_eq!(shortened("on-demand/guest=cpython", 11), "on-de…ython");
        assert_eq!(shortened("short", 11), "short");
        assert_eq!(columns(&shortened("on-demand/guest=cpython", 0)), 1);
    }

    proptest::proptest! {
        #[test]
        fn no_line_is_wider_than_the_room_and_nothing_is_lost(
            text in "[a-z日,/ \u{1b}]{0,120}", indent in 0_usize..4, room in 20_usize..60,
        ) {
            let text = format!("{}{}", " ".repeat(indent), text.replace('\u{1b}', ""));
            let broken = wrapped(&text, Some(room));
            proptest::prop_assert!(broken.lines().all(|line| columns(line) <= room), "{}", broken);
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            proptest::prop_assert_eq!(letters(&broken), letters(&text));
        }
    }
}
