//! What can be wrong with an input: every refusal is a value with the place it is about.

use std::{fmt, io, path::PathBuf};

/// A place in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Bytes from the start.
    pub offset: u64,
    /// The line, from 1.
    pub line: u64,
    /// The column in characters, from 1.
    pub column: u64,
}

impl Position {
    /// The first character.
    pub(super) const START: Self = Self { offset: 0, line: 1, column: 1 };

    /// Moves on over `bytes`. A line ends with `\n`; a lone `\r` counts as a column.
    pub(super) fn advance(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' {
                self.line += 1;
                self.column = 1;
            } else if byte & 0b1100_0000 != 0b1000_0000 {
                self.column += 1;
            }
        }
        self.offset += bytes.len() as u64;
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} column {}", self.line, self.column)
    }
}

/// What an input may be too large in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Bytes of the input.
    Input,
    /// Bytes of one scalar.
    Scalar,
    /// Nested collections.
    Depth,
    /// Nodes of all documents, anchors and tags counted.
    Nodes,
    /// Bytes of decoded text.
    Decoded,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Input => "bytes of input",
            Self::Scalar => "bytes in a scalar",
            Self::Depth => "nested collections",
            Self::Nodes => "nodes",
            Self::Decoded => "bytes of decoded text",
        })
    }
}

/// An input that is not taken, or no longer there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not YAML.
    #[error("{position}: {message}")]
    Syntax {
        /// Where.
        position: Position,
        /// What the parser says.
        message: String,
    },
    /// It is larger than the limits allow.
    #[error("{position}: more than {most} {limit}")]
    TooLarge {
        /// Where.
        position: Position,
        /// In what.
        limit: Limit,
        /// What is allowed.
        most: u64,
    },
    /// It is not UTF-8.
    #[error("{position}: not UTF-8")]
    NotUtf8 {
        /// The first byte that cannot be.
        position: Position,
    },
    /// It has a NUL character, which no YAML stream has.
    #[error("{position}: a NUL character")]
    Nul {
        /// Where.
        position: Position,
    },
    /// The path is not of a regular file.
    #[error("{path}: is {what}, not a regular file")]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The file has fewer bytes than when it was opened.
    #[error("{path}: was cut to {left} bytes while it was read; it had {opened}")]
    Cut {
        /// The file.
        path: PathBuf,
        /// Bytes when opened.
        opened: u64,
        /// Bytes now, at most.
        left: u64,
    },
    /// The file's bytes are not what they were when it was parsed.
    #[error("{path}: was changed since it was parsed; at byte {offset} is no longer the text of the document")]
    Changed {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
    },
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}
