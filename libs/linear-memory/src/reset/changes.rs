//! The pages that a job changed: found by scanning the page tables, and restored from the image.

use std::{
    io,
    ops::{ControlFlow, Range},
};

use crate::{
    Error, Image,
    sys::{Change, Pagemap, Pages, thread_cpu_ns},
};

const SCAN: &str = "scan for written pages";

/// The error of a call that failed because part of the memory is no longer registered, or for another reason.
pub(super) fn untracked(what: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |error| match error.kind() {
        io::ErrorKind::PermissionDenied => Error::Remapped,
        _ => Error::system(what)(error),
    }
}

/// The pages that a job changed.
pub(super) struct Changes<'a> {
    /// Runs that are not restored yet, within the capacity of the list.
    runs: &'a mut Vec<Range<usize>>,
    /// Bytes found.
    pub(super) changed: usize,
    /// Bytes restored.
    pub(super) restored: u64,
    /// Nanoseconds spent on restoring.
    pub(super) restoring: f64,
}

impl<'a> Changes<'a> {
    /// None yet; the capacity of the list bounds how many are listed at a time.
    pub(super) fn new(runs: &'a mut Vec<Range<usize>>) -> Self {
        runs.clear();
        Self { runs, changed: 0, restored: 0, restoring: 0.0 }
    }

    /// Finds all changed pages. While the list has room, nothing is restored.
    pub(super) fn find(
        &mut self,
        pagemap: &Pagemap,
        file_backed: &[Range<usize>],
        memory: &mut [u8],
        image: &Image,
    ) -> Result<(), Error> {
        let mut at = 0;
        while at < memory.len() {
            let start = at;
            at = memory.len();
            let scan = pagemap.scan_changes(&memory[start..], |run, change| {
                let run = start + run.start..start + run.end;
                match change {
                    Change::Written => self.add(run.clone()),
                    Change::Absent => image.pieces(run.clone()).for_each(|(piece, _)| self.add(piece)),
                }
                if self.has_room() {
                    return ControlFlow::Continue(());
                }
                at = run.end;
                ControlFlow::Break(())
            });
            scan.map_err(untracked(SCAN))?;
            if !self.has_room() {
                self.restore(memory, image);
            }
        }
        for part in file_backed {
            let scan = pagemap.scan(&memory[part.clone()], Pages::NotOwn, |run| {
                self.add(part.start + run.start..part.start + run.end);
                ControlFlow::Continue(())
            });
            scan.map_err(Error::system(SCAN))?;
        }
        Ok(())
    }

    fn add(&mut self, run: Range<usize>) {
        self.changed += run.len();
        match self.runs.last_mut() {
            Some(last) if last.end == run.start => last.end = run.end,
            _ => self.runs.push(run),
        }
    }

    /// An absent run adds a run for each piece of the image, of which there are few.
    fn has_room(&self) -> bool {
        self.runs.len() < self.runs.capacity().saturating_sub(1).max(1)
    }

    /// Restores the listed runs. The list is kept for their protection, unless it is full.
    pub(super) fn restore(&mut self, memory: &mut [u8], image: &Image) {
        let begun = thread_cpu_ns();
        for run in &*self.runs {
            image.restore(memory, run.clone());
            self.restored += run.len() as u64;
        }
        if !self.has_room() {
            self.runs.clear();
        }
        self.restoring += thread_cpu_ns() - begun;
    }
}
