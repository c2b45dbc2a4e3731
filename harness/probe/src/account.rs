//! One account of the user memory of a worker and its descendants, in which each page counts once.
//!
//! ```text
//!   anonymous, swapped out     of the worker as it is; with descendants, shared pages are divided among them
//!   hugetlb, private           Private_Hugetlb of each; Shared_Hugetlb once for each address
//!   files in memory            by inode (held_files.rs)
//!   System V segments          by id (sysv.rs)
//! ```

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use highwater_model::{FigureName, Metric, Quantity, Snapshot};

use super::{
    held_files::{Held, HeldFiles},
    process::{ProbeError, ProcessFiles},
    smaps::{self, Mapping},
    sys, sysv,
    tree::ProcessTree,
};

/// The account of one worker over its snapshots.
#[derive(Debug)]
pub(super) struct Account {
    held: HeldFiles,
    /// Every process of the tree that any snapshot has seen, for the segments that they made.
    seen: BTreeSet<u32>,
    /// The segments that existed before, which the processes did not make.
    foreign: BTreeSet<u64>,
    /// Whether figures of the whole tree are added.
    sums_tree: bool,
}

/// What the processes of a tree have in all, for figures: in bytes, and the number of mappings.
#[derive(Clone, Copy, Debug, Default)]
struct TreeSums {
    rss: u64,
    pss: u64,
    page_tables: u64,
    mappings: u64,
    /// The highest RSS of each process so far, those that have exited excluded.
    high_water: u64,
}

/// The private memory of one process, in bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Private {
    anon: u64,
    swap: u64,
    huge: u64,
}

/// `Shared_Hugetlb` of private mappings, by inode and address: the same pages in each process that was forked.
type SharedHuge = BTreeMap<(Option<u64>, u64), u64>;

impl Account {
    /// To be called before the worker starts.
    pub(super) fn new() -> Self {
        let foreign = sysv::segments().into_iter().map(|segment| segment.id).collect();
        Self { held: HeldFiles::new(), seen: BTreeSet::new(), foreign, sums_tree: false }
    }

    /// Adds figures of the whole tree from now on: `tree_anon_bytes`, `tree_rss_bytes` and others.
    pub(super) fn sum_tree(&mut self) {
        self.sums_tree = true;
    }

    /// Adds the account to a snapshot. `mappings` are those of the worker.
    pub(super) fn add(
        &mut self,
        snapshot: &mut Snapshot,
        tree: &mut ProcessTree,
        worker: &mut ProcessFiles,
        mappings: &[Mapping<'_>],
    ) -> Result<(), ProbeError> {
        self.held.clear();
        let mut shared_huge = SharedHuge::new();
        self.held.add_descriptors(worker);
        let mut segments = self.held.add_mappings(worker, mappings);
        let sum = |of: fn(&Mapping<'_>) -> u64| mappings.iter().map(of).sum::<u64>();
        let own = Private {
            anon: sum(|mapping| mapping.anon),
            swap: sum(|mapping| mapping.swap),
            huge: private_huge(mappings, &mut shared_huge),
        };
        let mut all = own;
        let mut sums = TreeSums::default();
        let read = |metric: Metric| snapshot.get(metric).unwrap_or(0);
        sums.add(mappings, read(Metric::PageTables), read(Metric::Peak));
        let mut processes = 1;
        let mut others: Vec<u32> = Vec::new();
        let descendants = tree.descendants();
        self.seen.insert(tree.worker());
        self.seen.extend(&descendants);
        for pid in descendants {
            let mut files = ProcessFiles::of(pid);
            // It is not paused, so it may exit at any time. A zombie has no memory.
            let Ok(shares) = files.shares() else { continue };
            let name = files.name().unwrap_or_default();
            let Ok(text) = files.read("smaps").map(Cow::into_owned) else { continue };
            let Ok(mappings) = smaps::parse(&text) else { continue };
            processes += 1;
            self.held.add_descriptors(&mut files);
            if others.iter().copied().chain([tree.worker()]).any(|other| sys::share_memory(other, pid)) {
                continue;
            }
            segments.extend(self.held.add_mappings(&mut files, &mappings));
            let huge = private_huge(&mappings, &mut shared_huge);
            if self.sums_tree {
                let status = files.status().unwrap_or_default();
                sums.add(&mappings, status.page_tables, status.high_water_mark);
            }
            all = all.plus(Private { anon: shares.anon, swap: shares.swap, huge });
            snapshot.add(figure_of(&name), shares.anon + shares.swap + huge);
            others.push(pid);
        }
        if !others.is_empty() {
            // The worker's share of the pages that it shares with descendants, instead of all of them.
            let shares = worker.shares()?;
            all.anon = to_page(all.anon - own.anon + shares.anon).max(own.anon);
            all.swap = (all.swap - own.swap + shares.swap).max(own.swap);
        }
        all.huge += shared_huge.values().sum::<u64>();
        let (shmem, huge) = (self.held.bytes(Held::Shmem) + self.segments(&segments), self.held.bytes(Held::Huge));
        let (huge, deleted) = (all.huge + huge, self.held.bytes(Held::Deleted));
        let total = all.anon + all.swap + shmem + huge + deleted;
        snapshot.add(Metric::ShmemTotal, shmem);
        snapshot.add(Metric::Hugetlb, huge);
        snapshot.add(Metric::DeletedFiles, deleted);
        snapshot.add(Metric::Total, total);
        snapshot.add(Metric::OutsideAnon, total - own.anon);
        snapshot.add(Metric::Descendants, all.minus(own));
        snapshot.add(Metric::Processes, processes);
        if self.sums_tree {
            for (name, value) in
                sums.figures().into_iter().chain([("tree_anon_bytes", all.anon), ("tree_swap_bytes", all.swap)])
            {
                if let Ok(name) = name.parse::<FigureName>() {
                    snapshot.add(Quantity::Figure(name), value);
                }
            }
        }
        Ok(())
    }

    /// The bytes of the segments that are attached or were made by a process of the tree.
    fn segments(&self, attached: &BTreeSet<u64>) -> u64 {
        let counts = |segment: &sysv::Segment| {
            attached.contains(&segment.id)
                || (self.seen.contains(&segment.creator) && !self.foreign.contains(&segment.id))
        };
        sysv::segments().iter().filter(|segment| counts(segment)).map(|segment| segment.bytes).sum()
    }
}

impl Private {
    fn plus(self, other: Self) -> Self {
        Self { anon: self.anon + other.anon, swap: self.swap + other.swap, huge: self.huge + other.huge }
    }

    /// The memory beyond that of `own`, which is part of it.
    fn minus(self, own: Self) -> u64 {
        (self.anon - own.anon) + (self.swap - own.swap) + self.huge.saturating_sub(own.huge)
    }
}

impl TreeSums {
    /// Adds a process.
    fn add(&mut self, mappings: &[Mapping<'_>], page_tables: u64, high_water: u64) {
        self.rss += mappings.iter().map(|mapping| mapping.rss).sum::<u64>();
        self.pss += mappings.iter().map(|mapping| mapping.pss).sum::<u64>();
        self.page_tables += page_tables;
        self.mappings += mappings.len() as u64;
        self.high_water += high_water;
    }

    fn figures(self) -> [(&'static str, u64); 5] {
        let Self { rss, pss, page_tables, mappings, high_water } = self;
        [
            ("tree_rss_bytes", rss),
            ("tree_pss_bytes", pss),
            ("tree_page_tables_bytes", page_tables),
            ("tree_mappings", mappings),
            ("tree_high_water_bytes", high_water),
        ]
    }
}

/// Huge pages of private mappings. Those of shared mappings are counted by their inode.
fn private_huge(mappings: &[Mapping<'_>], shared: &mut SharedHuge) -> u64 {
    let mut private = 0;
    for mapping in mappings.iter().filter(|mapping| !mapping.shared) {
        private += mapping.private_huge;
        if mapping.shared_huge > 0 {
            let key = (mapping.inode.map(|(_, inode)| inode), mapping.range.start);
            let known = shared.entry(key).or_default();
            *known = mapping.shared_huge.max(*known);
        }
    }
    private
}

/// The kernel rounds a proportional size down to 1 KiB.
fn to_page(bytes: u64) -> u64 {
    let page = rustix::param::page_size() as u64;
    (bytes + page / 2) / page * page
}

/// The memory of the descendants with this name: `figure.process_python3_bytes`.
fn figure_of(name: &str) -> Quantity {
    let word = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    // Names have at most 15 bytes, but replaced ones may have more characters.
    let name: String = name.chars().take(15).map(word).collect();
    match format!("process_{name}_bytes").parse::<FigureName>() {
        Ok(name) => Quantity::Figure(name),
        Err(_) => Metric::Descendants.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_process_name_becomes_the_name_of_a_figure() {
        for (name, figure) in [
            ("python3", "figure.process_python3_bytes"),
            ("", "figure.process__bytes"),
            ("Web Content", "figure.process_web_content_bytes"),
            ("t\u{fffd}\u{f6}-\u{1b}[31mabcdefghij", "figure.process_t_____31mabcdef_bytes"),
        ] {
            assert_eq!(figure_of(name).to_string(), figure);
        }
    }

    /// Huge pages that a fork shares appear in both processes.
    #[test]
    fn shared_huge_pages_of_private_mappings_count_once() {
        let map = |shared, private_huge, shared_huge| Mapping {
            range: 0x1000..0x2000,
            shared,
            inode: Some(((0, 16), 7)),
            private_huge,
            shared_huge,
            ..Mapping::default()
        };
        let mut shared = SharedHuge::new();
        let private = &[map(false, 4, 2), map(true, 8, 8)];
        assert_eq!((private_huge(private, &mut shared), private_huge(private, &mut shared)), (4, 4));
        assert_eq!(shared.values().sum::<u64>(), 2);
    }
}
