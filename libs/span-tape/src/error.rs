//! Errors of an input, as typed values with a position or a path.

use std::{fmt, io, path::PathBuf};

use crate::encoding::Encoding;

/// A position in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The offset in bytes, from 0.
    pub offset: u64,
    /// The line, from 1.
    pub line: u64,
    /// The column in characters, from 1.
    pub column: u64,
}

impl Position {
    /// The position of the first character.
    pub(crate) const START: Self = Self { offset: 0, line: 1, column: 1 };

    /// Advances over `bytes`. A line ends with `\n`; a lone `\r` and a byte order mark count as columns.
    pub(crate) fn advance(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        if let Some(last) = memchr::memrchr(b'\n', bytes) {
            self.line += memchr::memchr_iter(b'\n', bytes).count() as u64;
            self.column = 1;
            rest = &bytes[last + 1..];
        }
        self.column += rest.iter().filter(|byte| **byte & 0b1100_0000 != 0b1000_0000).count() as u64;
        self.offset += bytes.len() as u64;
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} column {}", self.line, self.column)
    }
}

/// A limit that an input can exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Size of the input in bytes.
    Input,
    /// Size of one scalar in bytes.
    Scalar,
    /// Nesting depth of collections.
    Depth,
    /// Number of nodes of all documents, including anchors and tags.
    Nodes,
    /// Size of decoded text in bytes.
    Decoded,
    /// Size in bytes of one line of a file that is read through a window.
    Line,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Input => "bytes of input",
            Self::Scalar => "bytes in a scalar",
            Self::Depth => "nested collections",
            Self::Nodes => "nodes",
            Self::Decoded => "bytes of decoded text",
            Self::Line => "bytes in a line, which a window needs as a whole; read or map the file",
        })
    }
}

/// An error in parsing an input, or in reading it afterwards.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input is not valid YAML.
    #[error("{position}: {message}")]
    Syntax {
        /// The position of the error.
        position: Position,
        /// The message of the parser.
        message: String,
    },
    /// The input exceeds a limit.
    #[error("{position}: more than {most} {limit}")]
    TooLarge {
        /// The position where the limit is exceeded.
        position: Position,
        /// The limit.
        limit: Limit,
        /// The allowed maximum.
        most: u64,
    },
    /// The input is not UTF-8.
    #[error("{position}: not UTF-8")]
    NotUtf8 {
        /// The position of the first invalid byte.
        position: Position,
    },
    /// The input is UTF-16 or UTF-32, and not well formed.
    #[error("{position}: malformed {encoding}")]
    Malformed {
        /// The encoding that its first bytes have.
        encoding: Encoding,
        /// The position of the first malformed character, with its offset in the encoded input.
        position: Position,
    },
    /// The file is UTF-16 or UTF-32, so it can neither be mapped nor read through a window.
    #[error(
        "{path}: is {encoding}; only UTF-8 can be mapped or read through a window, so use `read` and `Tape::parse`"
    )]
    Encoding {
        /// The file.
        path: PathBuf,
        /// The encoding that its first bytes have.
        encoding: Encoding,
    },
    /// The input contains a NUL character, which is not allowed in YAML.
    #[error("{position}: a NUL character")]
    Nul {
        /// The position of the character.
        position: Position,
    },
    /// The text or value of a collection was requested.
    #[error("{position}: a collection has no text")]
    NotScalar {
        /// The position of the collection.
        position: Position,
    },
    /// The value of a merge key is neither a mapping nor a sequence of mappings.
    #[error("{position}: expected a mapping, or a sequence of mappings, as the value of a merge key")]
    Merge {
        /// The position of the value, or of the item of the sequence.
        position: Position,
    },
    /// The path is not that of a regular file.
    #[error("{path}: is {what}, not a regular file")]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// The kind of file found.
        what: &'static str,
    },
    /// The file was truncated after it was opened.
    #[error("{path}: file was truncated to {left} bytes while being read; it had {opened}")]
    Cut {
        /// The file.
        path: PathBuf,
        /// Size when opened, in bytes.
        opened: u64,
        /// Maximum size now, in bytes.
        left: u64,
    },
    /// The file was modified after it was opened.
    #[error("{path}: file was modified after it was opened; noticed at byte {offset}")]
    Changed {
        /// The file.
        path: PathBuf,
        /// The offset of the text that was requested.
        offset: u64,
    },
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system error.
        source: io::Error,
    },
}

impl Error {
    /// Returns the position of the error, if it has one.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::Syntax { position, .. }
            | Self::TooLarge { position, .. }
            | Self::NotUtf8 { position }
            | Self::Malformed { position, .. }
            | Self::Nul { position }
            | Self::NotScalar { position }
            | Self::Merge { position } => Some(*position),
            Self::Encoding { .. }
            | Self::NotAFile { .. }
            | Self::Cut { .. }
            | Self::Changed { .. }
            | Self::Io { .. } => None,
        }
    }
}
