//! Runs the scanner over a source.

use std::path::Path;

use crate::{
    Tape,
    build::Builder,
    digest::Digest,
    error::{Error, Limit, Position},
    input::{Input, TextInput, WindowInput},
    options::{Indentation, Options},
    scan::{Fault, Scanner},
    source::{InMemory, Source, Windowed},
    word::Layout,
};

/// The longest line that a window grows for, because a window must keep memory bounded. For a text or a mapping, only
/// [`Limits::scalar`] applies.
const LONGEST_IN_WINDOW: u64 = 8 << 20;

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
        Self::parse_window(file, options, None)
    }

    /// Parses a file through a window, and adds the bytes that are parsed to `digest`.
    ///
    /// # Errors
    /// When the file cannot be read, is modified meanwhile, is not valid YAML or exceeds a limit.
    pub(crate) fn parse_digested(file: Windowed, options: &Options, digest: &mut Digest) -> Result<Self, Error> {
        Self::parse_window(file, options, Some(digest))
    }

    fn parse_window(file: Windowed, options: &Options, digest: Option<&mut Digest>) -> Result<Self, Error> {
        let limits = options.limits.representable();
        let mut builder = Builder::new(limits, options.decoding, file.size());
        let input = WindowInput::new(&file, options.window, LONGEST_IN_WINDOW, digest);
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
