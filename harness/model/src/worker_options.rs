//! Deliberate changes to the workers of a run: memory injected to test the gate, and a heap shifted to another place.
//!
//! One table ([`WorkerOption`]) defines each option: its name (which is its flag, its word in the stage protocol and
//! its key in the record), its help text, and the sentence that reports it. `highwater-worker` implements the options
//! in `inject.rs`.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::{Bytes, unique};

/// A deliberate change to the workers of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum WorkerOption {
    /// Bytes of heap that each unit additionally allocates and writes to.
    Inject,
    /// Pages that each unit additionally dirties, within one mapping.
    InjectPages,
    /// Mappings that each unit adds without touching them.
    InjectMappings,
    /// Bytes that each worker dirties once, after the baseline stage.
    InjectOnce,
    /// Only every n-th worker injects memory.
    InjectEvery,
    /// Bytes of heap that each worker allocates before its case and never writes to.
    ShiftHeap,
}

impl WorkerOption {
    /// All options, in the order of the help page.
    pub const ALL: [Self; 6] =
        [Self::Inject, Self::InjectPages, Self::InjectMappings, Self::InjectOnce, Self::InjectEvery, Self::ShiftHeap];

    /// The flag without its dashes, which is also the word in the protocol and the key in a record.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Inject => "inject",
            Self::InjectPages => "inject-pages",
            Self::InjectMappings => "inject-mappings",
            Self::InjectOnce => "inject-once",
            Self::InjectEvery => "inject-every",
            Self::ShiftHeap => "shift-heap",
        }
    }

    /// Finds an option by its name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|option| option.name() == name)
    }

    /// The help text of the flag.
    #[must_use]
    pub fn help(self) -> &'static str {
        match self {
            Self::Inject => "Allocate and write this many additional bytes of heap per unit, to test the gate",
            Self::InjectPages => "Dirty this many additional pages per unit, within one mapping",
            Self::InjectMappings => "Add this many untouched mappings per unit",
            Self::InjectOnce => "Dirty this many additional bytes once per worker, after the baseline stage",
            Self::InjectEvery => "Inject into every N-th worker only, to test the gate on intermittent regressions",
            Self::ShiftHeap => {
                "Allocate this many bytes of heap before each case without writing to them, to shift the heap as in \
                 another build"
            }
        }
    }

    /// Whether the value is a number of bytes.
    #[must_use]
    pub fn is_bytes(self) -> bool {
        matches!(self, Self::Inject | Self::InjectOnce | Self::ShiftHeap)
    }

    /// Whether it injects memory, or selects the workers that do.
    #[must_use]
    pub fn injects(self) -> bool {
        self != Self::ShiftHeap
    }

    fn sentence(self, value: u64, unit: &str) -> String {
        let bytes = Bytes(value);
        match self {
            Self::Inject => format!("every {unit} allocated {bytes} more (--inject)"),
            Self::InjectPages => format!("every {unit} dirtied {value} more pages (--inject-pages)"),
            Self::InjectMappings => format!("every {unit} added {value} mappings (--inject-mappings)"),
            Self::InjectOnce => format!("every worker dirtied {bytes} more (--inject-once)"),
            Self::InjectEvery => format!("only one worker in {value} was injected (--inject-every)"),
            Self::ShiftHeap => format!("every worker's heap was shifted by {bytes} (--shift-heap)"),
        }
    }
}

impl fmt::Display for WorkerOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The deliberate changes to the workers of a run, by option; empty by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct WorkerOptions(#[serde(deserialize_with = "unique::map")] BTreeMap<WorkerOption, u64>);

impl WorkerOptions {
    /// Whether no option is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of an option.
    #[must_use]
    pub fn get(&self, option: WorkerOption) -> Option<u64> {
        self.0.get(&option).copied()
    }

    /// Sets an option; 0 removes it.
    pub fn set(&mut self, option: WorkerOption, value: u64) {
        match value {
            0 => self.0.remove(&option),
            _ => self.0.insert(option, value),
        };
    }

    /// The options that are set, in order.
    pub fn iter(&self) -> impl Iterator<Item = (WorkerOption, u64)> {
        self.0.iter().map(|(option, value)| (*option, *value))
    }

    /// A copy without the options that inject memory.
    #[must_use]
    pub fn without_injections(&self) -> Self {
        Self(self.iter().filter(|(option, _)| !option.injects()).collect())
    }

    /// One sentence for each option that is set; `unit` is the name of one unit of the ladder.
    pub fn sentences(&self, unit: &str) -> impl Iterator<Item = String> {
        self.iter().map(move |(option, value)| option.sentence(value, unit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_the_keys_of_a_record() {
        for option in WorkerOption::ALL {
            assert_eq!(serde_json::to_value(option).expect("a text"), option.name());
            assert_eq!(WorkerOption::parse(option.name()), Some(option));
        }
    }

    #[test]
    fn zero_unsets_an_option() {
        let mut options = WorkerOptions::default();
        options.set(WorkerOption::Inject, 4096);
        options.set(WorkerOption::ShiftHeap, 3000);
        assert_eq!(options.without_injections().iter().collect::<Vec<_>>(), [(WorkerOption::ShiftHeap, 3000)]);
        options.set(WorkerOption::Inject, 0);
        assert_eq!(options.get(WorkerOption::Inject), None);
    }
}
