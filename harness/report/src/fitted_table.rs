//! Fits a table to the width of a terminal: columns that are equal in all rows become a line below the table, rows of one
//! group share a heading, and the least important columns are left out, and named, until the rest fits.

use super::{escape, table};

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
    /// Columns with a higher rank are left out first; 0 stays.
    rank: u8,
}

impl Column {
    pub(super) fn new(heading: impl Into<String>, rank: u8, cells: Vec<String>) -> Self {
        Self { heading: heading.into(), cells, rank }
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
        let longest = |text: &String| escape::line(text).chars().count();
        self.cells.iter().chain([&self.heading]).map(longest).max().unwrap_or(0)
    }
}

/// The name of a row: a group that it shares with its neighbours, and the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) group: String,
    pub(super) rest: String,
}

/// Prints a table in at most `width` characters per line, if there is a limit. Lines below it state what all rows have
/// in common, and which columns were left out.
pub(super) fn print(heading: &str, names: &[Name], columns: Vec<Column>, width: Option<usize>) -> String {
    let (common, mut shown): (Vec<Column>, Vec<Column>) =
        columns.into_iter().filter(Column::has_values).partition(|column| column.constant().is_some());
    let mut left_out = Vec::new();
    let needed = |shown: &[Column]| shown.iter().map(|column| column.width() + GAP).sum::<usize>() + FRAME;
    let longest_name = lines(names).map(|line| line.chars().count()).max().unwrap_or(0).max(heading.len());
    if let Some(width) = width {
        while needed(&shown) + longest_name.min(MIN_NAME.max(width / 3)) > width {
            let highest = shown.iter().map(|column| column.rank).max().filter(|rank| *rank > 0);
            let Some(last) = highest.and_then(|rank| shown.iter().rposition(|column| column.rank == rank)) else {
                break;
            };
            left_out.insert(0, shown.remove(last).heading);
        }
    }
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(needed(&shown)).max(MIN_NAME));
    let headings: Vec<String> =
        [heading.to_owned()].into_iter().chain(shown.iter().map(|it| it.heading.clone())).collect();
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut group = None;
    for (index, name) in names.iter().enumerate() {
        let is_grouped = has_neighbour(names, index);
        if is_grouped && group != Some(&name.group) {
            rows.push(vec![name.group.clone()]);
        }
        group = Some(&name.group);
        let cells = shown.iter().map(|column| column.cells[index].clone());
        rows.push([broken(&line(name, is_grouped), room)].into_iter().chain(cells).collect());
    }
    let mut text = table::print_unwrapped(&headings, rows);
    let common: Vec<String> = common.iter().map(|it| format!("{} {}", it.heading, it.cells[0])).collect();
    for (what, list) in [("all rows", common), ("no room for", left_out)] {
        if !list.is_empty() {
            text.push_str(&format!("\n{}", escape::line(&format!("{what}: {}", list.join(", ")))));
        }
    }
    text
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
    if name.chars().count() <= room {
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

    fn names(list: &[(&str, &str)]) -> Vec<Name> {
        list.iter().map(|(group, rest)| Name { group: (*group).into(), rest: (*rest).into() }).collect()
    }

    fn columns() -> Vec<Column> {
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
        let text = print("case", &names(&[("a", "x=1"), ("a", "x=2"), ("b", "y=1")]), columns(), None);
        let lines: Vec<&str> = text.lines().map(|line| line.trim_matches(['│', ' '])).collect();
        assert_eq!(lines[1], "case       anon   rss");
        assert_eq!(lines[3..7], ["a", "x=1     1 KiB     1", "x=2   200 KiB     2", "b/y=1         -     3"]);
        assert_eq!(*lines.last().expect("a line"), "all rows: n 5");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let long = "alpha=1,beta=22222222,gamma=3333333333333,delta=4";
        let names = names(&[("group", long), ("group", "x=2"), ("a-rather-long-group", "y=1")]);
        for width in 40..100 {
            let text = print("case", &names, columns(), Some(width));
            let widest = text.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(width), "{width}:\n{text}");
            assert!(text.contains("anon"), "{width}");
        }
        assert!(print("case", &names, columns(), Some(32)).contains("no room for: rss"));
    }
}
