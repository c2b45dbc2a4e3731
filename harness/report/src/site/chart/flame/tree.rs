//! Folded stacks as a tree of functions, the outermost at the root.

use std::collections::BTreeMap;

use highwater_model::{Category, Place, StackGrowth};

/// The most functions of a stack that are drawn, counted from the innermost one.
const DEEPEST: usize = 128;
/// The number of functions that are drawn of a chain which all stacks share.
const SHARED: usize = 2;

/// A function, below the one that called it, with the bytes of all stacks through it.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// The function, or `[pages of CATEGORY]` below it.
    pub(super) name: String,
    /// A place in it.
    pub(super) place: Option<Place>,
    /// Whether it calls itself.
    pub(super) is_recursive: bool,
    /// Bytes in the run, and in the revision that it is compared with.
    pub(super) head: u64,
    pub(super) base: u64,
    /// The sum of the larger of both, over its stacks: no stack is wider than its memory, and none is hidden.
    pub(super) width: u64,
    /// Bytes per unit, in the run without those in the base, if there is a ladder.
    pub(super) per_unit: Option<f64>,
    /// The kind of memory if all its stacks have the same.
    pub(super) kind: Option<Kind>,
    pub(super) children: Vec<Node>,
}

/// A kind of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Blocks of the heap.
    Blocks,
    /// Pages of mappings.
    Pages(Category),
}

impl Kind {
    /// `pages of linear memory`.
    pub(super) fn name(self) -> String {
        match self {
            Self::Blocks => "blocks of the heap".to_owned(),
            Self::Pages(category) => format!("pages of {}", category.as_str().replace('_', " ")),
        }
    }
}

/// The tree of all stacks that hold memory, and how many functions all of them share and are not in it.
pub(super) struct Tree {
    pub(super) root: Node,
    pub(super) omitted: usize,
    pub(super) stacks: usize,
}

/// Both sides of the stacks of the same functions.
#[derive(Default)]
struct Sides<'a> {
    head: Option<&'a StackGrowth>,
    base: Option<&'a StackGrowth>,
}

impl Tree {
    /// The tree of the stacks that grew, of one revision or of two.
    pub(super) fn new(head: &[StackGrowth], base: Option<&[StackGrowth]>) -> Self {
        let mut sides: BTreeMap<_, Sides<'_>> = BTreeMap::new();
        head.iter().for_each(|row| sides.entry(key(row)).or_default().head = Some(row));
        base.unwrap_or_default().iter().for_each(|row| sides.entry(key(row)).or_default().base = Some(row));
        let mut root = Node::default();
        let mut stacks = 0;
        for Sides { head, base } in sides.values() {
            let Some(row) = head.or(*base) else { continue };
            let bytes = |side: Option<&StackGrowth>| side.map_or(0, |row| u64::try_from(row.bytes).unwrap_or(0));
            let (now, before) = (bytes(*head), bytes(*base));
            if now.max(before) > 0 {
                let per_unit = |side: Option<&StackGrowth>| side.and_then(|row| row.per_unit);
                let per_unit = row.per_unit.map(|_| per_unit(*head).unwrap_or(0.0) - per_unit(*base).unwrap_or(0.0));
                root.add(row, now, before, per_unit);
                stacks += 1;
            }
        }
        root.sort();
        let omitted = root.omit_shared();
        Self { root, omitted, stacks }
    }
}

fn key(row: &StackGrowth) -> (Option<Category>, Vec<&str>) {
    (row.category, row.frames.iter().map(|frame| frame.function.as_str()).collect())
}

impl Node {
    /// Adds a stack below this node.
    fn add(&mut self, row: &StackGrowth, head: u64, base: u64, per_unit: Option<f64>) {
        let kind = row.category.map_or(Kind::Blocks, Kind::Pages);
        self.count(kind, head, base, per_unit);
        let mut node = self;
        for frame in row.frames.iter().take(DEEPEST).rev() {
            // A function that calls itself is one.
            if node.name == frame.function {
                node.is_recursive = true;
            } else {
                node = node.child(&frame.function);
                node.place = node.place.take().or_else(|| frame.place.clone());
                node.count(kind, head, base, per_unit);
            }
        }
        // Pages are not summed with the blocks of the same function.
        if row.category.is_some() {
            node.child(&format!("[{}]", kind.name())).count(kind, head, base, per_unit);
        }
    }

    fn child(&mut self, name: &str) -> &mut Self {
        let index = self.children.iter().position(|child| child.name == name).unwrap_or_else(|| {
            self.children.push(Self { name: name.to_owned(), ..Self::default() });
            self.children.len() - 1
        });
        &mut self.children[index]
    }

    fn count(&mut self, kind: Kind, head: u64, base: u64, per_unit: Option<f64>) {
        self.kind = if self.width == 0 { Some(kind) } else { self.kind.filter(|known| *known == kind) };
        self.head = self.head.saturating_add(head);
        self.base = self.base.saturating_add(base);
        self.width = self.width.saturating_add(head.max(base));
        self.per_unit = match (self.per_unit, per_unit) {
            (Some(sum), Some(more)) => Some(sum + more),
            (sum, more) => sum.or(more),
        };
    }

    /// The widest first.
    fn sort(&mut self) {
        self.children.sort_by(|a, b| b.width.cmp(&a.width).then_with(|| a.name.cmp(&b.name)));
        self.children.iter_mut().for_each(Self::sort);
    }

    /// Leaves out the outermost functions that all stacks share, except the last ones. Returns how many.
    fn omit_shared(&mut self) -> usize {
        let mut shared = 0_usize;
        let mut node = &*self;
        while let [only] = node.children.as_slice()
            && only.width == self.width
        {
            shared += 1;
            node = only;
        }
        let omitted = shared.saturating_sub(SHARED);
        for _ in 0..omitted {
            if let Some(only) = self.children.pop() {
                self.children = only.children;
            }
        }
        omitted
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::row, *};

    fn names(node: &Node) -> Vec<(String, u64, u64)> {
        let own = (node.name.clone(), node.head, node.base);
        std::iter::once(own).chain(node.children.iter().flat_map(names)).collect()
    }

    fn depth(node: &Node) -> usize {
        node.children.iter().map(depth).max().unwrap_or(0) + 1
    }

    fn named(list: &[(&str, u64, u64)]) -> Vec<(String, u64, u64)> {
        list.iter().map(|(name, head, base)| ((*name).to_owned(), *head, *base)).collect()
    }

    #[test]
    fn stacks_with_the_same_callers_share_nodes() {
        let rows = [row("a;b;c", 10), row("a;b;d", 30), row("a;e", 5), row("a;b;gone", -7)];
        let tree = Tree::new(&rows, None);
        let expected = [("", 45, 0), ("a", 45, 0), ("b", 40, 0), ("d", 30, 0), ("c", 10, 0), ("e", 5, 0)];
        assert_eq!(names(&tree.root), named(&expected));
        assert_eq!((tree.stacks, tree.omitted, depth(&tree.root)), (3, 0, 4));
    }

    #[test]
    fn every_stack_of_either_side_has_its_width() {
        let tree = Tree::new(&[row("a;new", 10), row("a;both", 20)], Some(&[row("a;both", 50), row("a;old", 5)]));
        let expected = [("", 30, 55), ("a", 30, 55), ("both", 20, 50), ("new", 10, 0), ("old", 0, 5)];
        assert_eq!(names(&tree.root), named(&expected));
        assert_eq!(tree.root.width, 65);
    }

    #[test]
    fn functions_that_all_stacks_share_are_omitted_but_two() {
        let tree = Tree::new(&[row("a;b;c;d;x", 1), row("a;b;c;d;y", 1)], None);
        assert_eq!(tree.omitted, 2);
        assert_eq!(names(&tree.root)[1..], named(&[("c", 2, 0), ("d", 2, 0), ("x", 1, 0), ("y", 1, 0)]));
        let single = Tree::new(&[row("a;b;c", 1)], None);
        assert_eq!(names(&single.root)[1..], named(&[("b", 1, 0), ("c", 1, 0)]));
    }

    #[test]
    fn a_function_that_calls_itself_is_one_node() {
        let tree = Tree::new(&[row("a;f;f;f;g", 1), row("a;f;f", 2)], None);
        assert_eq!(names(&tree.root)[1..], named(&[("a", 3, 0), ("f", 3, 0), ("g", 1, 0)]));
        assert!(tree.root.children[0].children[0].is_recursive);
    }

    #[test]
    fn pages_are_a_node_of_their_own() {
        let pages = StackGrowth { category: Some(Category::Stacks), ..row("a;f", 4096) };
        let tree = Tree::new(&[row("a;f", 100), pages], None);
        let expected = [("a", 4196, 0), ("f", 4196, 0), ("[pages of stacks]", 4096, 0)];
        assert_eq!(names(&tree.root)[1..], named(&expected));
        assert_eq!(tree.root.kind, None, "blocks and pages");
        assert_eq!(tree.root.children[0].children[0].children[0].kind, Some(Kind::Pages(Category::Stacks)));
    }

    #[test]
    fn extreme_numbers_and_depths_are_drawn() {
        let deep = ["f"; 5].join(";g;").repeat(1000);
        let tree = Tree::new(&[row(&deep, i64::MAX), row("a", i64::MAX), row("b", i64::MIN)], None);
        assert_eq!(tree.root.width, u64::MAX - 1);
        assert!(depth(&tree.root) <= DEEPEST + 1);
        assert_eq!(depth(&Tree::new(&[], None).root), 1);
    }
}
