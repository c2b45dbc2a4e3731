//! The stage protocol: lines of text on the socket that a worker has at file descriptor 3. It can be implemented in ten
//! lines of any language; `docs/protocol.md` has workers in Python and Bash.
//!
//! | parent | meaning |
//! |---|---|
//! | `highwater 1` | the version of the protocol; first line |
//! | `case ID` | the case to run |
//! | `ladder N N ...` | the scales to measure |
//! | `OPTION VALUE` | a deliberate change ([`highwater_model::WorkerOption`]), such as `inject 4096`; optional |
//! | `inject-once BYTES STAGE` | the same, to be applied after that stage |
//! | `layout SEED` | the sampled memory layout of this worker ([`Layout`]) |
//! | `input PATH` | a file that the case prepared; one line each, in order |
//! | `go` | continue: after the job, and after each stage |
//!
//! | worker | meaning |
//! |---|---|
//! | `reached STAGE [wall_ns=N cpu_ns=N heap_in_use=N ...]` | paused until `go`; times and heap metrics are optional |
//! | `label CATEGORY START END` | the category of an address range (hexadecimal) |
//! | `forget CATEGORY` | removes all labels of a category |
//! | `figure NAME VALUE` | a number about itself, recorded with the next stage |
//! | `note NAME TEXT` | a text about itself, recorded with the case |
//! | `skip REASON` | the case cannot run on this machine; the worker exits next |
//! | `end` | all stages are done; the worker exits next |

use highwater_model::{Category, FigureName, Metric, Scale, Stage, WorkerOption};
use highwater_probe::Label;
use highwater_store::one_line;
use highwater_worker::{Layout, protocol::VERSION};

use super::{Job, limits::Violation};

/// A message of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// It is paused at a stage.
    Reached {
        /// The stage.
        stage: Stage,
        /// Nanoseconds of wall time since the last stage; 0 if not reported.
        wall_ns: u64,
        /// Nanoseconds of CPU time since the last stage; 0 if not reported.
        cpu_ns: u64,
        /// The heap metrics that were reported.
        heap: Vec<(Metric, u64)>,
    },
    /// The category of an address range.
    Label(Label),
    /// All labels of a category are removed.
    Forget(Category),
    /// A number about itself, recorded with the next stage.
    Figure(FigureName, u64),
    /// A text about itself: its name and content.
    Note(String, String),
    /// The case cannot run on this machine, for this reason.
    Skip(String),
    /// All stages are done.
    End,
}

impl Message {
    /// Parses one line, without its newline.
    ///
    /// # Errors
    /// [`Violation::NotAMessage`] with a sentence that describes what is wrong with the line, or
    /// [`Violation::NumberTwice`].
    pub fn parse(line: &str) -> Result<Self, Violation> {
        let bad = |problem: String| Violation::NotAMessage(one_line(&problem));
        let expected = |form: &str| bad(format!("`{line}`: expected {form}"));
        let category = |text: &str| text.parse::<Category>().map_err(|error| bad(error.to_string()));
        let name = |text: &str| text.parse::<FigureName>().map_err(|error| bad(error.to_string()));
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "reached" => Self::parse_reached(rest),
            "label" => {
                let parts: Vec<&str> = rest.split(' ').collect();
                let [label, start, end] = parts.as_slice() else {
                    return Err(expected("label CATEGORY START END"));
                };
                let address = |text: &str| {
                    u64::from_str_radix(text, 16).map_err(|_| bad(format!("`{text}` is not a hexadecimal address")))
                };
                let range = address(start)?..address(end)?;
                match range.start <= range.end {
                    true => Ok(Self::Label(Label { category: category(label)?, range })),
                    false => Err(bad(format!("`{line}`: the range ends before it starts"))),
                }
            }
            "forget" => Ok(Self::Forget(category(rest)?)),
            "figure" => {
                let (figure, value) = rest.split_once(' ').ok_or_else(|| expected("figure NAME VALUE"))?;
                let value = value.parse().map_err(|_| bad(format!("`{value}` is not a whole number")))?;
                Ok(Self::Figure(name(figure)?, value))
            }
            "note" => {
                let (note, text) = rest.split_once(' ').ok_or_else(|| expected("note NAME TEXT"))?;
                Ok(Self::Note(name(note)?.to_string(), text.to_owned()))
            }
            "skip" => Ok(Self::Skip(one_line(rest))),
            "end" if rest.is_empty() => Ok(Self::End),
            _ => Err(bad(format!(
                "unknown message `{line}`: expected one of reached, label, forget, figure, note, skip, end"
            ))),
        }
    }

    fn parse_reached(rest: &str) -> Result<Self, Violation> {
        let bad = |problem: String| Violation::NotAMessage(one_line(&problem));
        let mut words = rest.split(' ');
        let stage = words.next().unwrap_or("").parse::<Stage>().map_err(|error| bad(error.to_string()))?;
        let (mut wall_ns, mut cpu_ns, mut heap) = (None, None, Vec::new());
        for word in words {
            let number = || bad(format!("`{word}` is not name=number"));
            let (name, value) = word.split_once('=').ok_or_else(number)?;
            let value: u64 = value.parse().map_err(|_| number())?;
            let metric = Metric::SELF_REPORTED.into_iter().find(|metric| metric.as_str() == name);
            let twice = match (name, metric) {
                ("wall_ns", _) => wall_ns.replace(value).is_some(),
                ("cpu_ns", _) => cpu_ns.replace(value).is_some(),
                (_, Some(metric)) => {
                    let known = heap.iter().any(|(other, _)| *other == metric);
                    heap.push((metric, value));
                    known
                }
                (_, None) => {
                    let known = Metric::SELF_REPORTED.map(Metric::as_str).join(", ");
                    return Err(bad(format!("unknown number `{name}`: expected one of wall_ns, cpu_ns, {known}")));
                }
            };
            if twice {
                return Err(Violation::NumberTwice(name.to_owned()));
            }
        }
        Ok(Self::Reached { stage, wall_ns: wall_ns.unwrap_or(0), cpu_ns: cpu_ns.unwrap_or(0), heap })
    }
}

/// The lines of a job, from `highwater 1` to `go`.
pub(super) fn job_lines(job: &Job, layout: Layout) -> String {
    let scales: Vec<String> = job.ladder.iter().map(Scale::to_string).collect();
    let mut text = format!("highwater {VERSION}\ncase {}\nladder {}\n", job.case, scales.join(" "));
    for (option, value) in job.options.iter() {
        match option {
            WorkerOption::InjectOnce => text.push_str(&format!("{option} {value} {}\n", job.baseline_stage)),
            // The parent applies this option, by choosing the workers that get the other options.
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
    use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq};

    #[test]
    fn times_and_heap_metrics_of_a_stage_are_optional() {
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
    fn invalid_lines_are_rejected() {
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
            "label arenas 2 1",
            "reached a wall_ns=1 wall_ns=1",
            "reached a heap_live=1 heap_live=2",
        ] {
            assert!(Message::parse(line).is_err(), "{line:?}");
        }
    }

    /// The line of a message.
    fn line(message: &Message) -> String {
        match message {
            Message::Reached { stage, wall_ns, cpu_ns, heap } => {
                let heap: String = heap.iter().map(|(metric, value)| format!(" {metric}={value}")).collect();
                format!("reached {stage} wall_ns={wall_ns} cpu_ns={cpu_ns}{heap}")
            }
            Message::Label(Label { category, range }) => format!("label {category} {:x} {:x}", range.start, range.end),
            Message::Forget(category) => format!("forget {category}"),
            Message::Figure(name, value) => format!("figure {name} {value}"),
            Message::Note(name, text) => format!("note {name} {text}"),
            Message::Skip(reason) => format!("skip {reason}"),
            Message::End => "end".to_owned(),
        }
    }

    fn category() -> impl Strategy<Value = Category> {
        proptest::sample::select(Category::ALL.to_vec())
    }

    fn message() -> impl Strategy<Value = Message> {
        let heap = proptest::sample::subsequence(Metric::SELF_REPORTED.to_vec(), 0..=Metric::SELF_REPORTED.len());
        let name = "[a-z][a-z0-9_]{0,31}";
        let reached = ("[a-z0-9-]{1,40}(@[1-9][0-9]{0,8})?", any::<[u64; 3]>(), heap).prop_map(
            |(stage, [wall_ns, cpu_ns, value], heap)| Message::Reached {
                stage: stage.parse().expect("a stage"),
                wall_ns,
                cpu_ns,
                heap: heap.into_iter().map(|metric| (metric, value)).collect(),
            },
        );
        let label = (category(), any::<[u64; 2]>())
            .prop_map(|(category, [a, b])| Message::Label(Label { category, range: a.min(b)..a.max(b) }));
        proptest::prop_oneof![
            reached,
            label,
            category().prop_map(Message::Forget),
            (name, any::<u64>()).prop_map(|(name, value)| Message::Figure(name.parse().expect("a name"), value)),
            (name, "[^\n]*").prop_map(|(name, text)| Message::Note(name, text)),
            "[a-z ]{0,100}".prop_map(Message::Skip),
            Just(Message::End),
        ]
    }

    /// Lines of the words of the protocol, in any order.
    fn words() -> impl Strategy<Value = String> {
        let words = [
            "reached",
            "label",
            "forget",
            "figure",
            "note",
            "skip",
            "end",
            "loaded",
            "live@1",
            "live@",
            "arenas",
            "0",
            "f",
            "18446744073709551616",
            "x",
            "wall_ns=1",
            "cpu_ns=",
            "heap_live=1",
            "=",
            "@",
            "",
            "\u{202e}",
            "\u{1b}[2J",
        ];
        proptest::collection::vec(proptest::sample::select(words.to_vec()), 0..8).prop_map(|words| words.join(" "))
    }

    proptest::proptest! {
        #[test]
        fn a_message_round_trips_through_its_line(message in message()) {
            prop_assert_eq!(Message::parse(&line(&message)), Ok(message));
        }

        #[test]
        fn the_parser_never_panics(line in ".*") {
            let _ = Message::parse(&line);
        }

        #[test]
        fn an_error_is_one_short_line_of_printable_text(line in words()) {
            if let Err(violation) = Message::parse(&line) {
                let text = violation.to_string();
                prop_assert!(!text.is_empty() && text.len() < 2000 && !text.contains(char::is_control), "{:?}", text);
            }
        }
    }
}
