//! Partitions: a family that several machines measure is split into N parts by position or by a hash of the case ids. The
//! syntax and the meaning are those of cargo-nextest.

use std::{collections::BTreeSet, fmt, num::NonZeroU32, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{CaseId, fnv1a};

/// The largest number of parts.
pub const MAX_PARTS: u32 = 100_000;

/// How cases are assigned to parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartitionKind {
    /// Round robin, in the order of the family: the parts differ by at most one case.
    Slice,
    /// By a hash of the case id: a case that is added moves no other one.
    Hash,
}

impl PartitionKind {
    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Slice => "slice",
            Self::Hash => "hash",
        }
    }
}

/// The text is not the name of a kind.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a kind of partition: expected slice or hash")]
pub struct PartitionKindError(String);

impl FromStr for PartitionKind {
    type Err = PartitionKindError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = [Self::Slice, Self::Hash].into_iter().find(|kind| kind.name() == text);
        known.ok_or_else(|| PartitionKindError(text.to_owned()))
    }
}

/// Part `number` of `count`, counted from 1. The text is `slice:2/4` or `hash:2/4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", schemars(with = "String"))]
pub struct Partition {
    kind: PartitionKind,
    count: NonZeroU32,
    number: u32,
}

/// Why something is not a partition.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PartitionError {
    /// The text has another form.
    #[error("`{0}` is not a partition: expected slice:M/N or hash:M/N")]
    Syntax(String),
    /// There is no such part.
    #[error(
        "there is no part {number} of {count}: the number must be from 1 to the count, which is at most {MAX_PARTS}"
    )]
    NoSuchPart {
        /// The number of the part.
        number: u32,
        /// The number of parts.
        count: u32,
    },
}

impl Partition {
    /// Part `number` of `count`, counted from 1.
    ///
    /// # Errors
    /// [`PartitionError::NoSuchPart`] if there is no such part.
    pub fn new(kind: PartitionKind, number: u32, count: u32) -> Result<Self, PartitionError> {
        match NonZeroU32::new(count) {
            Some(parts) if (1..=count).contains(&number) && count <= MAX_PARTS => {
                Ok(Self { kind, number, count: parts })
            }
            _ => Err(PartitionError::NoSuchPart { number, count }),
        }
    }

    /// How cases are assigned.
    #[must_use]
    pub fn kind(self) -> PartitionKind {
        self.kind
    }

    /// The number of this part, from 1.
    #[must_use]
    pub fn number(self) -> u32 {
        self.number
    }

    /// The number of parts.
    #[must_use]
    pub fn count(self) -> u32 {
        self.count.get()
    }

    /// The part with the case at this position, from 0, among all cases that are split.
    #[must_use]
    pub fn part_of(self, position: usize, case: &CaseId) -> Self {
        let key = match self.kind {
            PartitionKind::Slice => position as u64,
            PartitionKind::Hash => spread(fnv1a(case.as_str().as_bytes())),
        };
        let number = (key % u64::from(self.count.get())) as u32 + 1;
        Self { number, ..self }
    }

    /// Keeps what is in this part of all cases that are split.
    #[must_use]
    pub fn take<T>(self, all: Vec<T>, id: impl Fn(&T) -> CaseId) -> Vec<T> {
        let in_part = |(position, case): &(usize, T)| self.part_of(*position, &id(case)) == self;
        all.into_iter().enumerate().filter(in_part).map(|(_, case)| case).collect()
    }
}

/// Makes every bit depend on all bits of the hash: the low bits of FNV-1a depend only on the low bits of the text. This
/// is the finaliser of MurmurHash3 by A. Appleby, which is in the public domain.
fn spread(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

impl FromStr for Partition {
    type Err = PartitionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = || {
            let (kind, part) = text.split_once(':')?;
            let (number, count) = part.split_once('/')?;
            let whole = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?;
            Some((kind.parse().ok()?, whole(number)?, whole(count)?))
        };
        let (kind, number, count) = parsed().ok_or_else(|| PartitionError::Syntax(text.to_owned()))?;
        Self::new(kind, number, count)
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}", self.kind.name(), self.number, self.count)
    }
}

impl TryFrom<String> for Partition {
    type Error = PartitionError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Partition> for String {
    fn from(partition: Partition) -> Self {
        partition.to_string()
    }
}

/// The part of a family that a run measured, and what the other parts have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Which part it is.
    pub partition: Partition,
    /// The number of workers per case that was requested. It must be the same in all parts.
    pub samples: String,
    /// The ids of all cases that were split, in the order of the family.
    pub cases: Vec<CaseId>,
}

impl Part {
    /// The part that a case is in; `None` if it is not among the cases that were split.
    #[must_use]
    pub fn partition_of(&self, case: &CaseId) -> Option<Partition> {
        let position = self.cases.iter().position(|known| known == case)?;
        Some(self.partition.part_of(position, case))
    }

    /// Whether another part has this case.
    #[must_use]
    pub fn is_elsewhere(&self, case: &CaseId) -> bool {
        self.partition_of(case).is_some_and(|part| part != self.partition)
    }

    /// Checks that these are cases of this part.
    pub(crate) fn validate<'a>(&self, mut measured: impl Iterator<Item = &'a CaseId>) -> Result<(), String> {
        let own: Vec<&CaseId> = self.partition.take(self.cases.iter().collect(), |case| (*case).clone());
        let own: BTreeSet<&CaseId> = own.into_iter().collect();
        let mut known = BTreeSet::new();
        if let Some(case) = self.cases.iter().find(|case| !known.insert(*case)) {
            return Err(format!("the cases that were split contain {case} twice"));
        }
        match measured.find(|case| !own.contains(case)) {
            Some(case) => Err(format!("{case} is not in {}", self.partition)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ids(count: usize) -> Vec<CaseId> {
        (0..count).map(|number| format!("f/case/number={number}").parse().expect("an id")).collect()
    }

    fn partition(text: &str) -> Partition {
        text.parse().expect("a partition")
    }

    #[test]
    fn a_slice_takes_every_nth_case() {
        let take = |text| partition(text).take((0..7).collect(), |_| ids(1).remove(0));
        assert_eq!([take("slice:1/3"), take("slice:2/3"), take("slice:3/3")], [vec![0, 3, 6], vec![1, 4], vec![2, 5]]);
        assert_eq!(take("slice:1/1").len(), 7);
    }

    /// These assignments are part of the interface: a change would move cases to other machines.
    #[test]
    fn the_hash_assigns_cases_as_it_always_did() {
        let part = |id: &str| partition("hash:1/4").part_of(0, &id.parse().expect("an id")).number();
        let parts = ["toy/heap/size=64k", "toy/mapped/pages=4", "f/a", "f/b", "f/c"].map(part);
        assert_eq!(parts, [2, 2, 1, 1, 2]);
    }

    #[test]
    fn hashed_parts_have_similar_sizes() {
        for count in [2, 3, 4, 8] {
            for number in 1..=count {
                let part = Partition::new(PartitionKind::Hash, number, count).expect("a part");
                let (size, mean) = (part.take(ids(1000), Clone::clone).len(), 1000 / count as usize);
                assert!(size.abs_diff(mean) * 4 < mean, "{part}: {size}");
            }
        }
    }

    #[test]
    fn invalid_partitions_are_rejected() {
        for text in
            ["", "slice", "slice:1", "slice:1/", "slice:/2", "count:1/2", "slice:1/2/3", "hash:+1/2", "slice: 1/2"]
        {
            assert_eq!(text.parse::<Partition>(), Err(PartitionError::Syntax(text.to_owned())), "{text}");
        }
        for (text, number, count) in [("slice:0/2", 0, 2), ("hash:3/2", 3, 2), ("slice:1/0", 1, 0)] {
            assert_eq!(text.parse::<Partition>(), Err(PartitionError::NoSuchPart { number, count }), "{text}");
        }
    }

    #[test]
    fn a_part_knows_where_the_other_cases_are() {
        let part = Part { partition: partition("slice:2/3"), samples: "5".into(), cases: ids(4) };
        let of = |number: usize| part.partition_of(&ids(9)[number]).map(Partition::number);
        assert_eq!([of(0), of(1), of(2), of(3), of(8)], [Some(1), Some(2), Some(3), Some(1), None]);
        assert!(part.is_elsewhere(&ids(9)[0]) && !part.is_elsewhere(&ids(9)[1]) && !part.is_elsewhere(&ids(9)[8]));
        assert_eq!(part.validate([&ids(9)[1]].into_iter()), Ok(()));
        assert_eq!(part.validate([&ids(9)[0]].into_iter()), Err("f/case/number=0 is not in slice:2/3".to_owned()));
        let twice = Part { cases: [ids(2), ids(1)].concat(), ..part };
        assert!(twice.validate(std::iter::empty()).is_err());
    }

    proptest! {
        #[test]
        fn every_case_is_in_exactly_one_part(count in 1_u32..9, cases in 0_usize..40, hashed: bool) {
            let kind = if hashed { PartitionKind::Hash } else { PartitionKind::Slice };
            let mut all: Vec<CaseId> = (1..=count)
                .flat_map(|number| {
                    let part = Partition::new(kind, number, count).expect("a part");
                    assert_eq!(partition(&part.to_string()), part);
                    part.take(ids(cases), Clone::clone)
                })
                .collect();
            all.sort();
            let mut expected = ids(cases);
            expected.sort();
            prop_assert_eq!(all, expected);
        }

        #[test]
        fn a_new_case_moves_no_other_case_of_a_hash(at in 0_usize..20, count in 1_u32..9) {
            let part = Partition::new(PartitionKind::Hash, 1, count).expect("a part");
            let before = part.take(ids(20), Clone::clone);
            let mut more = ids(20);
            let new: CaseId = "f/new".parse().expect("an id");
            more.insert(at, new.clone());
            let after: Vec<CaseId> = part.take(more, Clone::clone).into_iter().filter(|id| *id != new).collect();
            prop_assert_eq!(before, after);
        }
    }
}
