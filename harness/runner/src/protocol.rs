//! The stage protocol: lines of ASCII text over the socket that a worker finds at descriptor 3.
//! Small enough to speak in ten lines of any language; `docs/protocol.md` has it in Python and Bash.
//!
//! | parent says | meaning |
//! |---|---|
//! | `highwater 1` | the protocol's version, first line |
//! | `case ID` | which case to run |
//! | `ladder N N ...` | the scales to go through |
//! | `OPTION VALUE` | what is changed on purpose ([`highwater_model::WorkerOption`]), as `inject 4096`; only where asked for |
//! | `inject-once BYTES STAGE` | the same, after that stage |
//! | `layout SEED` | which of the sampled memory layouts this worker takes ([`Layout`]) |
//! | `input PATH` | a file the case asked for, one line each, in order |
//! | `go` | go on: after the job, and after each stage |
//!
//! | worker says | meaning |
//! |---|---|
//! | `reached STAGE [wall_ns=N cpu_ns=N heap_in_use=N ...]` | paused here until `go`; times and its own heap, as far as known |
//! | `label CATEGORY START END` | addresses (hexadecimal) and what they are for |
//! | `forget CATEGORY` | all labels of a category are void |
//! | `figure NAME VALUE` | a number about itself, for the next stage |
//! | `note NAME TEXT` | words about itself, kept with the case |
//! | `skip REASON` | this case cannot run here; exits next |
//! | `end` | all stages are done; exits next |

use highwater_model::{Category, FigureName, Metric, Scale, Stage, WorkerOption};
use highwater_probe::Label;
use highwater_worker::{Layout, protocol::VERSION};

use super::Job;

/// What a worker can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// It is paused at a stage.
    Reached {
        /// The stage.
        stage: Stage,
        /// Wall and CPU nanoseconds since the last stage, and heap figures, as far as told.
        wall_ns: u64,
        /// See `wall_ns`.
        cpu_ns: u64,
        /// What malloc told.
        heap: Vec<(Metric, u64)>,
    },
    /// Addresses and what they are for.
    Label(Label),
    /// Labels of a category are void.
    Forget(Category),
    /// A number about itself, for the next stage.
    Figure(FigureName, u64),
    /// Words about itself: a name, and a text.
    Note(String, String),
    /// The case cannot run here.
    Skip(String),
    /// All stages are done.
    End,
}

impl Message {
    /// Reads one line, without its newline.
    ///
    /// # Errors
    /// One sentence that says what was wrong with the line.
    pub fn parse(line: &str) -> Result<Self, String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "reached" => Self::parse_reached(rest),
            "label" => {
                let parts: Vec<&str> = rest.split(' ').collect();
                let [category, start, end] = parts.as_slice() else {
                    return Err(format!("`{line}` does not read label CATEGORY START END"));
                };
                let address = |text: &str| {
                    u64::from_str_radix(text, 16).map_err(|_| format!("`{text}` is not a hexadecimal address"))
                };
                let range = address(start)?..address(end)?;
                let category = category.parse::<Category>().map_err(|error| error.to_string())?;
                Ok(Self::Label(Label { category, range }))
            }
            "forget" => Ok(Self::Forget(rest.parse::<Category>().map_err(|error| error.to_string())?)),
            "figure" => {
                let (name, value) =
                    rest.split_once(' ').ok_or_else(|| format!("`{line}` does not read figure NAME VALUE"))?;
                let name = name.parse::<FigureName>().map_err(|error| error.to_string())?;
                let value = value.parse().map_err(|_| format!("`{value}` is not a whole number"))?;
                Ok(Self::Figure(name, value))
            }
            "note" => {
                let (name, text) =
                    rest.split_once(' ').ok_or_else(|| format!("`{line}` does not read note NAME TEXT"))?;
                let name = name.parse::<FigureName>().map_err(|error| error.to_string())?;
                Ok(Self::Note(name.to_string(), text.to_owned()))
            }
            "skip" => Ok(Self::Skip(rest.to_owned())),
            "end" if rest.is_empty() => Ok(Self::End),
            _ => Err(format!("`{line}` is none of reached, label, forget, figure, note, skip, end")),
        }
    }

    fn parse_reached(rest: &str) -> Result<Self, String> {
        let mut words = rest.split(' ');
        let stage = words.next().unwrap_or("").parse::<Stage>().map_err(|error| error.to_string())?;
        let (mut wall_ns, mut cpu_ns, mut heap) = (0, 0, Vec::new());
        for word in words {
            let (name, value) = word.split_once('=').ok_or_else(|| format!("`{word}` is not name=number"))?;
            let value: u64 = value.parse().map_err(|_| format!("`{word}` is not name=number"))?;
            match name {
                "wall_ns" => wall_ns = value,
                "cpu_ns" => cpu_ns = value,
                _ => match Metric::SELF_REPORTED.into_iter().find(|metric| metric.as_str() == name) {
                    Some(metric) => heap.push((metric, value)),
                    None => {
                        let known = Metric::SELF_REPORTED.map(Metric::as_str).join(", ");
                        return Err(format!("`{name}` is none of wall_ns, cpu_ns, {known}"));
                    }
                },
            }
        }
        Ok(Self::Reached { stage, wall_ns, cpu_ns, heap })
    }
}

/// The job as the worker reads it, from `highwater 1` to `go`.
pub(super) fn job_lines(job: &Job, layout: Layout) -> String {
    let scales: Vec<String> = job.ladder.iter().map(Scale::to_string).collect();
    let mut text = format!("highwater {VERSION}\ncase {}\nladder {}\n", job.case, scales.join(" "));
    for (option, value) in job.options.iter() {
        match option {
            WorkerOption::InjectOnce => text.push_str(&format!("{option} {value} {}\n", job.reference)),
            // Decided here: the worker is injected or it is not.
            WorkerOption::InjectEvery => {}
            _ => text.push_str(&format!("{option} {value}\n")),
        }
    }
    text.push_str(&format!("layout {layout}\n"));
    for input in &job.inputs {
        text.push_str(&format!("input {}\n", input.display()));
    }
    text.push_str("go\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_may_come_with_times_and_heap_or_bare() {
        assert_eq!(
            Message::parse("reached live@10 wall_ns=5 cpu_ns=4 heap_in_use=3 heap_retained=2"),
            Ok(Message::Reached {
                stage: "live@10".parse().expect("a stage"),
                wall_ns: 5,
                cpu_ns: 4,
                heap: vec![(Metric::HeapInUse, 3), (Metric::HeapRetained, 2)],
            })
        );
        assert!(matches!(Message::parse("reached loaded"), Ok(Message::Reached { wall_ns: 0, .. })));
    }

    #[test]
    fn a_label_is_a_category_and_two_addresses() {
        let label = Label { category: Category::LinearMemory, range: 0x7f00_0000..0x7f01_0000 };
        assert_eq!(Message::parse("label linear_memory 7f000000 7f010000"), Ok(Message::Label(label)));
        assert_eq!(Message::parse("forget arenas"), Ok(Message::Forget(Category::Arenas)));
    }

    #[test]
    fn a_figure_is_a_number_and_a_note_is_the_rest_of_the_line() {
        let name = "dirt_bytes".parse().expect("a name");
        assert_eq!(Message::parse("figure dirt_bytes 4096"), Ok(Message::Figure(name, 4096)));
        let note = Message::Note("outcome".into(), "out of memory: 4 GiB".into());
        assert_eq!(Message::parse("note outcome out of memory: 4 GiB"), Ok(note));
    }

    #[test]
    fn nonsense_is_answered_with_what_was_expected() {
        for line in [
            "",
            "hello",
            "reached",
            "reached Live",
            "reached x wall_ns",
            "reached x a=1",
            "label x 0 1",
            "label other 0",
            "label other g 1",
            "forget",
            "end now",
            "figure",
            "figure a",
            "figure a -1",
            "figure A 1",
            "note",
            "note a",
        ] {
            assert!(Message::parse(line).is_err(), "{line:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_line_makes_the_parser_panic(line in ".*") {
            let _ = Message::parse(&line);
        }
    }
}
