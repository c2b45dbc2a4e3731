//! The process that is the criterion benchmark. Its output is replaced by our progress and our table, except for errors
//! and warnings; on request it is shown as it is.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader, Read},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, Instant, SystemTime},
};

use highwater_model::{ParameterFilter, Partition};
use highwater_report::terminal::{ProgressLine, message};
use highwater_runner::{Interrupt, RunError, RunnerError};

use super::{PARAMETERS_VAR, PARTITION_VAR, TIMING_VAR, estimates::CriterionRun};

/// How often the parent checks whether criterion has exited; long enough not to disturb it.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// How often the time left is shown anew.
const TICK_INTERVAL: Duration = Duration::from_secs(1);
/// How long the rest of the output is waited for, if a process that criterion left behind keeps the pipe open.
const REST_OF_OUTPUT: Duration = Duration::from_secs(1);
/// Criterion's environment variable for its folder.
const HOME_VAR: &str = "CRITERION_HOME";

/// [signal(7)](https://man7.org/linux/man-pages/man7/signal.7.html)
const SIGPIPE: i32 = 13;

/// What criterion is run with.
pub(crate) struct CriterionProcess<'a> {
    /// The flags of the user.
    pub(crate) args: &'a [String],
    pub(crate) parameters: &'a [ParameterFilter],
    pub(crate) partition: Option<Partition>,
    /// Cargo's target folder.
    pub(crate) target: &'a Path,
    pub(crate) interrupt: &'a Interrupt,
    /// Shows the progress instead of criterion's output.
    pub(crate) progress: Option<&'a ProgressLine>,
}

/// Runs criterion in a separate process. Returns what it wrote, and how long each benchmark took if its progress was
/// shown.
pub(crate) fn spawn(timing: &CriterionProcess<'_>) -> Result<(CriterionRun, BTreeMap<String, Duration>), RunError> {
    let home = env::var_os(HOME_VAR).map_or_else(|| timing.target.join("criterion"), PathBuf::from);
    let exe = PathBuf::from("/proc/self/exe");
    let started = SystemTime::now();
    let mut command = Command::new(&exe);
    command
        .args(timing.args)
        .env(TIMING_VAR, "1")
        .env(PARAMETERS_VAR, timing.parameters.iter().map(|filter| format!("{filter}\n")).collect::<String>())
        .env(PARTITION_VAR, timing.partition.map_or(String::new(), Into::into))
        .env(HOME_VAR, &home);
    if timing.progress.is_some() {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
    }
    let mut child = command.spawn().map_err(|source| RunError::Io { path: exe, source })?;
    let (sender, lines) = channel();
    read_lines(child.stdout.take(), OutputLine::Out, sender.clone());
    read_lines(child.stderr.take(), OutputLine::Err, sender);
    let mut output = Chatter { progress: timing.progress, current: None, durations: BTreeMap::new() };
    let status = wait(&mut child, timing.interrupt, &lines, &mut output)?;
    output.end();
    // If the reader of the output has gone, the estimates so far are complete.
    let closed_pipe = status.signal() == Some(SIGPIPE);
    match status.success() || closed_pipe {
        true => Ok((CriterionRun::new(home, started), output.durations)),
        false => Err(RunError::Criterion(status)),
    }
}

/// Waits for the child while its output is read, and kills it if the user interrupts the run.
fn wait(
    child: &mut Child,
    interrupt: &Interrupt,
    lines: &Receiver<OutputLine>,
    output: &mut Chatter<'_>,
) -> Result<ExitStatus, RunnerError> {
    let system = |source| RunnerError::System { what: "wait for criterion", source };
    let mut last_tick = Instant::now();
    loop {
        let status = child.try_wait().map_err(system)?;
        if interrupt.raised() {
            // On a terminal the child gets the signal of Ctrl-C itself.
            if status.is_none() {
                child.kill().and_then(|()| child.wait()).map_err(system)?;
            }
            return Err(RunnerError::Interrupted);
        }
        if let Some(status) = status {
            let end = Instant::now() + REST_OF_OUTPUT;
            while let Ok(line) = lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                output.take(&line);
            }
            return Ok(status);
        }
        match lines.recv_timeout(POLL_INTERVAL) {
            Ok(line) => output.take(&line),
            Err(RecvTimeoutError::Timeout) => {}
            // Its output is not read, or it has closed it.
            Err(RecvTimeoutError::Disconnected) => thread::sleep(POLL_INTERVAL),
        }
        if last_tick.elapsed() > TICK_INTERVAL {
            last_tick = Instant::now();
            output.progress.inspect(|progress| progress.tick());
        }
    }
}

/// A line of criterion's process.
#[derive(Debug)]
enum OutputLine {
    Out(String),
    Err(String),
}

/// Sends all lines of a pipe. The thread is left alone, because a process that holds the pipe could outlive criterion.
fn read_lines(pipe: Option<impl Read + Send + 'static>, line: fn(String) -> OutputLine, sender: Sender<OutputLine>) {
    let Some(pipe) = pipe else { return };
    thread::spawn(move || {
        for text in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            if sender.send(line(String::from_utf8_lossy(&text).into_owned())).is_err() {
                break;
            }
        }
    });
}

/// What a line of criterion's output means.
#[derive(Debug, PartialEq, Eq)]
enum Meaning<'a> {
    /// A benchmark is in a phase: warming up, collecting samples, analyzing. No phase if it begins.
    At(&'a str, Option<&'a str>),
    /// The user needs it.
    Kept(&'a str),
    Dropped,
}

/// Criterion 0.8 reports benchmarks as `Benchmarking ID: Warming up for 500.00 ms` on stderr, and its errors as
/// `Criterion.rs ERROR: ...` on stdout. Everything else on stderr is a warning, a panic, or from a case.
fn meaning(line: &OutputLine) -> Meaning<'_> {
    match line {
        OutputLine::Out(text) if text.starts_with("Criterion.rs ERROR") => Meaning::Kept(text),
        OutputLine::Out(_) => Meaning::Dropped,
        OutputLine::Err(text) => match text.strip_prefix("Benchmarking ") {
            Some(rest) => match rest.split_once(": ") {
                Some((id, phase)) => Meaning::At(id, Some(phase)),
                None => Meaning::At(rest, None),
            },
            None if text.trim().is_empty() || text.starts_with("Gnuplot not found") => Meaning::Dropped,
            None => Meaning::Kept(text),
        },
    }
}

/// The phases of a benchmark, and the part of its time that precedes them.
const PHASES: [(&str, &str, f64); 3] =
    [("Warming up", "warming up", 0.0), ("Collecting", "collecting samples", 0.2), ("Analyzing", "analyzing", 0.85)];

/// What is done with criterion's output.
struct Chatter<'a> {
    progress: Option<&'a ProgressLine>,
    /// The present benchmark and when it began.
    current: Option<(String, Instant)>,
    durations: BTreeMap<String, Duration>,
}

impl Chatter<'_> {
    fn take(&mut self, line: &OutputLine) {
        match meaning(line) {
            Meaning::Dropped => {}
            Meaning::At(id, phase) => self.at(id, phase),
            Meaning::Kept(text) => match (text.strip_prefix("Warning: "), &self.current) {
                (Some(warning), Some((id, _))) => message(format_args!("warning: {id}: {warning}")),
                (Some(warning), None) => message(format_args!("warning: criterion: {warning}")),
                (None, _) => message(text),
            },
        }
    }

    fn at(&mut self, id: &str, phase: Option<&str>) {
        if self.current.as_ref().is_none_or(|(current, _)| current != id) {
            self.end();
            self.current = Some((id.to_owned(), Instant::now()));
            self.progress.inspect(|progress| progress.begin(id));
        }
        let known = |(begin, _, _): &&(&str, &str, f64)| phase.is_some_and(|phase| phase.starts_with(begin));
        if let (Some((_, words, share)), Some(progress)) = (PHASES.iter().find(known), self.progress) {
            progress.at(id, words, *share);
        }
    }

    /// The present benchmark has ended.
    fn end(&mut self) {
        if let Some((id, started)) = self.current.take() {
            self.progress.inspect(|progress| progress.end(&id));
            self.durations.insert(id, started.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_and_warnings_are_kept_and_chatter_is_not() {
        let id = "toy/heap/size=64k/fill";
        for (line, expected) in [
            (OutputLine::Err(format!("Benchmarking {id}")), Meaning::At(id, None)),
            (
                OutputLine::Err(format!("Benchmarking {id}: Warming up for 500.00 ms")),
                Meaning::At(id, Some("Warming up for 500.00 ms")),
            ),
            (OutputLine::Err(String::new()), Meaning::Dropped),
            (OutputLine::Err("Gnuplot not found, using plotters backend".into()), Meaning::Dropped),
            (OutputLine::Err("Warning: Unable".into()), Meaning::Kept("Warning: Unable")),
            (OutputLine::Err("thread 'main' panicked".into()), Meaning::Kept("thread 'main' panicked")),
            (OutputLine::Out("toy/heap  time: [1 ns 2 ns 3 ns]".into()), Meaning::Dropped),
            (OutputLine::Out("Criterion.rs ERROR: no space".into()), Meaning::Kept("Criterion.rs ERROR: no space")),
        ] {
            assert_eq!(meaning(&line), expected);
        }
    }

    #[test]
    fn each_benchmark_has_a_duration() {
        let mut output = Chatter { progress: None, current: None, durations: BTreeMap::new() };
        for line in
            ["Benchmarking a/b", "Benchmarking a/b: Analyzing", "Benchmarking c/d", "Benchmarking c/d: Analyzing"]
        {
            output.take(&OutputLine::Err(line.into()));
        }
        output.end();
        assert_eq!(output.durations.into_keys().collect::<Vec<_>>(), ["a/b", "c/d"]);
    }
}
