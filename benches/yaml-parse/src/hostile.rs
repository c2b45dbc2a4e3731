//! Hostile inputs. Each is parsed in a separate process with a limit of 2 s of CPU time, and of 64 MiB above the input size.
//!
//! Each parser is one case, with a note of the outcome for each input. The processes run this binary. Outcomes are not
//! measurements and need no samples, so they are cached beside the inputs until the binary changes.

use std::{
    env,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use highwater_model::CaseId;
use highwater_worker::{Case, CaseResult, Dirs, Stages};

use crate::{
    peers::Peer,
    subject::{Input, Loaded, Subject},
    tape_subject::SpanTape,
};

/// Limit of the CPU time of a process, and of the time after which one that waits for something is stopped.
const TIME: Duration = Duration::from_secs(2);
/// Memory limit above the size of the input. It limits private writable address space (`RLIMIT_DATA`), which is
/// stricter than a limit on memory, because the unused half of a text that grew by doubling counts.
const MEMORY: u64 = 64 << 20;
/// Environment variable of a process that parses one input: `parser input-name path`.
const MARK: &str = "YAML_PARSE_HOSTILE";

/// A parser under test.
#[derive(Clone, Copy, Debug)]
pub struct Parser {
    name: &'static str,
    input: Input,
    peer: Option<Peer>,
}

impl Parser {
    /// All parsers: the tape with each way to load the input, then the peers.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let ours = [Input::String, Input::MapWindow, Input::ReadWindow].map(|input| {
            let name = match input {
                Input::String => "tape-string",
                Input::ReadWindow => "tape-read-window",
                _ => "tape-map-window",
            };
            Self { name, input, peer: None }
        });
        let peers = Peer::ALL.map(|peer| Self { name: peer.name(), input: Input::String, peer: Some(peer) });
        ours.into_iter().chain(peers).collect()
    }

    fn parse(&self, input: Loaded) -> CaseResult<u64> {
        let mut scalars = 0;
        let mut walk = |document: &dyn crate::subject::Document| {
            scalars = document.walk()?;
            Ok(())
        };
        match self.peer {
            Some(peer) => peer.parse(input, &mut walk),
            None => SpanTape::LAZY.parse(input, &mut walk),
        }?;
        Ok(scalars)
    }
}

/// A hostile input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attack {
    AliasBomb,
    SharedAnchor,
    NestedKeys,
    NestedBrackets,
    Anchors,
    Keys,
    PlainScalar,
    EscapedScalar,
    InvalidUtf8,
    Nul,
    Bom,
    Crlf,
    Truncated,
    CutWhileOpen,
    Empty,
    Directory,
    Missing,
    Fifo,
}

use Attack::{
    AliasBomb, Anchors, Bom, Crlf, CutWhileOpen, Directory, Empty, EscapedScalar, Fifo, InvalidUtf8, Keys, Missing,
    NestedBrackets, NestedKeys, Nul, PlainScalar, SharedAnchor, Truncated,
};

/// All attacks, with their names in notes.
const ATTACKS: [(&str, Attack); 18] = [
    ("alias_bomb", AliasBomb),
    ("shared_anchor", SharedAnchor),
    ("nested_keys", NestedKeys),
    ("nested_brackets", NestedBrackets),
    ("anchors", Anchors),
    ("keys", Keys),
    ("plain_scalar", PlainScalar),
    ("escaped_scalar", EscapedScalar),
    ("invalid_utf8", InvalidUtf8),
    ("nul", Nul),
    ("bom", Bom),
    ("crlf", Crlf),
    ("truncated", Truncated),
    ("cut_while_open", CutWhileOpen),
    ("empty", Empty),
    ("directory", Directory),
    ("missing", Missing),
    ("fifo", Fifo),
];

/// The input of `truncated`, which is cut at each byte position.
const SMALL: &str = "\
%TAG !e! tag:example.com,2026:
---
a: &x [1, 'zwei ''2''', \"dr\\u0065i\\n\"]
? - k
: !e!t {b: *x}
l: |
  zeile
f: >-
  é
  ü
...
";

const LONG: usize = 64 << 20;

impl Attack {
    /// Returns the bytes of the input, or `None` if its path is not a regular file.
    fn bytes(self) -> Option<Vec<u8>> {
        let mut text = String::new();
        match self {
            AliasBomb => {
                text.push_str("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
                for level in 1..10 {
                    let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
                    let _ = writeln!(text, "a{level}: &a{level} [{aliases}]");
                }
            }
            SharedAnchor => {
                text.push_str("base: &base\n");
                text.push_str(&"  - item\n".repeat(14_000));
                text.push_str("uses:\n");
                text.push_str(&"  - *base\n".repeat(10_000));
            }
            NestedKeys => text.push_str(&"? ".repeat(20_000)),
            NestedBrackets => text.push_str(&"[".repeat(100_000)),
            Anchors => (0..200_000).for_each(|index| {
                let _ = writeln!(text, "- &anchor{index} x");
            }),
            Keys => (0..100_000).for_each(|index| {
                let _ = writeln!(text, "key{index}: {index}");
            }),
            PlainScalar => {
                text.push_str("long: ");
                text.push_str(&"x".repeat(LONG));
            }
            EscapedScalar => {
                text.push_str("long: \"");
                text.push_str(&"\\n".repeat(LONG / 2));
                text.push('"');
            }
            InvalidUtf8 => return Some(b"a: b\nc: \xff\xfe\n".to_vec()),
            Nul => text.push_str("a: b\nc: d\0e\n"),
            Bom => text.push_str("\u{feff}a: b\n"),
            Crlf => text.push_str("a: |\r\n  x\r\n  y\r\nb: 'c\r\n  d'\r\n"),
            Truncated => text.push_str(SMALL),
            CutWhileOpen => text.push_str(&"- item\n".repeat(400_000)),
            Empty => {}
            Directory | Missing | Fifo => return None,
        }
        Some(text.into_bytes())
    }

    /// Creates the input in `folder`.
    fn make(self, name: &str, folder: &Path) -> io::Result<PathBuf> {
        let path = folder.join(name);
        match (self.bytes(), self) {
            (Some(bytes), _) => fs::write(&path, bytes)?,
            (None, Directory) => fs::create_dir_all(&path)?,
            (None, Fifo) => {
                let _ = fs::remove_file(&path);
                rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR)?;
            }
            _ => {}
        }
        Ok(path)
    }

    /// Parses the input and returns the outcome. Runs in the process created for it.
    fn attempt(self, parser: &Parser, path: &Path) -> CaseResult<String> {
        match self {
            Truncated => {
                let (mut answers, mut refusals) = (0, 0);
                let part = path.with_extension("part");
                for length in 0..=SMALL.len() {
                    fs::write(&part, &SMALL.as_bytes()[..length])?;
                    let outcome = parser.input.load(&part).map_err(Into::into).and_then(|input| parser.parse(input));
                    *if outcome.is_ok() { &mut answers } else { &mut refusals } += 1;
                }
                Ok(format!("{answers} ok, {refusals} errors"))
            }
            CutWhileOpen => {
                let input = parser.input.load(path)?;
                // Truncate to whole pages, because the rest of a partial page reads as zeros in a mapping.
                fs::File::options().write(true).open(path)?.set_len(8192)?;
                Ok(format!("ok: {} scalars", parser.parse(input)?))
            }
            _ => Ok(format!("ok: {} scalars", parser.parse(parser.input.load(path)?)?)),
        }
    }
}

/// Parses one input if this process was started for that. Called by the `main` of the binary.
#[must_use]
pub fn child() -> Option<ExitCode> {
    let job = env::var(MARK).ok()?;
    let mut words = job.splitn(3, ' ');
    let mut next = || words.next().unwrap_or_default();
    let (parser, attack, path) = (next(), next(), PathBuf::from(next()));
    let parser = Parser::all().into_iter().find(|known| known.name == parser)?;
    let (_, attack) = *ATTACKS.iter().find(|(name, _)| *name == attack)?;
    let limit = path.metadata().map_or(0, |metadata| metadata.len()) + MEMORY;
    let limit = rustix::process::Rlimit { current: Some(limit), maximum: Some(limit) };
    if rustix::process::setrlimit(rustix::process::Resource::Data, limit).is_err() {
        return Some(ExitCode::FAILURE);
    }
    println!("{}", attack.attempt(&parser, &path).unwrap_or_else(|error| format!("error: {error}")));
    Some(ExitCode::SUCCESS)
}

/// Runs one attempt in a separate process and returns its outcome.
fn outcome(parser: &Parser, name: &str, path: &Path) -> io::Result<String> {
    use std::os::unix::process::ExitStatusExt;
    let mut child = Command::new("/proc/self/exe")
        .env_clear()
        .env(MARK, format!("{} {name} {}", parser.name, path.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if started.elapsed() > TIME && is_stuck(child.id()) {
            child.kill()?;
            break None;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    Ok(match status {
        None => format!("timeout after {} s", TIME.as_secs()),
        Some(status) if status.success() => said.replace(&path.display().to_string(), name),
        Some(_) if complaint.contains("memory allocation of") => "crash: out of memory".to_owned(),
        Some(_) if complaint.contains("overflowed its stack") => "crash: stack overflow".to_owned(),
        Some(status) => match status.signal() {
            Some(signal) => format!("crash: signal {signal}"),
            None => format!("crash: {}", complaint.lines().find(|line| !line.is_empty()).unwrap_or("no message")),
        },
    })
}

/// Whether a process has used up its time, or waits. Other processes on the CPUs do not count against it.
fn is_stuck(pid: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    // The name, in parentheses, may contain spaces. After it: the state, and as 12th and 13th field the ticks in user
    // and in system mode (proc_pid_stat(5)).
    let fields: Vec<&str> = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ').collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    let cpu = Duration::from_secs(ticks(11) + ticks(12)) / rustix::param::clock_ticks_per_second() as u32;
    fields.first() == Some(&"S") || cpu >= TIME
}

/// A case: all attacks on one parser.
pub struct Hostile(pub Parser);

impl Hostile {
    fn outcomes(&self, folder: &Path) -> io::Result<String> {
        let mut outcomes = String::new();
        for (name, attack) in ATTACKS {
            let path = attack.make(name, folder)?;
            let _ = writeln!(outcomes, "{name} {}", outcome(&self.0, name, &path)?);
            // Attacks may truncate their input, and inputs of 64 MiB should not remain in the cache.
            let _ = fs::remove_file(&path);
        }
        Ok(outcomes)
    }
}

impl Case for Hostile {
    fn id(&self) -> CaseId {
        CaseId::new("yaml-parse", "hostile", &[("parser", self.0.name)]).expect("names are lower case words")
    }

    /// A peer may reach the time limit on many inputs.
    fn is_heavy(&self) -> bool {
        self.0.peer.is_some()
    }

    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        let folder = dirs.cache.join("yaml-hostile");
        fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{}.outcomes", self.0.name));
        let newer = |path: &Path| path.metadata().and_then(|metadata| metadata.modified());
        let is_fresh = match (newer(&path), newer(Path::new("/proc/self/exe"))) {
            (Ok(outcomes), Ok(binary)) => outcomes > binary,
            _ => false,
        };
        if !is_fresh {
            fs::write(&path, self.outcomes(&folder)?)?;
        }
        Ok(vec![path])
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        let outcomes = fs::read_to_string(stages.input(0)?)?;
        for line in outcomes.lines() {
            let (name, outcome) = line.split_once(' ').unwrap_or((line, ""));
            stages.note(name, outcome)?;
        }
        Ok(stages.reached("ready")?)
    }
}
