//! Which call stacks touched the private pages of a worker first: page-fault events of the kernel, one per fault, with
//! the registers and the top of the stack. A thread drains them while the worker runs and walks the stacks. It needs no
//! help of the worker, so it works for any program.

mod calls;
mod mount;
mod open;
mod pages;
mod ranges;
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
    time::SystemTime,
};

use highwater_model::{Category, Stage};
use highwater_probe::{Labels, Probe};
use highwater_runner::Observer;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

pub use self::open::{FaultPermission, fault_permission};
use self::{
    calls::Effect,
    open::open_all,
    pages::{Pages, Touched},
    records::{Record, Sample, records},
    sys::FaultEvents,
    unwind::ProcessUnwinder,
};
use crate::{
    dump::{Mapping, mapping},
    generated::{jitdumps, perf_map},
};

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
    /// The same in the other format.
    pub(crate) jitdumps: Vec<PathBuf>,
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
    /// The worker, and when it started.
    worker: Option<(u32, SystemTime)>,
    recording: Option<Recording>,
    faults: Faults,
}

struct Recording {
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
    /// Stacks of calls that fill a mapping, by thread, until the mapping is made.
    filling: HashMap<u32, usize>,
    complete: Vec<bool>,
    lost: u64,
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Observer for FaultRecorder {
    fn started(&mut self, pid: u32) {
        self.worker = Some((pid, SystemTime::now()));
        match open_all(pid) {
            Ok((events, permission)) => {
                let remark = "faults in system calls have no stacks: kernel.perf_event_paranoid is above 1";
                self.faults.refused = (permission == FaultPermission::OfUserCode).then(|| remark.to_owned());
                self.recording = Some(Recording::start(pid, events));
            }
            Err(error) => {
                let why = "needs kernel.perf_event_paranoid of 2 or less, and perf_event_open permitted by seccomp";
                self.faults.refused = Some(format!("no pages: perf_event_open: {error} ({why})"));
            }
        }
    }

    fn at_stage(&mut self, stage: &Stage, probe: &mut Probe, labels: &Labels) {
        if let Some((pid, _)) = self.worker
            && let Ok(text) = fs::read_to_string(format!("/proc/{pid}/maps"))
        {
            self.faults.maps = text.lines().filter_map(mapping).collect();
            self.faults.jitdumps.extend(jitdumps(&self.faults.maps, pid));
        }
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
    }
}

impl FaultRecorder {
    /// Ends the recording.
    pub(crate) fn finish(mut self) -> Faults {
        if let Some(recording) = self.recording.take() {
            let mut shared = lock(&recording.shared);
            self.faults.stacks = mem::take(&mut shared.stacks);
            self.faults.complete = mem::take(&mut shared.complete);
            self.faults.lost = shared.lost;
        }
        self.faults.jitdumps.sort();
        self.faults.jitdumps.dedup();
        self.faults.perf_map = self.worker.and_then(|(pid, since)| perf_map(pid, since));
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
            filling: HashMap::new(),
            complete: Vec::new(),
            lost: 0,
        };
        let (shared, stop) = (Arc::new(Mutex::new(shared)), Arc::new(AtomicBool::new(false)));
        let thread = {
            let (shared, stop) = (Arc::clone(&shared), Arc::clone(&stop));
            thread::Builder::new().name("page faults".to_owned()).spawn(move || drain_until(&shared, &stop))
        };
        // Without the thread, the rings are drained at stages only.
        Self { shared, stop, thread: thread.ok() }
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
            for record in records(&buffer) {
                match record {
                    Record::Lost(count) => self.lost += count,
                    // Children have memory of their own.
                    Record::Sample(sample) if sample.pid != self.pid => {}
                    Record::Sample(sample) => match self.events[index].call(sample.id).zip(sample.registers) {
                        Some((call, registers)) => self.called(&sample, call.effect(registers)),
                        None => {
                            let stack = self.stack(&sample);
                            self.pages.faulted(sample.address / self.page_size, stack);
                        }
                    },
                }
            }
        }
        self.buffer = buffer;
    }

    /// A system call begins or ends.
    fn called(&mut self, sample: &Sample<'_>, effect: Effect) {
        let page_size = self.page_size;
        let pages = |bytes: Range<u64>| bytes.start / page_size..bytes.end.div_ceil(page_size);
        match effect {
            Effect::Fill(range) => {
                let stack = self.stack(sample);
                self.pages.filled(pages(range), stack);
            }
            Effect::WillFill => {
                let stack = self.stack(sample);
                self.filling.insert(sample.tid, stack);
            }
            Effect::New(range) => {
                let filling = self.filling.remove(&sample.tid);
                self.pages.dropped(&pages(range.clone()));
                if let Some(stack) = filling {
                    self.pages.filled(pages(range), stack);
                }
            }
            Effect::Drop(range) => self.pages.dropped(&pages(range)),
            Effect::Nothing => {}
        }
    }

    /// The number of the stack of a sample.
    fn stack(&mut self, sample: &Sample<'_>) -> usize {
        let walked = self.unwinder.walk(sample);
        let next = self.stacks.len();
        match self.numbers.get(&walked.addresses) {
            Some(number) => *number,
            None => {
                self.stacks.push(walked.addresses.clone());
                self.complete.push(walked.complete);
                self.numbers.insert(walked.addresses, next);
                next
            }
        }
    }

    fn private(&self, mappings: &[(Range<u64>, Category)]) -> Result<Vec<Touched>, (PathBuf, io::Error)> {
        self.pages.private(self.pid, self.page_size, mappings)
    }
}
