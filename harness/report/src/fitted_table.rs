//! Fits a table to the width of a terminal: columns that are equal in all rows become a line above the table, rows of one
//! group share a heading, and the least important columns are left out, and named, until the rest fits.

use super::{
    escape,
    table::{self, TextCell},
    terminal::{Emphasis, columns},
};

/// The width of the frame and of the space between two columns.
const FRAME: usize = 4;
const GAP: usize = 3;
/// Names are broken after a comma if they leave less than this for the other columns.
const MIN_NAME: usize = 16;
/// The indentation of a name's lines after the first.
const INDENT: &str = "    ";

/// A column of a table.
#[derive(Clone, Debug)]
pub(super) struct Column {
    heading: String,
    /// One per row; empty if the row has no value, such as a case that was not run.
    cells: Vec<String>,
    /// Columns with a higher rank are left out first.
    rank: u8,
    /// What the colour of a cell stands for.
    emphasis: fn(&str) -> Option<Emphasis>,
}

impl Column {
    pub(super) fn new(heading: impl Into<String>, rank: u8, cells: Vec<String>) -> Self {
        Self { heading: heading.into(), cells, rank, emphasis: |_| None }
    }

    /// The same column, with colours by the text of the cells.
    pub(super) fn with_emphasis(self, emphasis: fn(&str) -> Option<Emphasis>) -> Self {
        Self { emphasis, ..self }
    }

    fn has_values(&self) -> bool {
        self.cells.iter().any(|cell| !matches!(cell.as_str(), "" | "-"))
    }

    /// The value of all rows, if they have the same one.
    fn constant(&self) -> Option<&str> {
        let first = self.cells.first()?;
        (self.cells.len() > 1 && self.cells.iter().all(|cell| cell == first)).then_some(first)
    }

    fn width(&self) -> usize {
        let longest = |text: &String| columns(&escape::line(text));
        self.cells.iter().chain([&self.heading]).map(longest).max().unwrap_or(0)
    }
}

/// The name of a row: a group that it shares with its neighbours, and the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) group: String,
    pub(super) rest: String,
}

/// Prints a table in at most `width` characters per line, if there is a limit. The line above it states what all rows
/// have in common, and that below it which columns were left out.
pub(super) fn print(heading: &str, names: &[Name], all: Vec<Column>, width: Option<usize>) -> String {
    let (common, mut shown): (Vec<Column>, Vec<Column>) =
        all.into_iter().filter(Column::has_values).partition(|column| column.constant().is_some());
    let mut left_out = Vec::new();
    let needed = |shown: &[Column]| shown.iter().map(|column| column.width() + GAP).sum::<usize>() + FRAME;
    let longest_name = lines(names).map(|line| columns(&line)).max().unwrap_or(0).max(heading.len());
    if let Some(width) = width {
        while needed(&shown) + longest_name.min(MIN_NAME.max(width / 3)) > width {
            let highest = shown.iter().map(|column| column.rank).max();
            let Some(last) = highest.and_then(|rank| shown.iter().rposition(|column| column.rank == rank)) else {
                break;
            };
            left_out.insert(0, shown.remove(last).heading);
        }
    }
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(needed(&shown)).max(MIN_NAME));
    let headings: Vec<String> =
        [heading.to_owned()].into_iter().chain(shown.iter().map(|it| it.heading.clone())).collect();
    let mut rows: Vec<Vec<TextCell>> = Vec::new();
    let mut group = None;
    for (index, name) in names.iter().enumerate() {
        let is_grouped = has_neighbour(names, index);
        if is_grouped && group != Some(&name.group) {
            rows.push(vec![name.group.clone().into()]);
        }
        group = Some(&name.group);
        let cell = |column: &Column| {
            let text = column.cells[index].clone();
            TextCell { emphasis: (column.emphasis)(&text), text }
        };
        let name = TextCell::from(broken(&line(name, is_grouped), room));
        rows.push([name].into_iter().chain(shown.iter().map(cell)).collect());
    }
    // A table of nothing but names says nothing.
    let has_cells = !shown.is_empty() || common.is_empty() || !left_out.is_empty();
    let table = has_cells.then(|| table::print_unwrapped(&headings, rows));
    let all_rows = if has_cells { "all rows".to_owned() } else { format!("all {} rows", names.len()) };
    let common: Vec<String> = common.iter().map(|it| format!("{} {}", it.heading, it.cells[0])).collect();
    let noted =
        |what: &str, list: &[String]| (!list.is_empty()).then(|| escape::line(&format!("{what}: {}", list.join(", "))));
    let parts = [noted(&all_rows, &common), table, noted("no room for", &left_out)];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

/// Whether the row before or after this one is of the same group.
fn has_neighbour(names: &[Name], index: usize) -> bool {
    let group = &names[index].group;
    let is_same = |other: Option<&Name>| other.is_some_and(|other| other.group == *group);
    !group.is_empty()
        && !names[index].rest.is_empty()
        && (is_same(names.get(index + 1)) || index.checked_sub(1).is_some_and(|before| is_same(names.get(before))))
}

fn line(name: &Name, is_grouped: bool) -> String {
    match (is_grouped, name.group.as_str(), name.rest.as_str()) {
        (true, _, rest) => format!("  {rest}"),
        (false, "", rest) => rest.to_owned(),
        (false, group, "") => group.to_owned(),
        (false, group, rest) => format!("{group}/{rest}"),
    }
}

fn lines(names: &[Name]) -> impl Iterator<Item = String> {
    names.iter().enumerate().map(|(index, name)| line(name, has_neighbour(names, index)))
}

/// The name on several lines of at most `room` characters, broken after a comma or, if there is none, anywhere.
fn broken(name: &str, room: usize) -> String {
    if columns(name) <= room {
        return name.to_owned();
    }
    let longest = room.saturating_sub(INDENT.len()).max(1);
    let (mut lines, mut last) = (Vec::new(), String::new());
    for part in name.split_inclusive([',', '/']) {
        let characters: Vec<char> = part.chars().collect();
        for piece in characters.chunks(longest) {
            if !last.is_empty() && last.chars().count() + piece.len() > room {
                lines.push(std::mem::replace(&mut last, INDENT.to_owned()));
            }
            last.extend(piece);
        }
    }
    lines.push(last);
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::plain;

    fn names(list: &[(&str, &str)]) -> Vec<Name> {
        list.iter().map(|(group, rest)| Name { group: (*group).into(), rest: (*rest).into() }).collect()
    }

    fn example() -> Vec<Column> {
        let column =
            |heading: &str, rank, cells: [&str; 3]| Column::new(heading, rank, cells.map(str::to_owned).into());
        vec![
            column("n", 3, ["5", "5", "5"]),
            column("anon", 0, ["1 KiB", "200 KiB", "-"]),
            column("rss", 1, ["1", "2", "3"]),
            column("none", 0, ["-", "", "-"]),
        ]
    }

    #[test]
    fn equal_columns_become_a_line_and_groups_a_heading() {
        let text = plain(&print("case", &names(&[("a", "x=1"), ("a", "x=2"), ("b", "y=1")]), example(), None));
        let lines: Vec<&str> = text.lines().map(|line| line.trim_matches(['│', ' '])).collect();
        assert_eq!(lines[0], "all rows: n 5");
        assert_eq!(lines[2], "case       anon   rss");
        assert_eq!(lines[4..8], ["a", "x=1     1 KiB     1", "x=2   200 KiB     2", "b/y=1         -     3"]);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let long = "alpha=1,beta=22222222,gamma=3333333333333,delta=4";
        let names = names(&[("group", long), ("group", "x=2"), ("a-rather-long-group", "y=1")]);
        for width in 40..100 {
            let text = print("case", &names, example(), Some(width));
            let widest = text.lines().map(super::columns).max();
            assert!(widest <= Some(width), "{width}:\n{text}");
            assert!(text.contains("anon"), "{width}");
        }
        assert!(print("case", &names, example(), Some(32)).contains("no room for: rss"));
    }

    #[test]
    fn colours_take_no_room() {
        let column = || Column::new("state", 0, ["good", "BROKEN"].map(str::to_owned).into());
        let coloured = column().with_emphasis(|text| (text == "BROKEN").then_some(Emphasis::Failed));
        let names = names(&[("", "a"), ("", "b")]);
        let [with, without] = [coloured, column()].map(|column| print("case", &names, vec![column], None));
        assert!(with.contains("\u{1b}[38;5;1mBROKEN") || with.contains("\u{1b}[1mBROKEN"), "{with:?}");
        assert_eq!(plain(&with), plain(&without));
    }
}
