//! Negative controls: they look like committing but commit nothing. The oracle must report each as
//! uncommitted.

use std::hint::black_box;

use super::Commit;
use crate::{
    Error, Target,
    sys::{self, page_size},
};

/// Reads a byte of every page. This maps the shared zero page, which mincore(2) counts as resident.
#[derive(Clone, Copy, Debug)]
pub struct ReadOsPages;

impl Commit for ReadOsPages {
    fn commit(&self, target: &mut dyn Target) -> Result<(), Error> {
        for page in target.memory().chunks(page_size()) {
            black_box(page[0]);
        }
        Ok(())
    }
}

/// `MADV_POPULATE_READ`: the same in one call.
#[derive(Clone, Copy, Debug)]
pub struct PopulateRead;

impl Commit for PopulateRead {
    fn commit(&self, target: &mut dyn Target) -> Result<(), Error> {
        sys::populate_read(target.memory()).map_err(Error::system("populate the memory for reading"))
    }
}

/// `MADV_WILLNEED`: read-ahead from swap or a file. Fresh anonymous memory has neither.
#[derive(Clone, Copy, Debug)]
pub struct WillNeed;

impl Commit for WillNeed {
    fn commit(&self, target: &mut dyn Target) -> Result<(), Error> {
        sys::will_need(target.memory()).map_err(Error::system("ask for read-ahead"))
    }
}

/// mlock2(2) with `MLOCK_ONFAULT`: pins pages when they are faulted in.
#[derive(Clone, Copy, Debug)]
pub struct LockOnFault;

impl Commit for LockOnFault {
    fn commit(&self, target: &mut dyn Target) -> Result<(), Error> {
        sys::lock_on_fault(target.memory()).map_err(Error::system("lock pages on fault (RLIMIT_MEMLOCK?)"))
    }
}
