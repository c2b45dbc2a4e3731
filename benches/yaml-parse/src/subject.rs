//! What every way to hold a YAML file has in common: from a path to a document, and a walk over it.

use std::path::Path;

use highwater_worker::{CaseError, CaseResult};

use crate::tape::{self, InMemory, Limits, Mapped, Pages, Windowed};

/// How the file comes to the parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Read whole into a `String`.
    String,
    /// Mapped; its pages stay.
    Map,
    /// Mapped, checked and parsed with all but 512 KiB given back.
    MapWindow,
    /// Read through a window of 512 KiB; texts are read again when they are asked for.
    ReadWindow,
}

impl Input {
    /// Its name in case ids.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Map => "map",
            Self::MapWindow => "map-window",
            Self::ReadWindow => "read-window",
        }
    }

    /// Makes the file ready for the parser.
    ///
    /// # Errors
    /// When it cannot be, and why.
    pub fn load(self, path: &Path) -> Result<Loaded, tape::Error> {
        let limits = Limits::default();
        // SAFETY: the family's files are made before its workers start and not written to again.
        let map = |pages| unsafe { Mapped::open(path, pages, &limits) };
        Ok(match self {
            Self::String => Loaded::Text(tape::read(path, &limits)?),
            Self::Map => Loaded::Mapped(map(Pages::Stay)?),
            Self::MapWindow => Loaded::Mapped(map(Pages::Slide)?),
            Self::ReadWindow => Loaded::File(Windowed::open(path, &limits)?),
        })
    }
}

/// A file that is ready for the parser.
#[derive(Debug)]
pub enum Loaded {
    /// In a `String`.
    Text(String),
    /// Mapped.
    Mapped(Mapped),
    /// Open.
    File(Windowed),
}

impl Loaded {
    /// All of it as one text.
    ///
    /// # Errors
    /// When it is only open.
    pub fn text(&self) -> CaseResult<&str> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Mapped(mapped) => Ok(mapped.whole()),
            Self::File(_) => Err("only the tape parses through a window".into()),
        }
    }
}

/// A document in memory, whatever it is made of.
pub trait Document {
    /// Visits all of it and reads every scalar's text; gives how many there are.
    ///
    /// # Errors
    /// When a text is no longer to be had.
    fn walk(&self) -> CaseResult<u64>;

    /// Bytes that it knows of, by name: `tree_bytes`, `strings_bytes`.
    fn parts(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}

/// What is done while a document is there.
pub type While<'a> = dyn FnMut(&dyn Document) -> CaseResult + 'a;

/// A way to hold a file. It keeps of the input what its document refers to, and drops the rest before
/// `then` is called; the document itself is dropped after.
pub trait Subject: Sync {
    /// Why it cannot run in this build.
    fn missing(&self) -> Option<&'static str> {
        None
    }

    /// Parses.
    ///
    /// # Errors
    /// When the parser refuses the file, or `then` fails.
    fn parse(&self, input: Loaded, then: &mut While<'_>) -> CaseResult;
}

/// An error of a parser's own.
pub(crate) fn refused(error: impl std::fmt::Display) -> CaseError {
    // Some parsers quote the line, which may be all of a hostile file.
    let mut text: String = error.to_string().chars().take(200).collect();
    text = text.replace(['\n', '\r'], " ");
    text.into()
}
