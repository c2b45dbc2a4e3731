//! The profile of a stage: growth since the baseline stage by the function names of its stacks, and its share that grows
//! with the number of units. What grows with the units comes first, because a constant matters less the more units there are.

use std::{cmp::Reverse, collections::BTreeMap};

use highwater_model::{CaseId, Stage};

use crate::{
    dump::{AtStage, Held},
    frames::shown,
    run::Attributed,
    symbols::{Frame, Symbols},
};

/// Which heap of a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Moment {
    /// What is live when the stage is reached.
    #[default]
    Reached,
    /// What was live when the heap was fullest, since the stage before.
    Peak,
}

/// The growth that belongs to the stacks of the same functions.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The functions, innermost first. Places are those of one of the stacks.
    pub frames: Vec<Frame>,
    /// Growth of bytes since the baseline stage, or in a difference of two revisions, the growth of that growth.
    pub bytes: i64,
    /// The same of blocks.
    pub blocks: i64,
    /// Bytes per unit between the smallest rung of the ladder and this one; `None` without a smaller rung.
    pub per_unit: Option<f64>,
}

/// Who holds the heap at a stage.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The case.
    pub case: CaseId,
    /// The stage.
    pub stage: Stage,
    /// Which heap of it.
    pub moment: Moment,
    /// The name of a unit of the ladder.
    pub unit: String,
    /// The most growth per unit first, then the most bytes.
    pub rows: Vec<Row>,
    /// The measured growth of the heap in bytes, if the counting allocator is installed.
    pub measured: Option<i64>,
    /// Allocations that could not be recorded.
    pub lost: u64,
    /// Allocations whose stack had more frames than are kept.
    pub truncated: u64,
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
}

type Sums<'a> = BTreeMap<Vec<&'a str>, (i64, i64)>;

impl Profile {
    /// The profile of a stage: `stage`, `name@scale` or a name, which is its last rung. Without one, the stage after the
    /// baseline stage at which most is live.
    ///
    /// # Errors
    /// If there is no such stage.
    pub fn new(attributed: &Attributed, stage: Option<&str>, moment: Moment) -> Result<Self, ProfileError> {
        let stages = &attributed.dump.stages;
        let bytes_of = |held: &Held| if moment == Moment::Peak { held.peak_bytes } else { held.bytes };
        let total = |at: &AtStage| at.held.iter().map(bytes_of).sum::<u64>();
        let baseline = stages.iter().position(|at| at.stage == attributed.baseline_stage);
        let chosen = match stage {
            Some(name) => stages.iter().rev().find(|at| at.stage.to_string() == name || at.stage.name() == name),
            None => stages[baseline.map_or(0, |at| at + 1)..].iter().max_by_key(|at| (total(at), at.stage.scale())),
        };
        let chosen = chosen.or(stages.last().filter(|_| stage.is_none())).ok_or_else(|| ProfileError::NoStage {
            case: attributed.case.clone(),
            stage: stage.unwrap_or("any").to_owned(),
            known: stages.iter().map(|at| at.stage.to_string()).collect::<Vec<_>>().join(", "),
        })?;
        let baseline = baseline.map(|at| &stages[at]).filter(|at| at.stage != chosen.stage);
        let rungs = stages.iter().filter(|at| at.stage.name() == chosen.stage.name());
        let smallest = rungs.min_by_key(|at| at.stage.scale()).filter(|at| at.stage.scale() < chosen.stage.scale());

        let mut symbols = Symbols::new(&attributed.dump.maps);
        let named = attributed.dump.stacks.iter().map(|stack| {
            let all: Vec<Frame> = stack.iter().flat_map(|address| symbols.frames(*address).to_vec()).collect();
            shown(&all)
        });
        let named = named.collect::<Vec<_>>();
        let sums = |at: Option<&AtStage>, moment: Moment| {
            let mut sums = Sums::new();
            for held in at.iter().flat_map(|at| &at.held) {
                let key = named[held.stack].iter().map(|frame| frame.function.as_str()).collect();
                let sum = sums.entry(key).or_default();
                let (bytes, blocks) = match moment {
                    Moment::Reached => (held.bytes, held.blocks),
                    Moment::Peak => (held.peak_bytes, held.peak_blocks),
                };
                sum.0 += bytes as i64;
                sum.1 += blocks as i64;
            }
            sums
        };
        let (now, before, small) =
            (sums(Some(chosen), moment), sums(baseline, Moment::Reached), sums(smallest, moment));
        let units = smallest.and_then(|at| Some(chosen.stage.scale()?.0 - at.stage.scale()?.0));
        let mut keys: Vec<&Vec<&str>> = now.keys().chain(before.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        let of = |sums: &Sums<'_>, key: &Vec<&str>| sums.get(key).copied().unwrap_or_default();
        let rows = keys.into_iter().map(|key| {
            let (here, there) = (of(&now, key), of(&before, key));
            let example =
                named.iter().find(|frames| frames.iter().map(|it| it.function.as_str()).eq(key.iter().copied()));
            Row {
                frames: example.cloned().unwrap_or_default(),
                bytes: here.0 - there.0,
                blocks: here.1 - there.1,
                per_unit: units.map(|units| (here.0 - of(&small, key).0) as f64 / f64::from(units)),
            }
        });
        let rows = sorted(rows.filter(|row| row.bytes != 0 || row.blocks != 0).collect());
        let live = |stage: &Stage, moment| attributed.measured(stage, moment);
        let measured = live(&chosen.stage, moment)
            .map(|bytes| bytes as i64 - baseline.and_then(|at| live(&at.stage, Moment::Reached)).unwrap_or(0) as i64);
        let Attributed { case, unit, dump, .. } = attributed;
        Ok(Self {
            case: case.clone(),
            stage: chosen.stage.clone(),
            moment,
            unit: unit.clone(),
            rows,
            measured,
            lost: dump.lost,
            truncated: dump.truncated,
        })
    }

    /// Bytes of all rows.
    #[must_use]
    pub fn attributed(&self) -> i64 {
        self.rows.iter().map(|row| row.bytes).sum()
    }
}

/// The growth from `base` to `head`, by function names. Rows that did not change are left out.
#[must_use]
pub fn difference(base: &Profile, head: &Profile) -> Profile {
    let names = |row: &Row| row.frames.iter().map(|frame| frame.function.clone()).collect::<Vec<_>>();
    let mut rows: BTreeMap<Vec<String>, Row> = head.rows.iter().map(|row| (names(row), row.clone())).collect();
    for row in &base.rows {
        let none = Row { bytes: 0, blocks: 0, per_unit: row.per_unit.map(|_| 0.0), ..row.clone() };
        let now = rows.entry(names(row)).or_insert(none);
        now.bytes -= row.bytes;
        now.blocks -= row.blocks;
        now.per_unit = now.per_unit.zip(row.per_unit).map(|(now, before)| now - before);
    }
    let changed = |row: &Row| row.bytes != 0 || row.blocks != 0 || row.per_unit.is_some_and(|bytes| bytes != 0.0);
    Profile {
        rows: sorted(rows.into_values().filter(changed).collect()),
        measured: head.measured.zip(base.measured).map(|(head, base)| head - base),
        lost: head.lost + base.lost,
        truncated: head.truncated + base.truncated,
        ..head.clone()
    }
}

/// The most growth per unit first, to the byte, then the most bytes.
fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by_key(|row| Reverse((row.per_unit.map_or(0, |bytes| bytes.round() as i64), row.bytes, row.blocks)));
    rows
}
