//! The progress of a command: on a terminal a live line with what is running and the time left, elsewhere a line for
//! each tenth that is done, unless they follow each other quickly.

use std::{
    collections::BTreeMap,
    fmt::Display,
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{
    Forecast, note,
    style::is_live,
    time::in_words,
    wrap::{columns, shortened},
};
use crate::{counted::grouped, escape};

/// The resolution of the bar.
const BAR: u64 = 1000;
/// The width of the bar, and of the space between it and the text.
const BAR_WIDTH: usize = 10;
const GAP: usize = 1;
/// The least time between two lines in a pipe.
const BETWEEN_LINES: Duration = Duration::from_secs(10);
/// The weight of the forecast against what was seen so far.
const PRIOR: Duration = Duration::from_secs(5);

/// The live line of this process: whoever writes to stderr hides it meanwhile.
static LIVE: Mutex<Option<ProgressBar>> = Mutex::new(None);

fn live() -> MutexGuard<'static, Option<ProgressBar>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls `write` without the live line on the terminal.
pub(super) fn above<T>(write: impl FnOnce() -> T) -> T {
    let bar = live().clone();
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// The display of the progress. It is removed when it is dropped.
#[derive(Debug)]
pub struct ProgressLine {
    title: String,
    bar: ProgressBar,
    state: Mutex<ProgressState>,
}

impl ProgressLine {
    /// Shows the progress of the steps of a forecast, each of which begins and ends once.
    #[must_use]
    pub fn new(title: &str, forecast: &Forecast) -> Self {
        let is_live = is_live(&io::stderr());
        let target = if is_live { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template(&format!("{{bar:{BAR_WIDTH}}} {{wide_msg}}"));
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(BAR), target).with_style(style);
        if is_live {
            *live() = Some(bar.clone());
        }
        Self { title: title.to_owned(), bar, state: Mutex::new(ProgressState::new(forecast, Instant::now())) }
    }

    /// A step begins.
    pub fn begin(&self, step: &str) {
        self.update(|state| state.running.push(Running { step: step.to_owned(), detail: String::new(), share: 0.0 }));
    }

    /// A step that is running is at `detail`, such as `worker 3 of at most 20`, and `share` of it is done, from 0 to 1.
    pub fn at(&self, step: &str, detail: impl Display, share: f64) {
        self.update(|state| {
            if let Some(running) = state.running.iter_mut().find(|running| running.step == step) {
                running.detail = detail.to_string();
                running.share = share.clamp(0.0, 1.0);
            }
        });
    }

    /// A worker of a step starts: its number, from 1, and how many there are at most.
    pub fn at_worker(&self, step: &str, number: usize, most: usize) {
        let share = number.saturating_sub(1) as f64 / most.max(1) as f64;
        self.at(step, format_args!("worker {number} of at most {most}"), share);
    }

    /// A step has ended.
    pub fn end(&self, step: &str) {
        self.update(|state| state.end(step));
    }

    /// Shows the time that is left now.
    pub fn tick(&self) {
        self.update(|_| ());
    }

    fn update(&self, change: impl FnOnce(&mut ProgressState)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        let now = Instant::now();
        if self.bar.is_hidden() {
            if let Some(line) = state.line(now) {
                note(format_args!("{}: {line}", self.title));
            }
        } else {
            let width = terminal_size::terminal_size_of(io::stderr()).map_or(80, |(width, _)| usize::from(width.0));
            self.bar.set_message(state.message(now, width.saturating_sub(BAR_WIDTH + GAP + 1)));
            self.bar.set_position((state.fraction() * BAR as f64) as u64);
        }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        *live() = None;
        self.bar.finish_and_clear();
    }
}

/// A step that is running.
#[derive(Debug)]
struct Running {
    step: String,
    detail: String,
    /// The part of it that is done.
    share: f64,
}

#[derive(Debug)]
struct ProgressState {
    started: Instant,
    /// The expected seconds of the steps that have not ended.
    ahead: BTreeMap<String, f64>,
    /// The expected seconds of all steps, and of those that have ended.
    all: f64,
    done: f64,
    steps: usize,
    ended: usize,
    running: Vec<Running>,
    last_line: Instant,
    last_tenth: usize,
}

impl ProgressState {
    fn new(forecast: &Forecast, now: Instant) -> Self {
        let ahead: BTreeMap<String, f64> =
            forecast.steps().iter().map(|(step, time)| (step.clone(), time.as_secs_f64())).collect();
        Self {
            started: now,
            all: ahead.values().sum(),
            steps: ahead.len(),
            ahead,
            done: 0.0,
            ended: 0,
            running: Vec::new(),
            last_line: now,
            last_tenth: 0,
        }
    }

    fn end(&mut self, step: &str) {
        self.running.retain(|running| running.step != step);
        if let Some(expected) = self.ahead.remove(step) {
            self.done += expected;
            self.ended += 1;
        }
    }

    /// The expected seconds of everything that is done so far.
    fn done_so_far(&self) -> f64 {
        let begun = |it: &Running| self.ahead.get(&it.step).map_or(0.0, |expected| expected * it.share);
        self.done + self.running.iter().map(begun).sum::<f64>()
    }

    fn fraction(&self) -> f64 {
        match self.all > 0.0 {
            true => (self.done_so_far() / self.all).clamp(0.0, 1.0),
            false => self.ended as f64 / self.steps.max(1) as f64,
        }
    }

    /// The time left: what is expected, at the pace of what was done.
    fn left(&self, now: Instant) -> Duration {
        let done = self.done_so_far();
        let (elapsed, prior) = (now.duration_since(self.started).as_secs_f64(), PRIOR.as_secs_f64());
        let pace = (elapsed + prior) / (done + prior);
        Duration::try_from_secs_f64((self.all - done).max(0.0) * pace).unwrap_or_default()
    }

    /// The text beside the bar: how many steps have ended, the time left, and what is running.
    fn message(&self, now: Instant, room: usize) -> String {
        let head = format!("{}/{}, about {} left", grouped(self.ended), grouped(self.steps), in_words(self.left(now)));
        if self.running.is_empty() {
            return head;
        }
        let room = room.saturating_sub(columns(&head) + 2) / self.running.len();
        let shown = |running: &Running| {
            let step = escape::line(&running.step);
            match running.detail.as_str() {
                "" => shortened(&step, room.saturating_sub(2)),
                detail => {
                    let room = room.saturating_sub(columns(detail) + 4);
                    format!("{} {detail}", shortened(&step, room))
                }
            }
        };
        format!("{head}: {}", self.running.iter().map(shown).collect::<Vec<_>>().join("; "))
    }

    /// The line for a pipe, if another tenth is done and the last line is some time ago.
    fn line(&mut self, now: Instant) -> Option<String> {
        let tenth = (self.fraction() * 10.0) as usize;
        if tenth <= self.last_tenth || tenth >= 10 || now.duration_since(self.last_line) < BETWEEN_LINES {
            return None;
        }
        (self.last_tenth, self.last_line) = (tenth, now);
        let elapsed = in_words(now.duration_since(self.started));
        let (ended, steps, left) = (grouped(self.ended), grouped(self.steps), in_words(self.left(now)));
        Some(format!("{tenth}0 % done ({ended} of {steps}) after {elapsed}, about {left} left"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(steps: usize, seconds: u64) -> ProgressState {
        let mut forecast = Forecast::default();
        (0..steps).for_each(|step| forecast.add_known(format!("step/{step}"), Duration::from_secs(seconds)));
        ProgressState::new(&forecast, Instant::now())
    }

    #[test]
    fn the_time_left_follows_the_pace() {
        let mut state = state(20, 10);
        let start = state.started;
        assert_eq!(state.left(start), Duration::from_secs(200));
        (0..10).for_each(|step| state.end(&format!("step/{step}")));
        // As expected: half of it is left. Twice as slow: almost twice that.
        assert_eq!(state.left(start + Duration::from_secs(100)), Duration::from_secs(100));
        let slow = state.left(start + Duration::from_secs(200)).as_secs();
        assert!((190..200).contains(&slow), "{slow}");
        assert!((state.fraction() - 0.5).abs() < 1e-9);
    }

    #[test]
    fn a_pipe_gets_at_most_a_line_for_each_tenth() {
        let mut state = state(100, 1);
        let start = state.started;
        let mut lines = Vec::new();
        for step in 0..100 {
            state.end(&format!("step/{step}"));
            lines.extend(state.line(start + Duration::from_secs(2 * (step + 1))));
        }
        assert_eq!(lines.len(), 9, "{lines:?}");
        assert_eq!(lines[0], "10 % done (10 of 100) after 20 s, about 2 min 30 s left");
        let mut quick = self::state(100, 1);
        (0..100).for_each(|step| quick.end(&format!("step/{step}")));
        assert_eq!(quick.line(start + Duration::from_secs(9)), None, "a run of a few seconds has no lines");
    }

    #[test]
    fn the_live_line_shows_what_runs_and_fits() {
        let mut state = state(8, 10);
        for step in ["step/0", "step/1"] {
            state.running.push(Running { step: step.into(), detail: "worker 3 of at most 20".into(), share: 0.1 });
        }
        state.end("step/7");
        let text = state.message(state.started, 120);
        let running = "step/0 worker 3 of at most 20; step/1 worker 3 of at most 20";
        assert_eq!(text, format!("1/8, about 20 s left: {running}"));
        state.running.truncate(1);
        state.running[0].step = "on-demand/cow=on,guest=cpython-pre,load=bytes".into();
        for room in 60..120 {
            let text = state.message(state.started, room);
            assert!(columns(&text) <= room && text.ends_with("worker 3 of at most 20"), "{room}: {text}");
        }
    }

    #[test]
    fn steps_without_an_expected_time_count() {
        let mut state = state(4, 0);
        state.end("step/0");
        assert!((state.fraction() - 0.25).abs() < 1e-9);
        assert_eq!(state.left(state.started), Duration::ZERO);
    }
}
