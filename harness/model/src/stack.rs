//! Call stacks, the memory that belongs to them, and the explanation of a finding that they are part of.

use serde::Serialize;

use super::Category;

/// A function on a stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize)]
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
