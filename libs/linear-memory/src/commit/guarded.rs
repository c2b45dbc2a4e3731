//! Committing with a headroom check before every chunk: returns an error where every other strategy ends in
//! an OOM kill.
//!
//! ```text
//!  before            |  data  |  zero page  |  nothing  |  swapped out  |  a file's page  |
//!  populated                  |<--------------------------------------------------------->|
//!  released                   |<----------------------->|               |<--------------->|
//!  kept and counted                                     |<------------->|
//! ```

use std::{ops::ControlFlow, ops::Range};

use super::{Commit, Populate, populate::populate_round};
use crate::{
    Error, Headroom, Target,
    headroom::MARGIN,
    sys::{self, Pagemap, Pages, page_size},
};

/// [`Populate`] in rounds of chunks, with a check of [`Headroom`] before each for all bytes that are still to be
/// committed. If memory is short from the start, nothing is committed; if other processes take memory in the
/// meantime, everything committed so far is released. The error reports the bytes needed and available.
///
/// Whatever the outcome, the contents of the memory do not change. Only pages that this commit populated are
/// released, and only those that had no contents just before: pages that were never touched, only read, or an
/// unmodified page of a privately mapped file. A swapped-out page has contents: it is read back, stays, and
/// is counted in [`NoHeadroom::kept`](crate::NoHeadroom::kept). A chunk whose pages cannot be examined is not
/// populated. Pages that cannot be released, such as locked ones, stay and are counted too, and so does a huge page
/// that khugepaged made of pages with and without contents. Errors other than
/// a lack of headroom carry the count as [`Error::PartlyCommitted`].
///
/// This requires that nothing else writes to the memory or maps over it, which `&mut` guarantees.
///
/// A check reads a few files of /proc and /sys, about 0.1 ms. It reserves nothing, so a round populates at most half
/// of what the check left over beyond the bytes that are still needed, which is at least half of the margin
/// ([`MARGIN`]). Nothing is killed before the answer as long as the other processes of the cgroup take memory less
/// than twice as fast as this commit populates it, and two guarded commits at once do not.
///
/// # After the answer
///
/// There is no such promise: what was committed counts towards the limits of its cgroups like all other memory. When
/// neighbours exceed such a limit later, the kernel may kill this process: 23 of 320 commits that were answered with
/// `Ok` beside a growing neighbour were (see the README for what helps). [`hold`](crate::hold) protects the
/// memory from being swapped out or reclaimed, where rights allow, but not from being killed.
#[derive(Clone, Debug)]
pub struct Guarded {
    populate: Populate,
    headroom: Option<Headroom>,
}

impl Guarded {
    /// Uses the limits of this process, read when it commits.
    #[must_use]
    pub fn new(populate: Populate) -> Self {
        Self { populate, headroom: None }
    }

    /// Uses limits chosen by the caller.
    #[must_use]
    pub fn within(populate: Populate, headroom: Headroom) -> Self {
        Self { populate, headroom: Some(headroom) }
    }
}

impl Commit for Guarded {
    fn supported(&self) -> Result<(), Error> {
        self.populate.supported()?;
        Pagemap::open().map(drop).map_err(|error| Error::Unsupported {
            what: "PAGEMAP_SCAN (Linux 6.7), which a rollback needs",
            reason: error.to_string(),
        })
    }

    fn commit(&self, target: &mut dyn Target) -> Result<(), Error> {
        self.supported()?;
        let own;
        let headroom = match &self.headroom {
            Some(given) => given,
            None => {
                own = Headroom::of_this_process()?;
                &own
            }
        };
        let pagemap = Pagemap::open().map_err(Error::system("open the page map"))?;
        let memory = target.memory();
        self.populate.advise(memory)?;
        let absent = uncommitted(&pagemap, memory)?;
        let needed = total(&absent);
        let mut blank = Blank::new(&pagemap);
        let (mut done, mut from, mut ramp) = (0, 0, self.populate.ramp());
        while done < needed {
            let populated = headroom.spare((needed - done) as u64).and_then(|spare| {
                let most = usize::try_from(spare / 2).unwrap_or(usize::MAX).max(ROUND);
                let parts = ramp.round(&absent, from, most);
                parts.iter().try_for_each(|part| blank.find(memory, part.clone()))?;
                done += total(&parts);
                from = parts.last().map_or(memory.len(), |last| last.end);
                populate_round(memory, &parts, &mut ramp)
            });
            if let Err(error) = populated {
                let given_back = blank.give_back(memory);
                // Read from the page tables; if they cannot be read any more, assume that everything not
                // released was kept.
                let kept = match uncommitted(&pagemap, memory) {
                    Ok(left) => needed.saturating_sub(total(&left)),
                    Err(_) => done.saturating_sub(given_back),
                };
                return Err(error.with_kept(kept as u64));
            }
        }
        Ok(())
    }
}

/// Bytes that may be populated between two checks however little they leave over: half of the margin. The other half
/// is left to what other processes take meanwhile. Where a check leaves over more, rounds are larger in proportion.
const ROUND: usize = (MARGIN / 2) as usize;

/// Pages that had no contents before they were populated, so discarding them loses nothing.
struct Blank<'a> {
    pagemap: &'a Pagemap,
    runs: Vec<Range<usize>>,
    /// Pages below this offset have been examined.
    decided: usize,
}

impl<'a> Blank<'a> {
    fn new(pagemap: &'a Pagemap) -> Self {
        Self { pagemap, runs: Vec::new(), decided: 0 }
    }

    /// Finds the blank pages of a chunk before it is populated, rounded up to a huge page boundary: the last
    /// huge page may extend beyond the chunk.
    fn find(&mut self, memory: &[u8], chunk: Range<usize>) -> Result<(), Error> {
        let base = memory.as_ptr().addr();
        let end = ((base + chunk.end).next_multiple_of(huge_page_size()) - base).min(memory.len());
        let start = self.decided.max(chunk.start).min(end);
        let scan = self.pagemap.scan(&memory[start..end], Pages::Blank, |run| {
            push(&mut self.runs, start + run.start..start + run.end);
            ControlFlow::Continue(())
        });
        scan.map_err(Error::system("scan the page tables"))?;
        self.decided = end;
        Ok(())
    }

    /// Discards them and returns the number of bytes. A run that cannot be discarded, such as a locked one,
    /// stays.
    fn give_back(self, memory: &mut [u8]) -> usize {
        let discarded = self.runs.into_iter().filter(|run| sys::discard(&mut memory[run.clone()]).is_ok());
        discarded.map(|run| run.len()).sum()
    }
}

/// Bytes that one page middle directory (PMD) entry maps: 2 MiB with 4 KiB pages.
fn huge_page_size() -> usize {
    page_size() * (page_size() / size_of::<u64>())
}

/// Runs of pages that are not committed yet.
fn uncommitted(pagemap: &Pagemap, memory: &[u8]) -> Result<Vec<Range<usize>>, Error> {
    let mut runs = Vec::new();
    let scan = pagemap.scan(memory, Pages::Uncommitted, |run| {
        push(&mut runs, run);
        ControlFlow::Continue(())
    });
    scan.map_err(Error::system("scan the page tables"))?;
    debug_assert!(runs.iter().all(|run| run.start % page_size() == 0));
    Ok(runs)
}

fn push(runs: &mut Vec<Range<usize>>, run: Range<usize>) {
    match runs.last_mut() {
        Some(last) if last.end == run.start => last.end = run.end,
        _ => runs.push(run),
    }
}

fn total(runs: &[Range<usize>]) -> usize {
    runs.iter().map(Range::len).sum()
}
