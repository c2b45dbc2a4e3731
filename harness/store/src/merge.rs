//! Joins the records of the parts of a family, which several machines measured, into the record that one run would have
//! written. The order of the parts does not matter.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use highwater_model::{CaseId, CaseRecord, Context, Control, ControlState, Part, Partition, Record, Selection};

use crate::StoreError;

/// A record of one part, and its file.
#[derive(Clone, Debug)]
pub struct PartRecord {
    /// The file, for messages.
    pub path: PathBuf,
    /// The record.
    pub record: Record,
}

/// A condition in which two parts differ.
#[derive(Debug, thiserror::Error)]
#[error("{family}: different {what}: {first} in {first_path}, {other} in {other_path}; merge only parts of one run")]
pub struct Difference {
    /// The family.
    pub family: String,
    /// What differs, in the plural.
    pub what: String,
    /// Its value in the first record.
    pub first: String,
    /// The file of that record.
    pub first_path: PathBuf,
    /// Its value in the other record.
    pub other: String,
    /// The file of that record.
    pub other_path: PathBuf,
}

/// Why parts cannot be merged. Every message is one line.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// The parts are not of one run.
    #[error(transparent)]
    Differs(Box<Difference>),
    /// Two records have the same cases.
    #[error("{family}: {what} is in both {first} and {other}; leave one of them out")]
    Twice {
        /// The family.
        family: String,
        /// The part that was measured twice.
        what: String,
        /// The file of one record.
        first: PathBuf,
        /// The file of the other.
        other: PathBuf,
    },
    /// Cases are in no part.
    #[error(
        "{family}: {missing} of {all} cases are in no part: {parts} ({cases}); measure them, or use --allow-missing"
    )]
    Incomplete {
        /// The family.
        family: String,
        /// How many are missing.
        missing: usize,
        /// The number of all cases.
        all: usize,
        /// The parts that are missing.
        parts: String,
        /// The first missing cases.
        cases: String,
    },
    /// A record is of another version of the schema.
    #[error(transparent)]
    Version(StoreError),
}

/// What a merge does about cases that are in no part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// Refuses to merge.
    Refused,
    /// Adds them as not run.
    NotRun,
}

/// Entries of the context that describe a machine and not the program, so that parts may differ in them.
const OF_MACHINE: [&str; 9] =
    ["kernel", "cpu", "cpu_level", "libc", "cores", "memory", "overcommit", "max_map_count", "load"];
/// The entry with the time at which a run began.
const STARTED: &str = "started";
/// The entry with the id of a run.
const RUN_ID: &str = "run_id";
/// The most names of missing cases in a message.
const MOST_NAMED: usize = 5;

/// Merges the records of one family. `run_id` becomes the id of the run. `None` if there is no record.
///
/// # Errors
/// If they are not the parts of one run, or if a case is in two of them, or in none and `absent` refuses that.
pub fn merge(mut parts: Vec<PartRecord>, run_id: &str, absent: Absent) -> Result<Option<Record>, MergeError> {
    parts.sort_by(|a, b| partition(&a.record).cmp(&partition(&b.record)).then_with(|| a.path.cmp(&b.path)));
    let Some((first, others)) = parts.split_first() else { return Ok(None) };
    for other in others {
        check(first, other)?;
    }
    for pair in parts.windows(2) {
        refuse_twice(&pair[0], &pair[1])?;
    }
    let mut cases: Vec<CaseRecord> = parts.iter().flat_map(|part| part.record.cases.iter().cloned()).collect();
    if let Some(part) = &first.record.selection.part {
        let missing = Missing::of(part, &parts);
        match absent {
            Absent::Refused => missing.refuse(&first.record.family, part.cases.len())?,
            Absent::NotRun => cases.extend(missing.into_cases()),
        }
    }
    cases.sort_by(|a, b| a.id.cmp(&b.id));
    let mut merged = first.record.clone();
    merged.fingerprint.context = context(&parts, run_id);
    merged.fingerprint.controls = controls(&parts);
    merged.selection.part = None;
    merged.cases = cases;
    Ok(Some(merged))
}

fn partition(record: &Record) -> Option<Partition> {
    record.selection.part.as_ref().map(|part| part.partition)
}

/// What must be the same in all parts, the revision first.
fn conditions(record: &Record) -> [(&'static str, String); 12] {
    let Record { schema, fingerprint, selection, unit, baseline_stage, .. } = record;
    let Selection { filter, parameters, part, worker_options, ladder } = selection;
    let commit = fingerprint.context.get("commit").cloned();
    let list = |values: Vec<String>| if values.is_empty() { "none".to_owned() } else { values.join(" ") };
    let of_part = |value: fn(&Part) -> String| part.as_ref().map_or("a whole run".to_owned(), value);
    [
        ("revisions", commit.unwrap_or("unknown".to_owned())),
        ("machine classes", fingerprint.class.to_string()),
        ("schema versions", schema.to_string()),
        ("filters", filter.clone().unwrap_or("none".to_owned())),
        ("conditions on parameters", list(parameters.iter().map(ToString::to_string).collect())),
        ("worker options", list(worker_options.iter().map(|(name, value)| format!("--{name}={value}")).collect())),
        ("ladders", list(ladder.iter().flatten().map(ToString::to_string).collect())),
        ("kinds of partition", of_part(|part| part.partition.kind().name().to_owned())),
        ("numbers of parts", of_part(|part| part.partition.count().to_string())),
        ("numbers of workers", of_part(|part| part.samples.clone())),
        ("units", unit.clone()),
        ("baseline stages", baseline_stage.to_string()),
    ]
}

/// The entries of the context that describe the program.
fn of_program(context: &Context) -> BTreeMap<&str, &str> {
    let is_of_program = |name: &str| !OF_MACHINE.contains(&name) && !["commit", STARTED, RUN_ID].contains(&name);
    let entries = context.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    entries.filter(|(name, _)| is_of_program(name)).collect()
}

/// Refuses two records that are not parts of one run.
fn check(first: &PartRecord, other: &PartRecord) -> Result<(), MergeError> {
    let differs = |what: &str, a: &str, b: &str| {
        MergeError::Differs(Box::new(Difference {
            family: first.record.family.clone(),
            what: what.to_owned(),
            first: a.to_owned(),
            first_path: first.path.clone(),
            other: b.to_owned(),
            other_path: other.path.clone(),
        }))
    };
    for ((name, a), (_, b)) in conditions(&first.record).into_iter().zip(conditions(&other.record)) {
        if a != b {
            return Err(differs(name, &a, &b));
        }
    }
    let (a, b) = (of_program(&first.record.fingerprint.context), of_program(&other.record.fingerprint.context));
    for name in a.keys().chain(b.keys()) {
        let value =
            |context: &BTreeMap<&str, &str>| context.get(name).map_or("unknown".to_owned(), |it| (*it).to_owned());
        if a.get(name) != b.get(name) {
            return Err(differs(&format!("values of {name}"), &value(&a), &value(&b)));
        }
    }
    let cases = |part: &PartRecord| part.record.selection.part.as_ref().map_or(Vec::new(), |part| part.cases.clone());
    let (a, b) = (cases(first), cases(other));
    match a.iter().zip(&b).find(|(a, b)| a != b) {
        Some((a, b)) => Err(differs("cases of the family", a.as_str(), b.as_str())),
        None if a.len() != b.len() => Err(differs("numbers of cases", &a.len().to_string(), &b.len().to_string())),
        None => Ok(()),
    }
}

/// Refuses two records of the same part, or of the whole family.
fn refuse_twice(first: &PartRecord, other: &PartRecord) -> Result<(), MergeError> {
    let what = match (partition(&first.record), partition(&other.record)) {
        (a, b) if a != b => return Ok(()),
        (Some(partition), _) => partition.to_string(),
        (None, _) => "the whole family".to_owned(),
    };
    let (first_path, other_path) = (first.path.clone(), other.path.clone());
    Err(MergeError::Twice { family: first.record.family.clone(), what, first: first_path, other: other_path })
}

/// The cases that are in no part, by the part that they should be in.
struct Missing {
    cases: Vec<(Partition, CaseId)>,
    present: BTreeSet<Partition>,
}

impl Missing {
    fn of(part: &Part, parts: &[PartRecord]) -> Self {
        let measured: BTreeSet<&CaseId> =
            parts.iter().flat_map(|part| &part.record.cases).map(|case| &case.id).collect();
        let cases = part.cases.iter().enumerate().filter(|(_, case)| !measured.contains(case));
        let cases = cases.map(|(position, case)| (part.partition.part_of(position, case), case.clone())).collect();
        Self { cases, present: parts.iter().filter_map(|part| partition(&part.record)).collect() }
    }

    /// Why a case of this part is missing.
    fn why(&self, part: Partition) -> String {
        let word = if self.present.contains(&part) { "incomplete" } else { "missing" };
        format!("{part} is {word}")
    }

    fn refuse(&self, family: &str, all: usize) -> Result<(), MergeError> {
        if self.cases.is_empty() {
            return Ok(());
        }
        let parts: BTreeSet<Partition> = self.cases.iter().map(|(part, _)| *part).collect();
        let parts: Vec<String> = parts.into_iter().map(|part| self.why(part)).collect();
        Err(MergeError::Incomplete {
            family: family.to_owned(),
            missing: self.cases.len(),
            all,
            parts: shortened(parts),
            cases: shortened(self.cases.iter().map(|(_, case)| case.to_string()).collect()),
        })
    }

    /// The cases as ones that were not run.
    fn into_cases(self) -> impl Iterator<Item = CaseRecord> {
        let reasons: Vec<String> = self.cases.iter().map(|(part, _)| self.why(*part)).collect();
        self.cases.into_iter().zip(reasons).map(|((_, case), reason)| CaseRecord::not_run(case, reason))
    }
}

/// The first texts, and how many more there are.
fn shortened(mut texts: Vec<String>) -> String {
    let more = texts.len().saturating_sub(MOST_NAMED);
    texts.truncate(MOST_NAMED);
    texts.extend((more > 0).then(|| format!("and {more} more")));
    texts.join(", ")
}

/// The context of all parts: the earliest start, and all values of an entry in which the machines differ.
fn context(parts: &[PartRecord], run_id: &str) -> Context {
    let mut values: BTreeMap<&String, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in parts.iter().flat_map(|part| &part.record.fingerprint.context) {
        values.entry(name).or_default().insert(value);
    }
    let joined = |(name, values): (&String, BTreeSet<&str>)| {
        // Times in this format sort by age.
        let shown = if name == STARTED { 1 } else { values.len() };
        (name.clone(), values.into_iter().take(shown).collect::<Vec<_>>().join("; "))
    };
    values.into_iter().map(joined).chain([(RUN_ID.to_owned(), run_id.to_owned())]).collect()
}

/// A control counts as granted only if it was granted in all parts.
fn controls(parts: &[PartRecord]) -> BTreeMap<Control, ControlState> {
    let mut all: BTreeMap<Control, ControlState> = BTreeMap::new();
    for (control, state) in parts.iter().flat_map(|part| &part.record.fingerprint.controls) {
        let kept = all.entry(*control).or_insert_with(|| state.clone());
        let rank = |state: &ControlState| (state.is_granted(), state.to_string());
        if rank(state) < rank(kept) {
            *kept = state.clone();
        }
    }
    all
}
