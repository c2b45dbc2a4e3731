//! Call stacks, the memory that belongs to them, and the explanation of a finding that they are part of.

use std::{cmp::Reverse, collections::BTreeMap};

use serde::{Deserialize, Serialize};

use super::Category;

/// A function on a stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// The demangled name without a hash, or the file in brackets if it has no symbols. An inlined function has no more
    /// than its own name, without its modules, unless the program has full debug information.
    pub function: String,
    /// Whether it was inlined into the next frame.
    pub inlined: bool,
    /// Where in the sources, if there is debug information.
    #[serde(flatten)]
    pub place: Option<Place>,
}

/// A line of the sources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The file: relative to the root of the workspace if it is below it, else absolute.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
}

impl Place {
    /// Whether the file is below the root of the workspace.
    #[must_use]
    pub fn is_in_workspace(&self) -> bool {
        !self.file.starts_with('/')
    }
}

/// The growth that belongs to the stacks of the same functions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StackGrowth {
    /// Growth of bytes, or in a difference of two revisions, the growth of that growth.
    pub bytes: i64,
    /// The same of the number of heap blocks, or of pages.
    pub count: i64,
    /// Bytes per unit between the smallest rung of the ladder and this one; `None` without a smaller rung.
    pub per_unit: Option<f64>,
    /// The kind of mapping whose pages the stacks touched first; `None` for blocks of the heap.
    pub category: Option<Category>,
    /// The functions, innermost first. Places are those of one of the stacks.
    #[serde(rename = "stack")]
    pub frames: Vec<Frame>,
}

/// What the rows of two lists are matched by: the kind of memory, and the names of the functions.
type Key<'a> = (Option<Category>, Vec<&'a str>);

impl StackGrowth {
    fn key(&self) -> Key<'_> {
        (self.category, self.frames.iter().map(|frame| frame.function.as_str()).collect())
    }

    /// The growth from `base` to `head`, by function names, in the order of [`StackGrowth::sort`]. Rows that did not
    /// change are left out.
    #[must_use]
    pub fn difference(base: &[Self], head: &[Self]) -> Vec<Self> {
        let mut rows: BTreeMap<Key<'_>, Self> = head.iter().map(|row| (row.key(), row.clone())).collect();
        for row in base {
            let none = Self { bytes: 0, count: 0, per_unit: row.per_unit.map(|_| 0.0), ..row.clone() };
            let now = rows.entry(row.key()).or_insert(none);
            now.bytes = now.bytes.saturating_sub(row.bytes);
            now.count = now.count.saturating_sub(row.count);
            now.per_unit = now.per_unit.zip(row.per_unit).map(|(now, before)| now - before);
        }
        let is_changed =
            |row: &Self| row.bytes != 0 || row.count != 0 || row.per_unit.is_some_and(|bytes| bytes != 0.0);
        let mut changed: Vec<Self> = rows.into_values().filter(is_changed).collect();
        Self::sort(&mut changed);
        changed
    }

    /// Sorts rows: the most growth per unit first, to the byte, then the most bytes.
    pub fn sort(rows: &mut [Self]) {
        rows.sort_by_key(|row| Reverse((row.per_unit.map_or(0, |bytes| bytes.round() as i64), row.bytes, row.count)));
    }
}

/// Which functions are behind a finding.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The command that explains the finding.
    pub command: String,
    /// The name of a unit of the ladder.
    pub unit: String,
    /// The stacks that grew most, at most three. Empty if they were not requested or there are none.
    pub stacks: Vec<StackGrowth>,
    /// What is missing, in one line.
    pub remark: Option<String>,
}

impl Explanation {
    /// The line of the innermost function of the workspace, in the stack that grew most.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        let frames = &self.stacks.first()?.frames;
        frames.iter().filter_map(|frame| frame.place.as_ref()).find(|place| place.is_in_workspace())
    }
}

/// Which memory of a stage stacks are of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// What is live when the stage is reached: blocks of the heap, and pages without any.
    #[default]
    Reached,
    /// The blocks that were live when the heap was fullest, since the stage before.
    Peak,
}
