//! Runs the parser over a source and builds a tape from its events.

use std::{path::Path, rc::Rc};

use granit_parser::{BorrowedInput, ErrorKind, Parser, ScanError, options};

use crate::{
    Tape,
    build::{Builder, Decoding, Look},
    error::{Error, Limit, Position},
    forward::TextInput,
    limits::Limits,
    source::{InMemory, Source, WINDOW, Windowed},
    window::{Shared, WindowInput},
    word::Layout,
};

/// The longest scalar or line that a window grows for. It is copied twice while it is scanned, and a window must keep
/// memory bounded. For a text or a mapping, only [`Limits::scalar`] applies.
const LONGEST_IN_WINDOW: u64 = 8 << 20;

/// Options for parsing.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// When scalars are decoded.
    pub decoding: Decoding,
    /// Limits on the input.
    pub limits: Limits,
    /// Number of bytes in memory at once if a file is read through a window. The default is [`WINDOW`].
    pub window: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { decoding: Decoding::Lazy, limits: Limits::default(), window: WINDOW }
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
        let text = source.whole();
        drive(TextInput::new(text), &mut builder, &text, &limits, |offset| source.passed(offset))?;
        Ok(Self::new(source, builder))
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
        let shared = Shared::new(&file, limits.scalar.min(LONGEST_IN_WINDOW), options.window);
        let input = WindowInput::new(Rc::clone(&shared));
        let driven = drive(input, &mut builder, &shared, &limits, |offset| {
            shared.release(offset);
            Ok(())
        });
        // The parser only sees that its input ended, so the stored error takes precedence.
        match shared.error() {
            Some(error) => Err(error),
            None => driven.map(|()| Self::new(file, builder)),
        }
    }
}

impl Look for Rc<Shared<'_>> {
    fn look<R>(&self, range: std::ops::Range<u64>, look: impl FnOnce(&str) -> R) -> R {
        Shared::look(self, range, look)
    }
}

fn drive<'i, T: BorrowedInput<'i>, W: Layout>(
    input: T,
    builder: &mut Builder<W>,
    look: &impl Look,
    limits: &Limits,
    passed: impl Fn(u64) -> Result<(), Error>,
) -> Result<(), Error> {
    let options = options! {
        strict_indentation: true,
        emit_anchor_events: true,
        emit_comments: false,
        flow_nesting_limit: limits.depth,
        block_nesting_limit: limits.depth,
    };
    let mut parser = Parser::with_options(input, options);
    while let Some(next) = parser.next_event() {
        let (event, span) = next.map_err(|error| parse_error(&error, limits))?;
        builder.event(event, &span, look).map_err(|(limit, most)| {
            let position = position(&span.start);
            Error::TooLarge { position, limit, most }
        })?;
        passed(builder.passed())?;
    }
    Ok(())
}

fn position(mark: &granit_parser::Marker) -> Position {
    let offset = mark.byte_offset().unwrap_or_default() as u64;
    Position { offset, line: mark.line() as u64, column: mark.col() as u64 + 1 }
}

fn parse_error(error: &ScanError, limits: &Limits) -> Error {
    let position = position(error.marker());
    match error.kind() {
        ErrorKind::RecursionLimitExceeded => {
            Error::TooLarge { position, limit: Limit::Depth, most: limits.depth as u64 }
        }
        kind => Error::Syntax { position, message: kind.to_string() },
    }
}
