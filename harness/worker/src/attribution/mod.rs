//! Attribution: which call stacks allocated what is live on the heap. It is off unless the parent asks for it with the
//! environment variable [`VARIABLE`], which no worker that is judged has. While it is off, it costs the allocator
//! nothing but a branch that is only taken in workers, and no memory.
//!
//! Its tables are in mappings of their own. At each stage it appends to the file that the variable names:
//!
//! ```text
//! stack 0 55d0c0ffee00 55d0c0ffee42      a stack that is new since the last stage, innermost frame first
//! stage loaded 65536 1                   the stage, live bytes of all stacks, and the number of the stage
//! held 0 4096 1 8192 2                   stack, live bytes and blocks, and the same at the peak since the last stage
//! at 7f00c0 7f10bf                       first and last byte of live blocks on the same or neighbouring pages
//! counts 0 0 0                           lost allocations, bytes freed that no stack allocated, truncated stacks
//! maps                                   /proc/self/maps follows, up to an empty line
//! ```

mod sys;
mod tables;

use std::{
    cell::UnsafeCell,
    env,
    fmt::Write,
    fs::File,
    os::fd::{AsFd, OwnedFd},
    sync::atomic::{
        AtomicBool, AtomicU64, AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use sys::backtrace;
use tables::Tables;

/// The environment variable with the path of the file that attribution is written to.
pub const VARIABLE: &str = "HIGHWATER_ATTRIBUTION";
/// The frames that are kept of a stack, innermost first.
const DEPTH: usize = 128;

static ENABLED: AtomicBool = AtomicBool::new(false);
static RECORDER: Recorder =
    Recorder { owner: AtomicUsize::new(0), truncated: AtomicU64::new(0), state: UnsafeCell::new(State::EMPTY) };

struct State {
    tables: Tables,
    file: Option<OwnedFd>,
    written_stacks: usize,
    stages: usize,
}

impl State {
    const EMPTY: Self = Self { tables: Tables::EMPTY, file: None, written_stacks: 0, stages: 0 };
}

/// The state behind a lock that allocates nothing and knows its owner: what the recorder itself allocates (the unwinder
/// may) is not recorded.
struct Recorder {
    owner: AtomicUsize,
    truncated: AtomicU64,
    state: UnsafeCell<State>,
}

// SAFETY: the state is only reached through `with`, which one thread at a time can pass.
unsafe impl Sync for Recorder {}

impl Recorder {
    /// Calls `act` with the state, unless this thread is in such a call already.
    fn with(&self, act: impl FnOnce(&mut State)) {
        // SAFETY: it takes no arguments and always succeeds.
        let me = unsafe { libc::pthread_self() } as usize;
        if self.owner.load(Relaxed) == me {
            return;
        }
        while self.owner.compare_exchange_weak(0, me, Acquire, Relaxed).is_err() {
            std::thread::yield_now();
        }
        // SAFETY: this thread owns the lock, and does not own it a second time.
        act(unsafe { &mut *self.state.get() });
        self.owner.store(0, Release);
    }
}

/// Starts recording if the parent asked for it. Must be called before the process has a second thread.
pub(crate) fn enable() {
    let Some(path) = env::var_os(VARIABLE) else { return };
    match File::options().append(true).create(true).open(&path) {
        Ok(file) => RECORDER.with(|state| state.file = Some(file.into())),
        Err(error) => return eprintln!("attribution: {}: {error}", path.display()),
    }
    drop(path);
    ENABLED.store(true, Relaxed);
}

pub(crate) fn is_enabled() -> bool {
    ENABLED.load(Relaxed)
}

/// Whether this worker records call stacks. It is not judged then, and may do what helps to read them: let a
/// just-in-time compiler write a perf map, for example.
#[must_use]
pub fn records_stacks() -> bool {
    is_enabled()
}

/// A block was allocated.
#[cold]
#[inline(never)]
pub(crate) fn allocated(block: *mut u8, size: usize) {
    RECORDER.with(|state| {
        let frames = backtrace::<DEPTH>();
        if frames.truncated {
            RECORDER.truncated.fetch_add(1, Relaxed);
        }
        state.tables.add(block.addr() as u64, size as u64, &frames.addresses[..frames.count]);
    });
}

/// A block is about to be freed.
#[cold]
#[inline(never)]
pub(crate) fn freed(block: *mut u8, size: usize) {
    RECORDER.with(|state| {
        if !state.tables.remove(block.addr() as u64) {
            state.tables.unknown_freed += size as u64;
        }
    });
}

/// Writes what is live at a stage, while nothing else runs.
pub(crate) fn stage(name: std::fmt::Arguments<'_>) {
    if is_enabled() {
        RECORDER.with(|state| write_stage(state, name));
    }
}

/// Resets the peak to what is live.
pub(crate) fn reset_peak() {
    if is_enabled() {
        RECORDER.with(|state| state.tables.reset_peak());
    }
}

fn write_stage(state: &mut State, name: std::fmt::Arguments<'_>) {
    let State { tables, file: Some(file), written_stacks, stages } = state else { return };
    let mut out = Buffered { file, buffer: [0; 4096], length: 0 };
    // Errors of formatting do not exist, and a file that cannot be written is found to be incomplete by its reader.
    for stack in *written_stacks..tables.stack_count() {
        let _ = write!(out, "stack {stack}");
        for frame in tables.frames_of(stack) {
            let _ = write!(out, " {frame:x}");
        }
        let _ = out.write_str("\n");
    }
    *written_stacks = tables.stack_count();
    let _ = writeln!(out, "stage {name} {} {stages}", tables.live);
    *stages += 1;
    for stack in 0..tables.stack_count() {
        let held = tables.held_by(stack);
        if held.bytes > 0 || held.blocks > 0 || held.peak_bytes > 0 {
            let (bytes, blocks) = (held.bytes, held.blocks);
            let _ = writeln!(out, "held {stack} {bytes} {blocks} {} {}", held.peak_bytes, held.peak_blocks);
        }
    }
    if let Some((ranges, count)) = tables.ranges(rustix::param::page_size() as u64) {
        for range in ranges.chunks_exact(2).take(count) {
            let _ = writeln!(out, "at {:x} {:x}", range[0], range[1]);
        }
    }
    let truncated = RECORDER.truncated.load(Relaxed);
    let _ = write!(out, "counts {} {} {truncated}\nmaps\n", tables.lost, tables.unknown_freed);
    out.flush();
    if let Ok(maps) = File::open("/proc/self/maps") {
        while let Ok(count @ 1..) = rustix::io::read(&maps, &mut out.buffer) {
            out.length = count;
            out.flush();
        }
    }
    let _ = out.write_str("\n");
    out.flush();
}

/// Collects text and writes it to a file, without the heap.
struct Buffered<'a> {
    file: &'a OwnedFd,
    buffer: [u8; 4096],
    length: usize,
}

impl Buffered<'_> {
    fn flush(&mut self) {
        let mut rest = &self.buffer[..self.length];
        while !rest.is_empty() {
            match rustix::io::write(self.file.as_fd(), rest) {
                Ok(count) => rest = &rest[count..],
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => break,
            }
        }
        self.length = 0;
    }
}

impl Write for Buffered<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for &byte in text.as_bytes() {
            if self.length == self.buffer.len() {
                self.flush();
            }
            self.buffer[self.length] = byte;
            self.length += 1;
        }
        Ok(())
    }
}
