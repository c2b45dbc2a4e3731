//! Errors of deserialization: the cause, its position in the input, and its path in the document.

use std::fmt;

use crate::{Layout, Node, Source, error::Position};

/// An error of deserialization. It is displayed as `line 3 column 9: servers[0].port: invalid type: ...`.
pub struct Error(Box<Located>);

struct Located {
    kind: Kind,
    position: Option<Position>,
    /// The steps from the node of the error up to the root.
    path: Vec<Step>,
}

/// The cause of an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Kind {
    /// The input cannot be parsed or read.
    #[error(transparent)]
    Tape(#[from] crate::Error),
    /// The input cannot be read.
    #[error("the input cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// The data does not match the type.
    #[error("{0}")]
    Data(String),
    /// The input contains no document, and the type is neither optional nor a collection.
    #[error("the input contains no document")]
    NoDocument,
    /// The input contains more than one document; [`from_documents`](super::from_documents) reads each.
    #[error("the input contains more than one document")]
    MoreDocuments,
    /// Collections and newtypes are nested too deeply.
    #[error("more than {most} nested values")]
    Depth {
        /// The maximum.
        most: u32,
    },
    /// Aliases stand for too many nodes, as in an alias bomb.
    #[error("aliases repeat more than {most} nodes")]
    Aliases {
        /// The maximum.
        most: u64,
    },
}

/// A step from a collection to a node in it.
enum Step {
    Key(String),
    Item(usize),
    /// A key that is not a scalar.
    Unnamed,
}

impl Error {
    /// Returns the cause.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.0.kind
    }

    /// Returns the position of the node that caused the error, or of the invalid input.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        match &self.0.kind {
            Kind::Tape(error) => error.position(),
            _ => self.0.position,
        }
    }

    /// Returns the path from the root to the node that caused the error, such as `servers[0].port`. It is empty for the
    /// root. The path through an alias is that of the alias, and the position is that of its target.
    #[must_use]
    pub fn path(&self) -> String {
        let mut path = String::new();
        for step in self.0.path.iter().rev() {
            let dot = if path.is_empty() { "" } else { "." };
            match step {
                Step::Key(key) => path += &format!("{dot}{key}"),
                Step::Item(index) => path += &format!("[{index}]"),
                Step::Unnamed => path += &format!("{dot}?"),
            }
        }
        path
    }

    /// Adds the position of a node, unless the error has one.
    pub(super) fn at<S: Source, W: Layout>(mut self, node: Option<&Node<'_, S, W>>) -> Self {
        if self.0.position.is_none() && !matches!(self.0.kind, Kind::Tape(_)) {
            self.0.position = node.and_then(|node| node.position().ok());
        }
        self
    }

    /// Adds the step to an item.
    pub(super) fn in_item(mut self, index: usize) -> Self {
        self.0.path.push(Step::Item(index));
        self
    }

    /// Adds the step to the value of a key.
    pub(super) fn in_value<S: Source, W: Layout>(mut self, key: &Node<'_, S, W>) -> Self {
        let step = key.text().map_or(Step::Unnamed, |text| Step::Key(text.into_owned()));
        self.0.path.push(step);
        self
    }
}

impl<K: Into<Kind>> From<K> for Error {
    fn from(kind: K) -> Self {
        Self(Box::new(Located { kind: kind.into(), position: None, path: Vec::new() }))
    }
}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Kind::Data(message.to_string()).into()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(position) = self.0.position {
            write!(f, "{position}: ")?;
        }
        let path = self.path();
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        write!(f, "{}", self.0.kind)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({:?}: {self})", self.0.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0.kind)
    }
}
