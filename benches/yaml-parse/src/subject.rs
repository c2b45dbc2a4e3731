//! The interface that every representation of a YAML file implements: from a path to a document, and a walk over it.

use std::path::Path;

use highwater_worker::{CaseError, CaseResult};
use span_tape::{InMemory, Limits, Mapped, Pages, Windowed};

/// The way the file is passed to the parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Read whole into a `String`.
    String,
    /// Mapped. Its pages stay resident.
    Map,
    /// Mapped, then checked and parsed with at most 512 KiB resident.
    MapWindow,
    /// Read through a window of 512 KiB. Texts are read again on access.
    ReadWindow,
}

impl Input {
    /// The name in case ids.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Map => "map",
            Self::MapWindow => "map-window",
            Self::ReadWindow => "read-window",
        }
    }

    /// Loads the file for the parser.
    ///
    /// # Errors
    /// When the file cannot be opened, read or mapped, or is not valid input.
    pub fn load(self, path: &Path) -> Result<Loaded, span_tape::Error> {
        let limits = Limits::default();
        // SAFETY: the files of the family are written before its workers start, and not modified afterwards.
        let map = |pages| unsafe { Mapped::open(path, pages, &limits) };
        Ok(match self {
            Self::String => Loaded::Text(span_tape::read(path, &limits)?),
            Self::Map => Loaded::Mapped(map(Pages::Stay)?),
            Self::MapWindow => Loaded::Mapped(map(Pages::Slide)?),
            Self::ReadWindow => Loaded::File(Windowed::open(path, &limits)?),
        })
    }
}

/// A file that is loaded for the parser.
#[derive(Debug)]
pub enum Loaded {
    /// Read into a `String`.
    Text(String),
    /// Mapped.
    Mapped(Mapped),
    /// Opened, to be read through a window.
    File(Windowed),
}

impl Loaded {
    /// Returns the whole file as one text.
    ///
    /// # Errors
    /// When the file is only opened.
    pub fn text(&self) -> CaseResult<&str> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Mapped(mapped) => Ok(mapped.whole()),
            Self::File(_) => Err("only the tape parses through a window".into()),
        }
    }
}

/// A document in memory, in any representation.
pub trait Document {
    /// Visits all nodes, reads the text of every scalar and returns the number of scalars.
    ///
    /// # Errors
    /// When a text cannot be read any more.
    fn walk(&self) -> CaseResult<u64>;

    /// Returns the number of documents that were read, if the representation keeps them apart. A parser that reads only the
    /// first of a file takes less memory.
    fn documents(&self) -> Option<u64> {
        None
    }

    /// Returns sizes that the representation knows, in bytes by name: `tree_bytes`, `strings_bytes`.
    fn parts(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}

/// A callback that runs while the document is alive.
pub type While<'a> = dyn FnMut(&dyn Document) -> CaseResult + 'a;

/// A representation of a file. It keeps the parts of the input that its document refers to and drops the rest before
/// `then` is called. The document is dropped afterwards.
pub trait Subject: Sync {
    /// Returns the reason why it cannot run in this build, if any.
    fn missing(&self) -> Option<&'static str> {
        None
    }

    /// Prepares what its workers need besides the input, in the process that starts them.
    ///
    /// # Errors
    /// When that cannot be written.
    fn prepare(&self, _input: &Path) -> CaseResult {
        Ok(())
    }

    /// Parses the input and calls `then` with the document.
    ///
    /// # Errors
    /// When the parser rejects the file, or `then` fails.
    fn parse(&self, input: Loaded, then: &mut While<'_>) -> CaseResult;
}

/// Converts the error of a parser.
pub(crate) fn refused(error: impl std::fmt::Display) -> CaseError {
    // Some parsers quote the line, which can be the whole file for hostile inputs.
    let mut text: String = error.to_string().chars().take(200).collect();
    text = text.replace(['\n', '\r'], " ");
    text.into()
}
