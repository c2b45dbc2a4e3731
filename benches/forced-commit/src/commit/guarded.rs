//! Committing with a look at what is left before every chunk: ends with an error where everything
//! else ends with the out-of-memory killer.
//!
//! ```text
//!  before            |  data  |  zero page  |  nothing  |  swapped out  |  a file's page  |
//!  populated                  |<--------------------------------------------------------->|
//!  given back                 |<----------------------->|               |<--------------->|
//!  kept and counted                                     |<------------->|
//! ```

use std::{ops::ControlFlow, ops::Range};

use super::{CHUNK, Commit, Populate};
use crate::{
    Error, Headroom, Target,
    sys::{self, Pagemap, Pages, page_size},
};

/// [`Populate`], chunk by chunk, with a check of [`Headroom`] before each: whether all that is still to
/// come can be had. So a lack is reported before anything is committed; where others take memory
/// meanwhile, what was committed is given back. The error says how much was needed and how much there was.
///
/// Whatever the outcome, every byte of the memory stays what it was. Only pages that this commit populated
/// are given back, and of these only the ones that had no contents of their own just before: never touched,
/// only read, or an unmodified page of a privately mapped file. A page that was swapped out has contents: it
/// is read back, stays, and is counted in [`NoHeadroom::kept`](crate::NoHeadroom::kept). A chunk whose pages
/// cannot be examined is not populated, and pages that cannot be given back (locked ones) stay and are
/// counted too; errors other than a lack of headroom carry the count as [`Error::PartlyCommitted`].
///
/// This holds while nobody else writes to the memory or maps over it, which `&mut` promises.
///
/// The check is a few files of /proc and /sys: about 0.1 ms per 16 MiB. It is no reservation: whoever
/// shares the cgroup or the machine may still take within a chunk what was seen free. So a margin is
/// left.
#[derive(Clone, Debug)]
pub struct Guarded {
    populate: Populate,
    headroom: Option<Headroom>,
}

impl Guarded {
    /// With the limits of this process, looked up when it commits.
    #[must_use]
    pub fn new(populate: Populate) -> Self {
        Self { populate, headroom: None }
    }

    /// With limits of the caller's choice.
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
        let mut done = 0;
        for run in &absent {
            let mut at = run.start;
            while at < run.end {
                let end = run.end.min((at + 1).next_multiple_of(CHUNK));
                let populated = headroom
                    .check((needed - done) as u64)
                    .and_then(|()| blank.find(memory, at..end))
                    .and_then(|()| sys::populate(&mut memory[at..end]).map_err(Error::system("populate the memory")));
                done += end - at;
                if let Err(error) = populated {
                    let given_back = blank.give_back(memory);
                    // By the page tables; where they are not readable any more, all that may have been kept.
                    let kept = match uncommitted(&pagemap, memory) {
                        Ok(left) => needed.saturating_sub(total(&left)),
                        Err(_) => done.saturating_sub(given_back),
                    };
                    return Err(error.with_kept(kept as u64));
                }
                at = end;
            }
        }
        Ok(())
    }
}

/// Pages that had no contents before they were populated: discarding them loses nothing.
struct Blank<'a> {
    pagemap: &'a Pagemap,
    runs: Vec<Range<usize>>,
    /// Pages below this offset are decided.
    decided: usize,
}

impl<'a> Blank<'a> {
    fn new(pagemap: &'a Pagemap) -> Self {
        Self { pagemap, runs: Vec::new(), decided: 0 }
    }

    /// Finds those of a chunk that is about to be populated, up to the border of a huge page: the last one
    /// may reach beyond the chunk.
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

    /// Discards them, and returns how many bytes. A run that is refused (it is locked, say) stays.
    fn give_back(self, memory: &mut [u8]) -> usize {
        let discarded = self.runs.into_iter().filter(|run| sys::discard(&mut memory[run.clone()]).is_ok());
        discarded.map(|run| run.len()).sum()
    }
}

/// Bytes that one entry above the page tables maps: 2 MiB in pages of 4 KiB.
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
