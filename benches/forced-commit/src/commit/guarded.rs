//! Committing with a look at what is left before every chunk: ends with an error where everything
//! else ends with the out-of-memory killer.

use std::{ops::ControlFlow, ops::Range};

use super::{CHUNK, Commit, Populate};
use crate::{
    Error, Headroom, Target,
    sys::{self, Pagemap, Pages, page_size},
};

/// [`Populate`], chunk by chunk, with a check of [`Headroom`] before each: whether all that is still to
/// come can be had. So a lack is told before anything is committed; where others take memory meanwhile,
/// what was committed is given back. The error says how much was needed and how much there was.
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
        let memory = target.memory();
        self.populate.advise(memory)?;
        let absent = uncommitted(memory)?;
        let needed: usize = absent.iter().map(Range::len).sum();
        let mut done = 0;
        for (index, run) in absent.iter().enumerate() {
            let mut at = run.start;
            while at < run.end {
                let end = run.end.min((at + 1).next_multiple_of(CHUNK));
                let populated = headroom
                    .check((needed - done) as u64)
                    .and_then(|()| sys::populate(&mut memory[at..end]).map_err(Error::system("populate the memory")));
                if let Err(error) = populated {
                    roll_back(memory, &absent[..=index], end)?;
                    return Err(error);
                }
                done += end - at;
                at = end;
            }
        }
        Ok(())
    }
}

/// Gives back what was not committed before, up to `end`. Pages that were are left alone: they may
/// hold data segments, which would be lost.
fn roll_back(memory: &mut [u8], absent: &[Range<usize>], end: usize) -> Result<(), Error> {
    absent
        .iter()
        .try_for_each(|run| sys::discard(&mut memory[run.start..run.end.min(end)]))
        .map_err(Error::system("give the memory back"))
}

/// Runs of pages that are not committed yet.
fn uncommitted(memory: &[u8]) -> Result<Vec<Range<usize>>, Error> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    let scan = Pagemap::open().and_then(|pagemap| {
        pagemap.scan(memory, Pages::Uncommitted, |run| {
            match runs.last_mut() {
                Some(last) if last.end == run.start => last.end = run.end,
                _ => runs.push(run),
            }
            ControlFlow::Continue(())
        })
    });
    scan.map_err(Error::system("scan the page tables"))?;
    debug_assert!(runs.iter().all(|run| run.start % page_size() == 0));
    Ok(runs)
}
