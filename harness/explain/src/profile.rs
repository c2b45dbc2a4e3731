//! The profile of a stage: growth since the baseline stage by the function names of its stacks, and its share that
//! grows with the number of units. What grows with the units comes first, because a constant matters less the more
//! units there are.

use std::collections::BTreeMap;

use highwater_model::{CaseId, Category, END_STAGE, Frame, Moment, StackGrowth, Stage};

use crate::{
    dump::{AtStage, Held},
    run::Attributed,
};

/// Growth of a kind of memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// As measured.
    pub measured: i64,
    /// The part whose stacks are known.
    pub attributed: i64,
}

impl Coverage {
    fn since(self, earlier: Self) -> Self {
        Self { measured: self.measured - earlier.measured, attributed: self.attributed - earlier.attributed }
    }
}

/// Who holds the memory at a stage.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The case.
    pub case: CaseId,
    /// The stage.
    pub stage: Stage,
    /// Which memory of it.
    pub moment: Moment,
    /// The name of a unit of the ladder.
    pub unit: String,
    /// The most growth per unit first, then the most bytes.
    pub rows: Vec<StackGrowth>,
    /// Whether blocks of the heap were recorded.
    pub has_heap: bool,
    /// The heap, if the counting allocator is installed.
    pub heap: Option<Coverage>,
    /// Anonymous memory, heap included, if page faults were recorded.
    pub anonymous: Option<Coverage>,
    /// Rows whose first function has no file and line.
    pub without_lines: usize,
    /// What was lost.
    pub losses: Losses,
}

/// What the recording lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Allocations that could not be recorded.
    pub allocations: u64,
    /// Allocations whose stack had more frames than are kept.
    pub deep_stacks: u64,
    /// Page faults without an event.
    pub faults: u64,
    /// Pages, since the baseline stage, whose outermost functions are not known.
    pub incomplete_stacks: u64,
    /// Why there are no pages, or not all.
    pub refused: Option<String>,
}

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// No such stage.
    #[error("{case} has no stage `{stage}`; its stages are {known}")]
    NoStage {
        /// The case.
        case: CaseId,
        /// The requested stage.
        stage: String,
        /// Those that it has.
        known: String,
    },
    /// The worker of one revision recorded its heap or its pages, that of the other did not.
    #[error("{case}: only one of the two revisions records the call stacks of its heap")]
    NotComparable {
        /// The case.
        case: CaseId,
    },
}

/// The kind of memory and the function names of rows that are summed.
type Key<'a> = (Option<Category>, Vec<&'a str>);
/// Bytes and counts.
type Sums<'a> = BTreeMap<Key<'a>, (i64, i64)>;

fn names(frames: &[Frame]) -> Vec<&str> {
    frames.iter().map(|frame| frame.function.as_str()).collect()
}

impl Profile {
    /// The profile of a stage: `stage`, `name@scale` or a name, which is its last rung. Without one, the stage after
    /// the baseline stage at which most is live.
    ///
    /// # Errors
    /// If there is no such stage.
    pub fn new(attributed: &Attributed, stage: Option<&str>, moment: Moment) -> Result<Self, ProfileError> {
        let stages = &attributed.dump.stages;
        let baseline = stages.iter().find(|at| at.stage == attributed.baseline_stage);
        let chosen = chosen(attributed, stage, moment)?;
        let baseline = baseline.filter(|at| at.stage != chosen.stage);
        let rungs = stages.iter().filter(|at| at.stage.name() == chosen.stage.name());
        let smallest = rungs.min_by_key(|at| at.stage.scale()).filter(|at| at.stage.scale() < chosen.stage.scale());

        let sums = |at: Option<&'_ AtStage>, of: Moment| {
            let mut sums = Sums::new();
            let held = at.map_or(&[][..], |at| &at.held);
            // Pages at a peak are not known.
            for held in held.iter().filter(|held| moment == Moment::Reached || held.category.is_none()) {
                let sum = sums.entry((held.category, names(&attributed.functions[held.stack]))).or_default();
                let (bytes, count) = figures(held, of);
                sum.0 += bytes as i64;
                sum.1 += count as i64;
            }
            sums
        };
        let (now, before) = (sums(Some(chosen), moment), sums(baseline, Moment::Reached));
        let small = sums(smallest, moment);
        let units = smallest.and_then(|at| Some(chosen.stage.scale()?.0 - at.stage.scale()?.0));
        let mut keys: Vec<&Key<'_>> = now.keys().chain(before.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        let examples: BTreeMap<Vec<&str>, &Vec<Frame>> =
            attributed.functions.iter().rev().map(|frames| (names(frames), frames)).collect();
        let rows = keys.into_iter().map(|key| {
            let of = |sums: &Sums<'_>| sums.get(key).copied().unwrap_or_default();
            let (here, there) = (of(&now), of(&before));
            StackGrowth {
                bytes: here.0 - there.0,
                count: here.1 - there.1,
                per_unit: units.map(|units| (here.0 - of(&small).0) as f64 / f64::from(units)),
                category: key.0,
                frames: examples.get(&key.1).map(|frames| (*frames).clone()).unwrap_or_default(),
            }
        });
        let mut rows: Vec<StackGrowth> = rows.filter(|row| row.bytes != 0 || row.count != 0).collect();
        StackGrowth::sort(&mut rows);
        let anonymous = |at: Option<&AtStage>| {
            let (measured, attributed) = at.map_or(Some((0, 0)), |at| attributed.anonymous(&at.stage))?;
            Some(Coverage { measured: measured as i64, attributed: attributed as i64 })
        };
        let incomplete = |at: Option<&AtStage>| {
            let pages = at.and_then(|at| attributed.pages.get(&at.stage));
            pages.filter(|_| moment == Moment::Reached).map_or(0, |pages| pages.incomplete)
        };
        let anonymous = match moment {
            Moment::Reached => anonymous(Some(chosen)).zip(anonymous(baseline)).map(|(now, before)| now.since(before)),
            Moment::Peak => None,
        };
        Ok(Self {
            case: attributed.case.clone(),
            stage: chosen.stage.clone(),
            moment,
            unit: attributed.unit.clone(),
            has_heap: attributed.has_heap,
            heap: heap(attributed, chosen, baseline, moment, &rows),
            anonymous,
            without_lines: without_lines(&rows),
            rows,
            losses: Losses {
                allocations: attributed.dump.lost,
                deep_stacks: attributed.dump.truncated,
                faults: attributed.lost_faults,
                incomplete_stacks: incomplete(Some(chosen)).saturating_sub(incomplete(baseline)),
                refused: attributed.refused.clone(),
            },
        })
    }
}

/// The stage that a profile is of.
fn chosen<'a>(attributed: &'a Attributed, stage: Option<&str>, moment: Moment) -> Result<&'a AtStage, ProfileError> {
    let stages = &attributed.dump.stages;
    // Pages that malloc keeps are no memory that is live.
    let is_live = |held: &&Held| held.category.is_none_or(|category| !category.is_heap());
    let total = |at: &AtStage| at.held.iter().filter(is_live).map(|held| figures(held, moment).0).sum::<u64>();
    let after_baseline = stages.iter().position(|at| at.stage == attributed.baseline_stage).map_or(0, |at| at + 1);
    let found = match stage {
        Some(name) => stages.iter().rev().find(|at| at.stage.to_string() == name || at.stage.name() == name),
        None => {
            // At the end everything was dropped.
            let later = stages[after_baseline..].iter().filter(|at| at.stage.name() != END_STAGE);
            later.max_by_key(|at| (total(at), at.stage.scale())).or(stages.last())
        }
    };
    found.ok_or_else(|| ProfileError::NoStage {
        case: attributed.case.clone(),
        stage: stage.unwrap_or("any").to_owned(),
        known: stages.iter().map(|at| at.stage.to_string()).collect::<Vec<_>>().join(", "),
    })
}

/// Bytes and blocks, or pages.
fn figures(held: &Held, moment: Moment) -> (u64, u64) {
    match moment {
        Moment::Reached => (held.bytes, held.blocks),
        Moment::Peak => (held.peak_bytes, held.peak_blocks),
    }
}

/// The measured growth of the heap, and that of the rows.
fn heap(
    attributed: &Attributed,
    chosen: &AtStage,
    baseline: Option<&AtStage>,
    moment: Moment,
    rows: &[StackGrowth],
) -> Option<Coverage> {
    let now = attributed.measured(&chosen.stage, moment)? as i64;
    let before = baseline.and_then(|at| attributed.measured(&at.stage, Moment::Reached)).unwrap_or(0) as i64;
    let of_heap = rows.iter().filter(|row| row.category.is_none());
    Some(Coverage { measured: now - before, attributed: of_heap.map(|row| row.bytes).sum() })
}

/// The growth from `base` to `head`, by function names. Rows that did not change are left out.
///
/// # Errors
/// If the two did not record the same kinds of memory.
pub fn difference(base: &Profile, head: &Profile) -> Result<Profile, ProfileError> {
    let recorded = |profile: &Profile| (profile.has_heap, profile.anonymous.is_some());
    if recorded(base) != recorded(head) {
        return Err(ProfileError::NotComparable { case: head.case.clone() });
    }
    let rows = StackGrowth::difference(&base.rows, &head.rows);
    let since = |head: Option<Coverage>, base: Option<Coverage>| Some(head?.since(base?));
    Ok(Profile {
        without_lines: without_lines(&rows),
        rows,
        heap: since(head.heap, base.heap),
        anonymous: since(head.anonymous, base.anonymous),
        losses: Losses {
            allocations: head.losses.allocations + base.losses.allocations,
            deep_stacks: head.losses.deep_stacks + base.losses.deep_stacks,
            faults: head.losses.faults + base.losses.faults,
            incomplete_stacks: head.losses.incomplete_stacks + base.losses.incomplete_stacks,
            refused: head.losses.refused.clone().or_else(|| base.losses.refused.clone()),
        },
        ..head.clone()
    })
}

/// Files without any symbols are not counted: they have no names, either.
fn without_lines(rows: &[StackGrowth]) -> usize {
    let is_named_only = |frame: &Frame| frame.place.is_none() && !frame.function.starts_with('[');
    rows.iter().filter(|row| row.frames.first().is_some_and(is_named_only)).count()
}
