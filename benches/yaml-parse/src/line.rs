//! Cases: a subject with a file and a way to load it, run through the stages and timed.

use std::path::{Path, PathBuf};

use highwater_model::{CaseId, Scale};
use highwater_worker::{Case, CaseResult, Conditions, Dirs, NotRun, Stages, Timer};
use span_tape::{Limits, Options, Tape};

use crate::{
    generate,
    subject::{Input, Loaded, Subject},
};

/// From the path of a file to its document, including the drop: the time that a user waits for.
const ROUTINE: &str = "parse-drop";

/// The file to parse.
#[derive(Clone, Debug)]
pub enum Source {
    /// A generated file of a kind and a size in bytes.
    Made(generate::Input, u64),
    /// An existing file.
    Path(PathBuf),
}

/// A case that parses one file.
pub struct Line {
    /// The id, with strategy and parameters.
    pub id: CaseId,
    /// The file to parse.
    pub file: Source,
    /// The way the file is passed to the parser.
    pub input: Input,
    /// The parser and its document.
    pub subject: Box<dyn Subject>,
    /// Whether criterion times it.
    pub timed: bool,
    /// Whether `--quick` leaves it out.
    pub heavy: bool,
    /// Whether it uses huge pages.
    pub huge: bool,
}

/// Parses a few cards before the baseline stage, so that the pages of the parser's code, about half a MiB, are not
/// attributed to the document.
fn warm(subject: &dyn Subject) -> CaseResult {
    let mut cards = Vec::new();
    generate::Input::Repeat.write(16 << 10, 1, &mut cards)?;
    subject.parse(Loaded::Text(String::from_utf8(cards)?), &mut |document| document.walk().map(drop))
}

/// Rejects a file that the family cannot measure before any worker starts, so that a run ends with one line about the
/// file. A file that only the tape's parser rejects is rejected too.
pub fn check(path: &Path) -> CaseResult {
    let limits = Limits::default();
    let parsed = span_tape::read(path, &limits).and_then(|text| Tape::<String>::parse(text, &Options::default()));
    match parsed {
        Ok(tape) if tape.documents().next().is_some() => Ok(()),
        Ok(_) => Err(format!("{}: contains no YAML document", path.display()).into()),
        Err(error @ (span_tape::Error::Io { .. } | span_tape::Error::NotAFile { .. })) => Err(error.into()),
        Err(error) => Err(format!("{}: {error}", path.display()).into()),
    }
}

impl Case for Line {
    fn id(&self) -> CaseId {
        self.id.clone()
    }

    fn is_heavy(&self) -> bool {
        self.heavy
    }

    fn conditions(&self) -> Conditions {
        Conditions { thp_off: !self.huge, ..Conditions::default() }
    }

    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        if let Some(missing) = self.subject.missing() {
            return Err(NotRun(missing.to_owned()).into());
        }
        let input = match &self.file {
            Source::Made(file, size) => file.file(*size, dirs.cache)?,
            Source::Path(path) => {
                check(path)?;
                path.clone()
            }
        };
        self.subject.prepare(&input)?;
        Ok(vec![input])
    }

    fn environment(&self) -> Vec<(String, String)> {
        // The case also has to exist in the worker.
        match &self.file {
            Source::Made(..) => Vec::new(),
            Source::Path(path) => vec![("YAML_PARSE_FILE".to_owned(), path.display().to_string())],
        }
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        let path = stages.input(0)?.to_owned();
        let size = path.metadata()?.len();
        warm(&*self.subject)?;
        stages.reached("ready")?;
        let input = self.input.load(&path)?;
        stages.reached("loaded")?;
        self.subject.parse(input, &mut |document| {
            stages.figure("input_bytes", size)?;
            for (part, bytes) in document.parts() {
                stages.figure(part, bytes)?;
            }
            stages.reached("parsed")?;
            let scalars = document.walk()?;
            stages.figure("scalars", scalars)?;
            if let Some(documents) = document.documents() {
                stages.figure("documents", documents)?;
            }
            Ok(stages.reached("walked")?)
        })?;
        stages.reached("dropped")?;
        stages.trimmed()?;
        Ok(())
    }

    fn routines(&self) -> &'static [&'static str] {
        if self.timed { &[ROUTINE] } else { &[] }
    }

    fn time(&self, _: &str, inputs: &[PathBuf], timer: &mut dyn Timer) -> CaseResult {
        let parse = || self.subject.parse(self.input.load(&inputs[0])?, &mut |_| Ok(()));
        // Run once outside the timed routine, so that a failure is reported instead of timed.
        parse()?;
        timer.iter_with_setup(|| (), |()| parse());
        Ok(())
    }
}

/// A case that parses a file repeatedly, with documents that live at once or one after another.
pub struct Ladder {
    /// The id, with strategy and parameters.
    pub id: CaseId,
    /// The parser and its document.
    pub subject: Box<dyn Subject>,
    /// The way the file is passed to the parser.
    pub input: Input,
    /// The size of the file in bytes.
    pub size: u64,
    /// The scales.
    pub scales: &'static [u32],
    /// Whether all documents live at once, or each is dropped before the next.
    pub together: bool,
}

impl Ladder {
    /// Parses one more document inside the callbacks of all earlier ones, so that each stays alive while the next is
    /// parsed.
    fn nest(&self, path: &Path, live: u32, stages: &mut Stages) -> CaseResult {
        if self.scales.contains(&live) {
            stages.reached_at("live", Scale(live))?;
        }
        if self.scales.last().is_none_or(|top| live >= *top) {
            return Ok(());
        }
        self.subject.parse(self.input.load(path)?, &mut |_| self.nest(path, live + 1, stages))
    }
}

impl Case for Ladder {
    fn id(&self) -> CaseId {
        self.id.clone()
    }

    fn ladder(&self) -> Vec<Scale> {
        self.scales.iter().copied().map(Scale).collect()
    }

    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        Ok(vec![generate::Input::Repeat.file(self.size, dirs.cache)?])
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        let path = stages.input(0)?.to_owned();
        warm(&*self.subject)?;
        stages.reached("ready")?;
        if self.together {
            self.nest(&path, 0, stages)?;
        } else {
            let mut done = 0;
            for scale in stages.ladder() {
                while done < scale.0 {
                    self.subject.parse(self.input.load(&path)?, &mut |document| document.walk().map(drop))?;
                    done += 1;
                }
                stages.reached_at("done", scale)?;
            }
        }
        stages.reached("dropped")?;
        stages.trimmed()?;
        Ok(())
    }
}
