//! Flame graphs: which functions hold the memory of a stage, the outermost at the top. A frame is as wide as the memory
//! of all stacks through it. Positions are percentages, so that a graph fits every width at one font size, and a name is
//! cut where its frame ends. The template lists the stacks as text, too.

mod label;
mod tree;

use std::collections::BTreeMap;

use askama::Template;
use highwater_model::{Category, StackGrowth, Unit};

use self::{
    label::short,
    tree::{Kind, Node, Tree},
};
use super::{
    Key,
    palette::{self, SERIES},
};
use crate::{
    counted::counted,
    site::format::{amount, change},
};

/// The height of a frame, in pixels.
const ROW: usize = 19;
/// Frames below this share of the whole are not drawn.
const NARROWEST: f64 = 0.001;
/// Frames below this share have no name.
const NAMED: f64 = 0.012;
/// The opacity of a colour behind text, by which the text has a contrast of 4.5:1 in both colour schemes.
const STRONGEST: f64 = 0.5;
const PLAIN: f64 = 0.35;
/// A function changed if it did so by this share of its width.
const CHANGED: f64 = 0.01;

/// The input of [`flame`].
#[derive(Debug)]
pub(in super::super) struct FlamePlan<'a> {
    /// Unique on its page.
    pub(in super::super) id: String,
    pub(in super::super) title: String,
    /// The name of a unit of the ladder.
    pub(in super::super) unit: &'a str,
    /// The growth of each stack.
    pub(in super::super) head: &'a [StackGrowth],
    /// The same in another revision: the graph shows the difference.
    pub(in super::super) base: Option<&'a [StackGrowth]>,
}

/// A flame graph, ready for its template.
#[derive(Debug, Template)]
#[template(path = "site/flame.html")]
pub(in super::super) struct Flame {
    id: String,
    title: String,
    subtitle: String,
    /// The text alternative.
    description: String,
    stacks: usize,
    height: usize,
    frames: Vec<Drawn>,
    legend: Vec<Key>,
    notes: Vec<String>,
}

/// A drawn frame.
#[derive(Debug)]
struct Drawn {
    /// In percent of the width of the graph.
    x: String,
    width: String,
    /// In pixels.
    y: usize,
    ink: &'static str,
    opacity: String,
    /// Empty if there is no space for it.
    label: String,
    /// Shown when the pointer is above the frame.
    title: String,
}

/// What is the same for all frames of a graph.
struct Context<'a> {
    unit: &'a str,
    is_difference: bool,
    whole: f64,
}

/// Draws the stacks that grew. `None` if there are none.
pub(in super::super) fn flame(plan: &FlamePlan<'_>) -> Option<Flame> {
    let Tree { root, omitted, stacks } = Tree::new(plan.head, plan.base);
    if stacks == 0 {
        return None;
    }
    let context = Context { unit: plan.unit, is_difference: plan.base.is_some(), whole: root.width as f64 };
    let mut frames = Vec::new();
    let mut hidden = 0;
    draw(&root, 0, 0.0, &context, &mut frames, &mut hidden);
    let functions = |count: usize| counted(count, "function");
    let notes = [
        (omitted > 0).then(|| format!("Without the {} around all stacks", functions(omitted))),
        (hidden > 0).then(|| format!("Not drawn: {} below 0.1 %", functions(hidden))),
        shrunk(plan).filter(|_| !context.is_difference),
    ];
    let bytes = |bytes: u64| amount(Unit::Bytes, bytes as f64);
    let subtitle = match context.is_difference {
        true => format!("{} → {} in {}", bytes(root.base), bytes(root.head), counted(stacks, "stack")),
        false => format!("{} in {}", bytes(root.head), counted(stacks, "stack")),
    };
    let deepest = frames.iter().map(|frame| frame.y).max().unwrap_or(0);
    Some(Flame {
        id: plan.id.clone(),
        title: plan.title.clone(),
        description: described(&subtitle, plan, &context),
        subtitle,
        stacks,
        height: deepest + ROW,
        frames,
        legend: if context.is_difference { changes(plan) } else { kinds(plan) },
        notes: notes.into_iter().flatten().collect(),
    })
}

/// Draws a node and those below it. Those that are too narrow are counted.
fn draw(node: &Node, row: usize, x: f64, context: &Context<'_>, frames: &mut Vec<Drawn>, hidden: &mut usize) {
    let width = node.width as f64 / context.whole;
    if width < NARROWEST {
        *hidden += 1;
        return;
    }
    let (ink, opacity) = context.colour(node);
    frames.push(Drawn {
        x: format!("{:.2}", x * 100.0),
        width: format!("{:.2}", width * 100.0),
        y: row * ROW,
        ink,
        opacity: format!("{opacity:.2}"),
        label: if width < NAMED { String::new() } else { context.label(node) },
        title: context.title(node),
    });
    let mut at = x;
    for child in &node.children {
        draw(child, row + 1, at, context, frames, hidden);
        at += child.width as f64 / context.whole;
    }
}

impl Context<'_> {
    /// The CSS variable of the colour, and its opacity.
    fn colour(&self, node: &Node) -> (&'static str, f64) {
        if !self.is_difference {
            return (node.kind.map_or(palette::GRID.name, ink), PLAIN);
        }
        let share = node.head.abs_diff(node.base) as f64 / node.width as f64;
        match direction(node) {
            Some(is_growth) => (if is_growth { GROWN } else { SHRUNK }, STRONGEST * share.max(0.2)),
            None => (palette::GRID.name, STRONGEST),
        }
    }

    fn label(&self, node: &Node) -> String {
        // Colour is not the only sign of a change.
        let sign = match direction(node).filter(|_| self.is_difference) {
            Some(true) => "▲ ",
            Some(false) => "▼ ",
            None => "",
        };
        format!("{sign}{}", if node.name.is_empty() { "all".to_owned() } else { short(&node.name) })
    }

    fn title(&self, node: &Node) -> String {
        let bytes = |bytes: u64| amount(Unit::Bytes, bytes as f64);
        let name = if node.name.is_empty() { "all" } else { &node.name };
        let recursive = if node.is_recursive { ", recursive" } else { "" };
        let place = node.place.as_ref().map_or_else(String::new, |place| format!(" ({}:{})", place.file, place.line));
        let amounts = match self.is_difference {
            true => {
                let grown = change(Unit::Bytes, node.head as f64 - node.base as f64);
                format!("{} → {}, {grown}", bytes(node.base), bytes(node.head))
            }
            false => format!("{}, {:.1} %", bytes(node.head), node.width as f64 / self.whole * 100.0),
        };
        let per_unit = node.per_unit.filter(|bytes| bytes.abs() >= 0.5).map_or_else(String::new, |bytes| {
            let shown = if self.is_difference { change } else { amount };
            format!("; {} per {}", shown(Unit::Bytes, bytes), self.unit)
        });
        format!("{name}{recursive}{place}: {amounts}{per_unit}")
    }
}

/// The CSS variables of growth and of the opposite.
const GROWN: &str = SERIES[1].name;
const SHRUNK: &str = SERIES[0].name;

/// Whether a function has more memory than in the base; `None` if it has about the same.
fn direction(node: &Node) -> Option<bool> {
    let is_changed = node.head.abs_diff(node.base) as f64 >= CHANGED * node.width as f64;
    is_changed.then_some(node.head > node.base)
}

/// The CSS variable of a kind of memory.
fn ink(kind: Kind) -> &'static str {
    match kind {
        Kind::Blocks => palette::category(Category::HostHeap).name,
        // Its colour is that of blocks of the heap.
        Kind::Pages(Category::HostHeap) => palette::category(Category::Arenas).name,
        Kind::Pages(category) => palette::category(category).name,
    }
}

/// The legend of a graph of one revision: the kinds of memory, the largest first.
fn kinds(plan: &FlamePlan<'_>) -> Vec<Key> {
    let mut sums: BTreeMap<Kind, f64> = BTreeMap::new();
    for row in plan.head.iter().filter(|row| row.bytes > 0) {
        *sums.entry(row.category.map_or(Kind::Blocks, Kind::Pages)).or_default() += row.bytes as f64;
    }
    let mut sums: Vec<(Kind, f64)> = sums.into_iter().collect();
    sums.sort_by(|a, b| b.1.total_cmp(&a.1));
    let key = |(kind, bytes): (Kind, f64)| Key {
        shape: "■",
        ink: ink(kind),
        label: kind.name(),
        value: amount(Unit::Bytes, bytes),
        is_best: false,
    };
    sums.into_iter().map(key).collect()
}

/// The legend of a difference: the sums of what grew and of what shrank.
fn changes(plan: &FlamePlan<'_>) -> Vec<Key> {
    let rows = StackGrowth::difference(plan.base.unwrap_or_default(), plan.head);
    let key = |ink, label: &str, is_of: fn(i64) -> bool| {
        let bytes: f64 = rows.iter().map(|row| row.bytes).filter(|bytes| is_of(*bytes)).map(|bytes| bytes as f64).sum();
        Key { shape: "■", ink, label: label.to_owned(), value: change(Unit::Bytes, bytes), is_best: false }
    };
    vec![key(GROWN, "▲ more than in the base", |bytes| bytes > 0), key(SHRUNK, "▼ less", |bytes| bytes < 0)]
}

/// What a graph of one revision cannot show.
fn shrunk(plan: &FlamePlan<'_>) -> Option<String> {
    let shrunk: Vec<f64> = plan.head.iter().filter(|row| row.bytes < 0).map(|row| row.bytes as f64).collect();
    let sum = amount(Unit::Bytes, shrunk.iter().sum());
    (!shrunk.is_empty()).then(|| format!("Not drawn: {sum} in {} that shrank", counted(shrunk.len(), "stack")))
}

/// The text alternative: the sums, and the innermost functions of the first stacks.
fn described(sums: &str, plan: &FlamePlan<'_>, context: &Context<'_>) -> String {
    let rows = match plan.base {
        Some(base) => StackGrowth::difference(base, plan.head),
        None => plan.head.to_vec(),
    };
    let first = rows.iter().filter(|row| row.bytes > 0).take(3).map(|row| {
        let name = row.frames.first().map_or_else(|| "[unknown]".to_owned(), |frame| short(&frame.function));
        let bytes = if context.is_difference { change } else { amount };
        format!("{name} {}", bytes(Unit::Bytes, row.bytes as f64))
    });
    let first: Vec<String> = first.collect();
    format!("{sums}; most: {}. The list below has all stacks.", first.join(", "))
}

#[cfg(test)]
mod tests {
    use highwater_model::{Frame, Place};

    use super::*;

    /// A stack from a folded one, the outermost function first.
    pub(super) fn row(folded: &str, bytes: i64) -> StackGrowth {
        let frame = |name: &str| Frame { function: name.to_owned(), inlined: false, place: None };
        let frames = folded.split(';').rev().map(frame).collect();
        StackGrowth { bytes, count: 1, per_unit: None, category: None, frames }
    }

    fn plan<'a>(head: &'a [StackGrowth], base: Option<&'a [StackGrowth]>) -> FlamePlan<'a> {
        FlamePlan { id: "flame-1".into(), title: "title".into(), unit: "sandbox", head, base }
    }

    fn drawn(head: &[StackGrowth], base: Option<&[StackGrowth]>) -> Flame {
        flame(&plan(head, base)).expect("stacks")
    }

    #[test]
    fn frames_are_below_their_callers_and_inside_them() {
        let graph = drawn(&[row("a;b;c", 25), row("a;d", 75)], None);
        let frames: Vec<_> = graph.frames.iter().map(|it| (it.label.as_str(), &*it.x, &*it.width, it.y)).collect();
        let expected = [
            ("all", "0.00", "100.00", 0),
            ("a", "0.00", "100.00", ROW),
            ("d", "0.00", "75.00", 2 * ROW),
            ("b", "75.00", "25.00", 2 * ROW),
            ("c", "75.00", "25.00", 3 * ROW),
        ];
        assert_eq!(frames, expected);
        assert_eq!((graph.height, graph.stacks, graph.subtitle.as_str()), (4 * ROW, 2, "100 B in 2 stacks"));
        assert_eq!(graph.frames[2].title, "d: 75 B, 75.0 %");
    }

    #[test]
    fn what_is_not_drawn_is_counted() {
        let graph = drawn(&[row("a;b", 1_000_000), row("a;tiny;inner", 10), row("a;gone", -4096)], None);
        assert!(graph.frames.iter().all(|frame| !frame.title.contains("tiny")));
        assert_eq!(graph.notes, ["Not drawn: 1 function below 0.1 %", "Not drawn: −4 KiB in 1 stack that shrank"]);
        assert!(flame(&plan(&[row("a", -1), row("b", 0)], None)).is_none());
    }

    #[test]
    fn a_difference_shows_what_grew_and_what_is_gone() {
        let base = [row("a;same", 5000), row("a;gone", 5000)];
        let mut grown = row("a;new", 10_000);
        grown.per_unit = Some(1000.0);
        grown.frames[0].place = Some(Place { file: "src/a.rs".into(), line: 7 });
        let graph = drawn(&[row("a;same", 5000), grown], Some(&base));
        let of = |name: &str| graph.frames.iter().find(|frame| frame.title.starts_with(name)).expect("drawn");
        assert_eq!((of("new").ink, of("new").label.as_str(), of("new").opacity.as_str()), (GROWN, "▲ new", "0.50"));
        assert_eq!((of("gone").ink, of("gone").label.as_str()), (SHRUNK, "▼ gone"));
        assert_eq!((of("same").ink, of("same").label.as_str()), ("grid", "same"));
        assert_eq!(of("new").title, "new (src/a.rs:7): 0 B → 9.77 KiB, +9.77 KiB; +1000 B per sandbox");
        assert_eq!(graph.subtitle, "9.77 KiB → 14.6 KiB in 3 stacks");
        let sums: Vec<&str> = graph.legend.iter().map(|key| key.value.as_str()).collect();
        assert_eq!(sums, ["+9.77 KiB", "−4.88 KiB"]);
        assert!(graph.description.contains("most: new +9.77 KiB"), "{}", graph.description);
    }

    #[test]
    fn names_and_places_cannot_break_out_of_the_graph() {
        let hostile = "</svg><script>alert(1)</script>\"'";
        let mut stack = row(hostile, 10);
        stack.frames[0].place = Some(Place { file: hostile.to_owned(), line: 1 });
        let html = drawn(&[stack], None).render().expect("rendered");
        assert!(!html.contains("<script") && html.matches("</svg>").count() == 3, "{html}");
    }
}
