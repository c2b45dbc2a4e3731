//! Runs the scanner over a source.

use std::path::Path;

use crate::{
    Tape,
    build::{Builder, Decoding},
    error::{Error, Limit, Position},
    input::{Input, TextInput, WindowInput},
    limits::Limits,
    scan::{Fault, Scanner},
    source::{InMemory, Source, WINDOW, Windowed},
    word::Layout,
};

/// The longest line that a window grows for, because a window must keep memory bounded. For a text or a mapping, only
/// [`Limits::scalar`] applies.
const LONGEST_IN_WINDOW: u64 = 8 << 20;

/// How the indentation of lines is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Indentation {
    /// As YAML 1.2.2 requires.
    #[default]
    Strict,
    /// As libyaml does, where it is less strict:
    ///
    /// - Lines in brackets and in quotes may start at any column and after tabs. A closing bracket at the column of its
    ///   key is the most common case in real files.
    /// - The header of a block scalar may be on a line of its own at the column of its key or dash.
    /// - Of a block scalar that starts with empty lines, a comment may have fewer spaces than they.
    ///
    /// What libyaml rejects as well stays an error: tabs that indent block collections, entries at different columns,
    /// and document markers in brackets or quotes.
    Lenient,
}

/// Options for parsing.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// When scalars are decoded.
    pub decoding: Decoding,
    /// Limits on the input.
    pub limits: Limits,
    /// Number of bytes in memory at once if a file is read through a window. The default is [`WINDOW`].
    pub window: usize,
    /// How indentation is checked. The default is strict.
    pub indentation: Indentation,
    /// Whether merge keys (`<<`) are applied by [`Node::get`](crate::Node::get),
    /// [`Node::index`](crate::Node::index), [`Node::entries`](crate::Node::entries) and the deserializer. The default
    /// is `false`, because YAML 1.2 has none.
    pub merge_keys: bool,
}

impl Default for Options {
    fn default() -> Self {
        let (decoding, indentation) = (Decoding::Lazy, Indentation::Strict);
        Self { decoding, limits: Limits::default(), window: WINDOW, indentation, merge_keys: false }
    }
}

impl<S: InMemory, W: Layout> Tape<S, W> {
    /// Parses a text.
    ///
    /// # Errors
    /// When the text is not valid YAML or exceeds a limit.
    pub fn parse(source: S, options: &Options) -> Result<Self, Error> {
        let limits = options.limits.representable();
        if source.size() > limits.input {
            return Err(Error::TooLarge { position: Position::START, limit: Limit::Input, most: limits.input });
        }
        source.check()?;
        let mut builder = Builder::new(limits, options.decoding, source.size());
        scan(TextInput::new(&source), &mut builder, &source, options.indentation)?;
        Ok(Self { merge_keys: options.merge_keys, ..Self::new(source, builder) })
    }
}

impl<W: Layout> Tape<Windowed, W> {
    /// Opens a file and parses it through a window.
    ///
    /// # Errors
    /// When the file cannot be read, is modified meanwhile, is not valid YAML or exceeds a limit.
    pub fn open(path: &Path, options: &Options) -> Result<Self, Error> {
        Self::parse_file(Windowed::open(path, &options.limits)?, options)
    }

    /// Parses a file through a window.
    ///
    /// # Errors
    /// When the file cannot be read, is modified meanwhile, is not valid YAML or exceeds a limit.
    pub fn parse_file(file: Windowed, options: &Options) -> Result<Self, Error> {
        let limits = options.limits.representable();
        let mut builder = Builder::new(limits, options.decoding, file.size());
        let input = WindowInput::new(&file, options.window, LONGEST_IN_WINDOW);
        scan(input, &mut builder, &file, options.indentation)?;
        Ok(Self { merge_keys: options.merge_keys, ..Self::new(file, builder) })
    }
}

fn scan<I: Input, W: Layout>(
    input: I,
    builder: &mut Builder<W>,
    source: &impl Source,
    indentation: Indentation,
) -> Result<(), Error> {
    Scanner::new(input, builder, indentation).run().map_err(|fault| {
        // Lines are only counted for an error.
        let at = |offset| source.position(offset);
        match fault {
            Fault::Syntax(offset, message) => {
                at(offset).map_or_else(|error| error, |position| Error::Syntax { position, message })
            }
            Fault::Limit(offset, limit, most) => {
                at(offset).map_or_else(|error| error, |position| Error::TooLarge { position, limit, most })
            }
            Fault::Input(error) => *error,
        }
    })
}
