//! Which call stacks touched the private pages of a worker first: page-fault events of the kernel, one per fault, with
//! the registers and the top of the stack. A thread drains them while the worker runs and walks the stacks. It needs no
//! help of the worker, so it works for any program.

mod pages;
mod records;
mod sys;
mod unwind;

use std::{
    collections::HashMap,
    fs, io, mem,
    ops::Range,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use highwater_model::{Category, Stage};
use highwater_probe::{Labels, Probe};
use highwater_runner::Observer;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use self::{
    pages::{Pages, Touched},
    records::{Record, records},
    sys::FaultEvents,
    unwind::ProcessUnwinder,
};
use crate::{
    dump::{Mapping, mapping},
    symbols::perf_map,
};

/// The bytes of the stack that each event has. The frames beyond them are lost, which is counted.
const STACK_BYTES: u32 = 16 << 10;
/// The sizes of the ring of each CPU that are tried: how much is permitted depends on the user
/// (`perf_event_mlock_kb`, `ulimit -l`).
const RINGS: [usize; 4] = [16 << 20, 4 << 20, 1 << 20, 256 << 10];
/// How long the draining thread waits for a ring that is a quarter full, in milliseconds.
const PATIENCE: i64 = 20;

/// The pages of one stage.
#[derive(Debug)]
pub(crate) struct PagesAtStage {
    pub(crate) stage: Stage,
    /// The stack and the category of each private page, by page number.
    pub(crate) pages: Vec<(u64, usize, Category)>,
}

/// What was recorded of a worker.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Return addresses, innermost first.
    pub(crate) stacks: Vec<Vec<u64>>,
    pub(crate) stages: Vec<PagesAtStage>,
    pub(crate) maps: Vec<Mapping>,
    /// The list of a just-in-time compiler's functions.
    pub(crate) perf_map: Option<PathBuf>,
    /// Faults without an event, because a ring was full.
    pub(crate) lost: u64,
    /// Whether the outermost frame of each stack was reached.
    pub(crate) complete: Vec<bool>,
    /// Why there are no pages, or not those that system calls touched.
    pub(crate) refused: Option<String>,
}

/// Records the page faults of one worker.
#[derive(Default)]
pub(crate) struct FaultRecorder {
    recording: Option<Recording>,
    faults: Faults,
}

struct Recording {
    pid: u32,
    shared: Arc<Mutex<Shared>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// The state of the draining thread.
struct Shared {
    pid: u32,
    events: Vec<FaultEvents>,
    unwinder: ProcessUnwinder,
    buffer: Vec<u8>,
    page_size: u64,
    pages: Pages,
    stacks: Vec<Vec<u64>>,
    numbers: HashMap<Vec<u64>, usize>,
    complete: Vec<bool>,
    lost: u64,
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Observer for FaultRecorder {
    fn started(&mut self, pid: u32) {
        match open_all(pid) {
            Ok((events, remark)) => {
                self.faults.refused = remark;
                self.recording = Some(Recording::start(pid, events));
            }
            Err(error) => {
                let why = "needs kernel.perf_event_paranoid of 2 or less, and perf_event_open permitted by seccomp";
                self.faults.refused = Some(format!("no pages: perf_event_open: {error} ({why})"));
            }
        }
    }

    fn at_stage(&mut self, stage: &Stage, probe: &mut Probe, labels: &Labels) {
        let Some(recording) = &self.recording else { return };
        let mut shared = lock(&recording.shared);
        shared.drain();
        let found = probe.categories(labels).map_err(|error| error.to_string()).and_then(|mappings| {
            shared.private(&mappings).map_err(|(path, error)| format!("{}: {error}", path.display()))
        });
        match found {
            Ok(pages) => {
                let pages = pages.into_iter().map(|Touched { stack, category, page }| (page, stack, category));
                self.faults.stages.push(PagesAtStage { stage: stage.clone(), pages: pages.collect() });
            }
            Err(why) => self.faults.refused = Some(format!("no pages at {stage}: {why}")),
        }
        if let Ok(text) = fs::read_to_string(format!("/proc/{}/maps", recording.pid)) {
            self.faults.maps = text.lines().filter_map(mapping).collect();
        }
    }
}

impl FaultRecorder {
    /// Ends the recording.
    pub(crate) fn finish(mut self) -> Faults {
        if let Some(recording) = self.recording.take() {
            let mut shared = lock(&recording.shared);
            self.faults.stacks = mem::take(&mut shared.stacks);
            self.faults.perf_map = perf_map(recording.pid);
            self.faults.complete = mem::take(&mut shared.complete);
            self.faults.lost = shared.lost;
        }
        self.faults
    }
}

impl Recording {
    fn start(pid: u32, events: Vec<FaultEvents>) -> Self {
        let shared = Shared {
            pid,
            events,
            unwinder: ProcessUnwinder::new(pid),
            buffer: Vec::new(),
            page_size: rustix::param::page_size() as u64,
            pages: Pages::default(),
            stacks: Vec::new(),
            numbers: HashMap::new(),
            complete: Vec::new(),
            lost: 0,
        };
        let (shared, stop) = (Arc::new(Mutex::new(shared)), Arc::new(AtomicBool::new(false)));
        let thread = {
            let (shared, stop) = (Arc::clone(&shared), Arc::clone(&stop));
            thread::Builder::new().name("page faults".to_owned()).spawn(move || drain_until(&shared, &stop))
        };
        // Without the thread, the rings are drained at stages only.
        Self { pid, shared, stop, thread: thread.ok() }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn drain_until(shared: &Mutex<Shared>, stop: &AtomicBool) {
    let fds =
        || lock(shared).events.iter().map(|events| events.fd().try_clone_to_owned()).collect::<io::Result<Vec<_>>>();
    let Ok(fds) = fds() else { return };
    while !stop.load(Ordering::Relaxed) {
        let mut waited: Vec<PollFd<'_>> = fds.iter().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
        let _ = poll(&mut waited, Some(&Timespec { tv_sec: 0, tv_nsec: PATIENCE * 1_000_000 }));
        lock(shared).drain();
        // The events of an ended process are always readable.
        if waited.iter().any(|fd| fd.revents().contains(PollFlags::HUP)) {
            thread::sleep(std::time::Duration::from_millis(PATIENCE as u64));
        }
    }
}

impl Shared {
    fn drain(&mut self) {
        let mut buffer = mem::take(&mut self.buffer);
        for index in 0..self.events.len() {
            buffer.clear();
            self.events[index].drain(&mut buffer);
            records(&buffer).for_each(|record| self.record(&record));
        }
        self.buffer = buffer;
    }

    fn record(&mut self, record: &Record<'_>) {
        match record {
            Record::Lost(count) => self.lost += count,
            // Children have memory of their own.
            Record::Fault(fault) if fault.pid != self.pid => {}
            Record::Fault(fault) => {
                let walked = self.unwinder.walk(fault);
                let next = self.stacks.len();
                let number = match self.numbers.get(&walked.addresses) {
                    Some(number) => *number,
                    None => {
                        self.stacks.push(walked.addresses.clone());
                        self.complete.push(walked.complete);
                        self.numbers.insert(walked.addresses, next);
                        next
                    }
                };
                self.pages.faulted(fault.address / self.page_size, number);
            }
        }
    }

    fn private(&self, mappings: &[(Range<u64>, Category)]) -> Result<Vec<Touched>, (PathBuf, io::Error)> {
        self.pages.private(self.pid, self.page_size, mappings)
    }
}

/// Which page faults of a worker this process may record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultPermission {
    /// All of them.
    All,
    /// Those outside of system calls.
    OfUserCode,
}

/// Which page faults of a worker this process may record.
///
/// # Errors
/// If it may record none.
pub fn fault_permission() -> io::Result<FaultPermission> {
    let (_, remark) = open_all(std::process::id())?;
    Ok(if remark.is_none() { FaultPermission::All } else { FaultPermission::OfUserCode })
}

/// Opens the events on every CPU, with those of system calls if that is permitted; else with a remark.
fn open_all(pid: u32) -> io::Result<(Vec<FaultEvents>, Option<String>)> {
    let mut last = io::Error::from(io::ErrorKind::Unsupported);
    for in_kernel in [true, false] {
        for ring in RINGS {
            match cpus().into_iter().map(|cpu| FaultEvents::open(pid, cpu, in_kernel, STACK_BYTES, ring)).collect() {
                Ok(events) => {
                    let remark = "faults in system calls have no stacks: kernel.perf_event_paranoid is above 1";
                    return Ok((events, (!in_kernel).then(|| remark.to_owned())));
                }
                Err(error) => last = error,
            }
        }
    }
    Err(last)
}

/// The CPUs that are online. A worker may run on any of them.
fn cpus() -> Vec<usize> {
    let online = fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    match listed(online.trim()) {
        Some(cpus) if !cpus.is_empty() => cpus,
        _ => (0..thread::available_parallelism().map_or(1, usize::from)).collect(),
    }
}

/// The numbers of a list such as `0-3,8`.
fn listed(list: &str) -> Option<Vec<usize>> {
    let ranges = list.split(',').map(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse::<usize>().ok()?..=last.parse::<usize>().ok()?)
    });
    Some(ranges.collect::<Option<Vec<_>>>()?.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cpus_are_read() {
        assert_eq!(listed("0-2,5,8-9"), Some(vec![0, 1, 2, 5, 8, 9]));
        assert_eq!(listed("7"), Some(vec![7]));
        assert_eq!(listed(""), None);
    }
}
