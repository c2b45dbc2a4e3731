//! The worker's side of the stage protocol. It allocates nothing while the case runs, so that it does not affect the
//! measurement, and stage times exclude the time that it takes.

use std::{
    io::{self, Cursor, Write},
    ops::Range,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use highwater_model::{CaseId, Category, Metric, Scale, Stage, WorkerOption, WorkerOptions};
use rustix::time::{ClockId, clock_gettime};

use crate::{
    Layout, alloc, attribution,
    inject::{self, Injection},
    protocol::{self, MAX_LINE},
    sys,
};

/// The connection to the parent failed, and the worker should exit.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// An I/O error of the socket.
    #[error("cannot communicate with the harness: {0}")]
    Io(#[from] io::Error),
    /// The parent sent an invalid line.
    #[error("{0:?} from the harness is not a line of the stage protocol")]
    Protocol(String),
    /// A line exceeds the limit of the protocol.
    #[error("a line exceeds the limit of {MAX_LINE} bytes of the stage protocol")]
    TooLong,
}

/// The job of a worker, and its connection to the parent.
#[derive(Debug)]
pub struct Stages {
    channel: OwnedFd,
    case: CaseId,
    ladder: Vec<Scale>,
    inputs: Vec<PathBuf>,
    injection: Injection,
    layout: Layout,
    since: (Instant, Duration),
}

impl Stages {
    /// Reads the job, up to `go`.
    pub(super) fn receive(channel: OwnedFd) -> Result<Self, StageError> {
        let (mut case, mut ladder, mut inputs) = (None, Vec::new(), Vec::new());
        let (mut options, mut layout) = (WorkerOptions::default(), Layout::default());
        let mut once_after = None;
        loop {
            let mut buffer = [0; MAX_LINE];
            let line = read_line(&channel, &mut buffer)?;
            let bad = || StageError::Protocol(line.to_owned());
            match line.split_once(' ').unwrap_or((line, "")) {
                ("highwater", version) if version == protocol::VERSION.to_string() => {}
                ("case", id) => case = Some(id.parse::<CaseId>().map_err(|_| bad())?),
                ("ladder", scales) => {
                    for scale in scales.split_whitespace() {
                        ladder.push(Scale(scale.parse().map_err(|_| bad())?));
                    }
                }
                ("layout", number) => layout = Layout::parse(number).ok_or_else(bad)?,
                ("input", path) => inputs.push(PathBuf::from(path)),
                ("go", "") => {
                    let case = case.ok_or_else(bad)?;
                    inject::shift_heap(options.get(WorkerOption::ShiftHeap).unwrap_or(0) as usize);
                    let injection = Injection::new(&options, once_after, ladder.last().copied())?;
                    return Ok(Self { channel, case, ladder, inputs, injection, layout, since: now() });
                }
                (word, value) => {
                    let option = WorkerOption::parse(word).ok_or_else(bad)?;
                    let (number, stage) = value.split_once(' ').map_or((value, None), |(n, stage)| (n, Some(stage)));
                    options.set(option, number.parse().map_err(|_| bad())?);
                    if let Some(stage) = stage {
                        once_after = Some(stage.parse::<Stage>().map_err(|_| bad())?);
                    }
                }
            }
        }
    }

    pub(super) fn case(&self) -> &CaseId {
        &self.case
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    /// Labels the stack of the calling thread.
    pub(super) fn label_stack(&mut self) -> Result<(), StageError> {
        let on_stack = 0_u8;
        let here = std::ptr::from_ref(&on_stack).addr();
        self.label(Category::Stacks, here..here + 1)
    }

    /// The scales to measure, in ascending order.
    #[must_use]
    pub fn ladder(&self) -> Vec<Scale> {
        self.ladder.clone()
    }

    /// The file that [`super::Case::prepare`] returned at `index`.
    ///
    /// # Errors
    /// If there is no such file.
    pub fn input(&self, index: usize) -> Result<&Path, StageError> {
        let missing = || StageError::Protocol(format!("no input {index}"));
        self.inputs.get(index).map(PathBuf::as_path).ok_or_else(missing)
    }

    /// Pauses at a stage until the parent has taken a snapshot.
    ///
    /// # Errors
    /// If the connection to the parent failed.
    pub fn reached(&mut self, stage: &str) -> Result<(), StageError> {
        let elapsed = self.elapsed();
        self.injection.drop_past_the_ladder();
        self.pause(format_args!("{stage}"), elapsed)?;
        if self.injection.passed(stage) {
            self.since = now();
        }
        Ok(())
    }

    /// Pauses at a rung of the ladder, `stage@scale`.
    ///
    /// # Errors
    /// If the connection to the parent failed.
    pub fn reached_at(&mut self, stage: &str, scale: Scale) -> Result<(), StageError> {
        let elapsed = self.elapsed();
        self.injection.add_up_to(scale);
        self.pause(format_args!("{stage}@{scale}"), elapsed)
    }

    /// Assigns a category to an address range, until [`Stages::forget`].
    ///
    /// # Errors
    /// If the connection to the parent failed.
    pub fn label(&mut self, category: Category, range: Range<usize>) -> Result<(), StageError> {
        let elapsed = self.elapsed();
        self.send(format_args!("label {category} {:x} {:x}\n", range.start, range.end))?;
        self.resume(elapsed);
        Ok(())
    }

    /// Removes all labels of a category. To be called before its memory is unmapped.
    ///
    /// # Errors
    /// If the connection to the parent failed.
    pub fn forget(&mut self, category: Category) -> Result<(), StageError> {
        let elapsed = self.elapsed();
        self.send(format_args!("forget {category}\n"))?;
        self.resume(elapsed);
        Ok(())
    }

    /// Reports a number about the worker itself, such as `uncommitted_bytes`, which is recorded with the next stage.
    /// Values reported under the same name before a stage are added. See [`highwater_model::FigureName`] for names and
    /// units.
    ///
    /// # Errors
    /// If the connection to the parent failed.
    pub fn figure(&mut self, name: &str, value: u64) -> Result<(), StageError> {
        let elapsed = self.elapsed();
        self.send(format_args!("figure {name} {value}\n"))?;
        self.resume(elapsed);
        Ok(())
    }

    /// Reports a text that is recorded with the case, such as an error message. Names have the syntax of figure names.
    /// Line breaks become spaces.
    ///
    /// # Errors
    /// If the connection to the parent failed.
    pub fn note(&mut self, name: &str, text: &str) -> Result<(), StageError> {
        let elapsed = self.elapsed();
        let one_line = text.replace(['\n', '\r'], " ");
        self.send(format_args!("note {name} {one_line}\n"))?;
        self.resume(elapsed);
        Ok(())
    }

    /// Returns free heap to the system, for a worker that compiles code: heap that the compiler freed would hide the
    /// cost of the first units. Allocate bookkeeping of the case, such as the list of its units, before compiling.
    /// Otherwise it may keep pages in use that the compiler wrote to.
    pub fn trim(&self) {
        sys::trim_heap();
    }

    /// Returns free heap to the system and pauses at `trimmed`.
    ///
    /// # Errors
    /// If the connection to the parent failed.
    pub fn trimmed(&mut self) -> Result<(), StageError> {
        self.trim();
        self.reached("trimmed")
    }

    pub(super) fn skip(&mut self, reason: &str) -> Result<(), StageError> {
        let one_line = reason.replace('\n', " ");
        self.send(format_args!("skip {one_line}\n"))
    }

    pub(super) fn end(&mut self) -> Result<(), StageError> {
        self.send(format_args!("end\n"))
    }

    fn pause(&mut self, stage: std::fmt::Arguments<'_>, (wall, cpu): (Duration, Duration)) -> Result<(), StageError> {
        let (wall, cpu) = (wall.as_nanos(), cpu.as_nanos());
        attribution::stage(stage);
        let heap = HeapFigures(sys::heap_figures(), alloc::figures());
        self.send(format_args!("reached {stage} wall_ns={wall} cpu_ns={cpu}{heap}\n"))?;
        let mut buffer = [0; 64];
        match read_line(&self.channel, &mut buffer)? {
            "go" => {}
            other => return Err(StageError::Protocol(other.to_owned())),
        }
        alloc::reset_peak();
        self.since = now();
        Ok(())
    }

    fn send(&self, line: std::fmt::Arguments<'_>) -> Result<(), StageError> {
        let mut buffer = [0; MAX_LINE];
        let mut cursor = Cursor::new(buffer.as_mut_slice());
        cursor.write_fmt(line).map_err(|_| StageError::TooLong)?;
        let length = cursor.position() as usize;
        let mut rest = &buffer[..length];
        while !rest.is_empty() {
            match rustix::io::write(&self.channel, rest) {
                Ok(count) => rest = &rest[count..],
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(StageError::Io(error.into())),
            }
        }
        Ok(())
    }

    fn elapsed(&self) -> (Duration, Duration) {
        let (wall, cpu) = now();
        (wall - self.since.0, cpu.saturating_sub(self.since.1))
    }

    /// Continues the stage time at `elapsed`, as if no time had passed since it was read.
    fn resume(&mut self, elapsed: (Duration, Duration)) {
        let (wall, cpu) = now();
        self.since = (wall.checked_sub(elapsed.0).unwrap_or(wall), cpu.saturating_sub(elapsed.1));
    }
}

/// The heap metrics of malloc and of the counting allocator, each formatted as ` name=value` without allocating.
struct HeapFigures(Option<[(Metric, u64); 2]>, Option<[(Metric, u64); 4]>);

impl std::fmt::Display for HeapFigures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let malloc = self.0.iter().flatten();
        malloc.chain(self.1.iter().flatten()).try_for_each(|(metric, value)| write!(f, " {metric}={value}"))
    }
}

/// Wall clock time, and CPU time of all threads.
fn now() -> (Instant, Duration) {
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    (Instant::now(), Duration::new(cpu.tv_sec.unsigned_abs(), cpu.tv_nsec as u32))
}

/// Reads up to a newline, one byte at a time, so that no buffer keeps a part of the next line. Lines are short.
fn read_line<'a>(channel: &OwnedFd, buffer: &'a mut [u8]) -> Result<&'a str, StageError> {
    let mut length = 0;
    loop {
        let Some(slot) = buffer.get_mut(length..=length) else { return Err(StageError::TooLong) };
        match rustix::io::read(channel, &mut *slot) {
            Ok(0) => return Err(StageError::Io(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) if slot[0] == b'\n' => break,
            Ok(_) => length += 1,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(StageError::Io(error.into())),
        }
    }
    std::str::from_utf8(&buffer[..length]).map_err(|_| StageError::Protocol("bytes that are not text".into()))
}
