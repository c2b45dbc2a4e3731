//! The call stacks of a case that was explained: flame graphs, and the same as text.

use highwater_model::{CaseStacks, Moment, StackGrowth, StageStacks};

use crate::{
    counted::counted,
    site::chart::{Flame, FlamePlan, flame},
    stacks::stack_line,
};

/// The most stacks of a list. `highwater explain` prints all.
const LISTED: usize = 100;

/// A stage with its graphs.
#[derive(Debug)]
pub(super) struct Explained {
    pub(super) title: String,
    /// The difference first, if there is one.
    pub(super) graphs: Vec<Flame>,
    /// The stacks as text, those that grew most first.
    pub(super) list: Option<List>,
}

#[derive(Debug)]
pub(super) struct List {
    pub(super) title: String,
    pub(super) lines: Vec<String>,
}

/// The stages that were explained and have stacks.
pub(super) fn explained(stacks: &CaseStacks, baseline_stage: &str) -> Vec<Explained> {
    let all = stacks.stages.iter().enumerate();
    let all = all.map(|(index, stage)| Explained::new(index, stage, &stacks.unit, baseline_stage));
    all.filter(|explained| !explained.graphs.is_empty()).collect()
}

impl Explained {
    fn new(index: usize, stage: &StageStacks, unit: &str, baseline_stage: &str) -> Self {
        let StageStacks { stage, moment, head, base } = stage;
        let what = match moment {
            Moment::Reached => format!("memory at {stage}"),
            Moment::Peak => format!("peak of the heap before {stage}"),
        };
        let graph = |name: &str, title: String, base| {
            let id = format!("flame-{index}-{name}");
            flame(&FlamePlan { id, title, unit, head, base })
        };
        let difference = base.as_ref().map(|base| {
            let title = format!("growth since {baseline_stage}, {} and this run", base.revision);
            (graph("difference", title, Some(base.stacks.as_slice())), StackGrowth::difference(&base.stacks, head))
        });
        let growth = graph("growth", format!("growth since {baseline_stage} in this run"), None);
        let (difference, rows) = difference.unwrap_or_else(|| (None, head.clone()));
        Self {
            title: what,
            graphs: difference.into_iter().chain(growth).collect(),
            list: list(&rows, unit, base.is_some()),
        }
    }
}

fn list(rows: &[StackGrowth], unit: &str, is_difference: bool) -> Option<List> {
    let mut lines: Vec<String> = rows.iter().take(LISTED).map(|row| stack_line(row, unit)).collect();
    if rows.len() > LISTED {
        lines.push(format!("and {}, which `highwater explain` prints", counted(rows.len() - LISTED, "more stack")));
    }
    let which = if is_difference { "that differ between the revisions" } else { "" };
    let title = format!("{} {which}", counted(rows.len(), "stack"));
    let title = format!("{} as text", title.trim_end());
    (!rows.is_empty()).then_some(List { title, lines })
}
