//! What a worker has said so far: labels, figures, notes and stages, each within its limit.

use std::collections::BTreeSet;

use highwater_model::{END_STAGE, FigureName, MAX_STAGES, Metric, Stage};
use highwater_probe::Labels;

use super::{
    limits::{
        MAX_FIGURES, MAX_FORGETS, MAX_LABELS, MAX_NOTE_BYTES, MAX_NOTES, MAX_STAGE_NAME, Violation, check_number,
    },
    protocol::Message,
};

/// The messages of one worker.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    pub(super) labels: Labels,
    pub(super) notes: Vec<(String, String)>,
    /// Figures reported since the last stage.
    figures: Vec<(FigureName, u64)>,
    /// Stages that were reached.
    stages: BTreeSet<Stage>,
    /// The number of figures, labels, `forget` messages and bytes of notes so far.
    counts: Counts,
    ended: bool,
}

#[derive(Debug, Default)]
struct Counts {
    figures: usize,
    labels: usize,
    forgets: usize,
    note_bytes: usize,
}

/// A message that the parent has to act on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// The worker is paused at a stage and waits for `go`.
    Snapshot(Pause),
    /// Its case cannot run on this machine, for this reason.
    Skip(String),
}

/// A paused worker.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pause {
    pub(super) stage: Stage,
    pub(super) wall_ns: u64,
    pub(super) cpu_ns: u64,
    pub(super) heap: Vec<(Metric, u64)>,
    pub(super) figures: Vec<(FigureName, u64)>,
}

/// Counts one more, up to a maximum.
fn count(counted: &mut usize, what: &'static str, max: usize) -> Result<(), Violation> {
    if *counted >= max {
        return Err(Violation::too_many(what, max));
    }
    *counted += 1;
    Ok(())
}

impl Conversation {
    /// Whether the worker has sent `end`.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Takes one line of the worker.
    ///
    /// # Errors
    /// The [`Violation`], if it is not a message or beyond a limit.
    pub(super) fn hear(&mut self, line: &str) -> Result<Option<Request>, Violation> {
        let message = Message::parse(line)?;
        if self.ended {
            return Err(Violation::AfterEnd);
        }
        match message {
            Message::Skip(reason) => return Ok(Some(Request::Skip(reason))),
            Message::End => self.ended = true,
            Message::Label(label) => {
                count(&mut self.counts.labels, "labels", MAX_LABELS)?;
                self.labels.add(label);
            }
            Message::Forget(category) => {
                count(&mut self.counts.forgets, "`forget` messages", MAX_FORGETS)?;
                self.labels.forget(category);
            }
            Message::Figure(name, value) => {
                check_number(name.as_str(), value)?;
                if self.figures.iter().any(|(known, _)| *known == name) {
                    return Err(Violation::NumberTwice(name.to_string()));
                }
                count(&mut self.counts.figures, "figures", MAX_FIGURES)?;
                self.figures.push((name, value));
            }
            Message::Note(name, text) => {
                let bytes = self.counts.note_bytes + name.len() + text.len();
                if self.notes.len() >= MAX_NOTES {
                    return Err(Violation::too_many("notes", MAX_NOTES));
                }
                if bytes > MAX_NOTE_BYTES {
                    return Err(Violation::too_many("bytes of notes", MAX_NOTE_BYTES));
                }
                self.counts.note_bytes = bytes;
                self.notes.push((name, text));
            }
            Message::Reached { stage, wall_ns, cpu_ns, heap } => {
                self.check_stage(&stage, wall_ns, cpu_ns, &heap)?;
                let figures = std::mem::take(&mut self.figures);
                return Ok(Some(Request::Snapshot(Pause { stage, wall_ns, cpu_ns, heap, figures })));
            }
        }
        Ok(None)
    }

    fn check_stage(
        &mut self,
        stage: &Stage,
        wall_ns: u64,
        cpu_ns: u64,
        heap: &[(Metric, u64)],
    ) -> Result<(), Violation> {
        if stage.to_string().len() > MAX_STAGE_NAME {
            return Err(Violation::LongStage);
        }
        if self.stages.len() >= MAX_STAGES && stage.name() != END_STAGE {
            return Err(Violation::too_many("stages", MAX_STAGES));
        }
        check_number("wall_ns", wall_ns)?;
        check_number("cpu_ns", cpu_ns)?;
        for (metric, value) in heap {
            check_number(metric.as_str(), *value)?;
        }
        if self.stages.insert(stage.clone()) { Ok(()) } else { Err(Violation::StageTwice(stage.clone())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use highwater_model::MAX_VALUE;

    /// The violation of a conversation, which must have one.
    fn violation(lines: impl IntoIterator<Item = String>) -> Violation {
        let mut conversation = Conversation::default();
        lines.into_iter().find_map(|line| conversation.hear(&line).err()).expect("a violation")
    }

    fn too_many(what: &'static str, max: usize) -> Violation {
        Violation::too_many(what, max)
    }

    #[test]
    fn floods_of_every_kind_of_message_are_violations() {
        let stages = (0..).map(|n| format!("reached live@{n}"));
        assert_eq!(violation(stages), too_many("stages", MAX_STAGES));
        let then_end = (1..=MAX_STAGES).map(|n| format!("reached live@{n}")).chain(["reached end".to_owned()]);
        assert_eq!(violation(then_end.chain(["reached more".to_owned()])), too_many("stages", MAX_STAGES));
        let figures = (0..).map(|n| format!("figure x{n} 1"));
        assert_eq!(violation(figures), too_many("figures", MAX_FIGURES));
        let labels = (0..).map(|n| format!("label arenas {n:x}000 {n:x}001"));
        assert_eq!(violation(labels), too_many("labels", MAX_LABELS));
        let notes = (0..).map(|_| "note x y".to_owned());
        assert_eq!(violation(notes), too_many("notes", MAX_NOTES));
        let long = (0..).map(|_| format!("note x {}", "y".repeat(8000)));
        assert_eq!(violation(long), too_many("bytes of notes", MAX_NOTE_BYTES));
        let forgets = (0..).map(|_| "forget arenas".to_owned());
        assert_eq!(violation(forgets), too_many("`forget` messages", MAX_FORGETS));
    }

    /// All limits count from the start of the worker, so a stage in between changes nothing.
    #[test]
    fn a_stage_does_not_reset_the_limits() {
        let figures =
            (0..).flat_map(|n| (0..9).map(move |k| format!("figure x{k} 1")).chain([format!("reached a@{n}")]));
        assert_eq!(violation(figures), too_many("figures", MAX_FIGURES));
    }

    #[test]
    fn a_stage_or_a_figure_said_twice_is_a_violation() {
        let said = |lines: &[&str]| violation(lines.iter().map(|line| (*line).to_owned()));
        let stage = "loaded".parse().expect("a stage");
        assert_eq!(said(&["reached loaded", "reached loaded"]), Violation::StageTwice(stage));
        assert_eq!(said(&["figure x 1", "figure x 1"]), Violation::NumberTwice("x".into()));
        let mut twice = Conversation::default();
        for line in ["figure x 1", "reached a", "figure x 1", "reached b"] {
            twice.hear(line).expect("one value per stage");
        }
    }

    #[test]
    fn numbers_above_the_limit_of_a_record_are_violations() {
        let large = MAX_VALUE + 1;
        for (line, name) in [
            (format!("figure x_ns {large}"), "x_ns"),
            (format!("reached a wall_ns={large}"), "wall_ns"),
            (format!("reached a cpu_ns={large}"), "cpu_ns"),
            (format!("reached a heap_live={large}"), "heap_live"),
        ] {
            assert_eq!(violation([line]), Violation::LargeNumber { name: name.to_owned(), value: large });
        }
        assert!(Conversation::default().hear(&format!("figure x {MAX_VALUE}")).is_ok());
    }

    #[test]
    fn long_stages_and_messages_after_the_end_are_violations() {
        assert_eq!(violation([format!("reached {}", "a".repeat(MAX_STAGE_NAME + 1))]), Violation::LongStage);
        assert_eq!(violation(["end".to_owned(), "reached a".to_owned()]), Violation::AfterEnd);
    }
}
