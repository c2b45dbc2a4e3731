//! The input of a document, which stays in a string, in a mapping or in its file while the document lives.

use std::{
    borrow::Cow,
    fs::File,
    io,
    ops::Range,
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    path::Path,
};

use rustix::fs::OFlags;
use simdutf8::compat::from_utf8;

use crate::{
    encoding::Encoding,
    error::{Error, Limit, Position},
    limits::Limits,
    sys,
};

mod mapped;
mod transcode;
mod windowed;

pub use mapped::{Mapped, Pages};
pub use transcode::to_text;
pub use windowed::Windowed;

/// The maximum number of bytes of the input in memory at once, if it is processed through a sliding window.
pub const WINDOW: usize = 512 << 10;

/// An input that a document refers to.
pub trait Source {
    /// Returns the size of the input in bytes.
    fn size(&self) -> u64;

    /// Returns the bytes of a range, which must be within the input.
    ///
    /// # Errors
    /// When the input is a file that was modified.
    fn bytes(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, Error>;

    /// Returns the text of a range, which must consist of whole characters.
    ///
    /// # Errors
    /// When the input is a file that was modified.
    fn text(&self, range: Range<u64>) -> Result<Cow<'_, str>, Error>;

    /// Returns whether a range, which must be within the input, consists of these bytes.
    ///
    /// # Errors
    /// When the input is a file that was modified.
    fn equals(&self, range: Range<u64>, bytes: &[u8]) -> Result<bool, Error> {
        Ok(*self.bytes(range)? == *bytes)
    }

    /// Calls `look` with the bytes of a range, which must be within the input.
    ///
    /// # Errors
    /// When the input is a file that was modified.
    fn look(&self, range: Range<u64>, look: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
        look(&self.bytes(range)?);
        Ok(())
    }

    /// Returns line and column of an offset, for messages. Reads the input up to the offset.
    ///
    /// # Errors
    /// When the input is a file that was modified.
    fn position(&self, offset: u64) -> Result<Position, Error> {
        let mut position = Position::START;
        while position.offset < offset {
            let end = offset.min(position.offset + WINDOW as u64);
            position.advance(&self.bytes(position.offset..end)?);
        }
        Ok(position)
    }
}

/// A source that is one contiguous text in the address space.
pub trait InMemory: Source {
    /// Returns the whole text.
    fn whole(&self) -> &str;

    /// Checks for characters that are not allowed in YAML.
    ///
    /// # Errors
    /// When the text contains a NUL character.
    fn check(&self) -> Result<(), Error>;

    /// Called when the parser no longer needs the input before `offset`.
    ///
    /// # Errors
    /// When the input is a file that was modified.
    fn passed(&self, _offset: u64) -> Result<(), Error> {
        Ok(())
    }
}

fn within(range: &Range<u64>) -> Range<usize> {
    range.start as usize..range.end as usize
}

impl<T: AsRef<str>> Source for T {
    fn size(&self) -> u64 {
        self.as_ref().len() as u64
    }

    fn bytes(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, Error> {
        Ok(Cow::Borrowed(&self.as_ref().as_bytes()[within(&range)]))
    }

    fn text(&self, range: Range<u64>) -> Result<Cow<'_, str>, Error> {
        Ok(Cow::Borrowed(&self.as_ref()[within(&range)]))
    }
}

impl<T: AsRef<str>> InMemory for T {
    fn whole(&self) -> &str {
        self.as_ref()
    }

    fn check(&self) -> Result<(), Error> {
        check_characters(self.as_ref().as_bytes(), Position::START)
    }
}

/// Rejects a NUL character. `before` is the position of the first byte.
fn check_characters(bytes: &[u8], mut before: Position) -> Result<(), Error> {
    if let Some(nul) = memchr::memchr(0, bytes) {
        before.advance(&bytes[..nul]);
        return Err(Error::Nul { position: before });
    }
    Ok(())
}

/// Rejects bytes that are not UTF-8 or contain a NUL character. `before` is the position of the first byte.
pub(crate) fn check(bytes: &[u8], mut before: Position) -> Result<(), Error> {
    let text = from_utf8(bytes);
    let good = text.as_ref().map_or_else(|error| error.valid_up_to(), |text| text.len());
    check_characters(&bytes[..good], before)?;
    if good < bytes.len() {
        before.advance(&bytes[..good]);
        return Err(Error::NotUtf8 { position: before });
    }
    Ok(())
}

/// Reads a whole regular file. Its text is converted if it is UTF-16 or UTF-32, see [`to_text`].
///
/// # Errors
/// When the file cannot be read, is too large, or is malformed.
pub fn read(path: &Path, limits: &Limits) -> Result<String, Error> {
    let (file, size) = open(path, limits)?;
    let mut bytes = Vec::with_capacity(size as usize);
    let io = |source| Error::Io { path: path.to_owned(), source };
    io::Read::read_to_end(&mut io::Read::take(&file, size), &mut bytes).map_err(io)?;
    if Encoding::detect(&bytes) != Encoding::Utf8 {
        return to_text(&bytes).map(Cow::into_owned);
    }
    if let Err(error) = from_utf8(&bytes) {
        let mut position = Position::START;
        position.advance(&bytes[..error.valid_up_to()]);
        return Err(Error::NotUtf8 { position });
    }
    // SAFETY: just checked.
    Ok(unsafe { sys::checked_string(bytes) })
}

/// Opens a regular file. Does not block if the path is that of a pipe.
fn open(path: &Path, limits: &Limits) -> Result<(File, u64), Error> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() {
        let kind = metadata.file_type();
        let what = match () {
            () if kind.is_dir() => "a directory",
            () if kind.is_fifo() => "a FIFO",
            () if kind.is_char_device() || kind.is_block_device() => "a device",
            () => "something else",
        };
        return Err(Error::NotAFile { path: path.to_owned(), what });
    }
    let most = limits.representable().input;
    if metadata.len() > most {
        let position = Position::START;
        return Err(Error::TooLarge { position, limit: Limit::Input, most });
    }
    Ok((file, metadata.len()))
}
