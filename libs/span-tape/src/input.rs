//! The scanner's view of the input: always the rest of the current line at least.

use simdutf8::compat::from_utf8;

use crate::{
    digest::Digest,
    error::{Error, Limit},
    source::{self, InMemory, Source, Windowed},
};

/// A part of the input in memory. It is valid UTF-8 and contains no NUL.
pub(crate) trait Input {
    /// Returns the part in memory.
    fn bytes(&self) -> &[u8];

    /// Returns the offset of the first byte of the part.
    fn base(&self) -> u64;

    /// Returns the position at or after which a line needs a call of [`Input::refill`] first.
    fn limit(&self) -> usize;

    /// Makes the line at `at` a part of `bytes`. May discard bytes before `kept`, and returns their number.
    fn refill(&mut self, kept: usize, at: usize) -> Result<usize, Error>;
}

/// Number of bytes between two reports of progress to a source in memory.
const STEP: usize = 64 << 10;

/// An input that is one contiguous text.
pub(crate) struct TextInput<'s, S> {
    source: &'s S,
    text: &'s [u8],
    limit: usize,
}

impl<'s, S: InMemory> TextInput<'s, S> {
    pub(crate) fn new(source: &'s S) -> Self {
        Self { source, text: source.whole().as_bytes(), limit: 0 }
    }
}

impl<S: InMemory> Input for TextInput<'_, S> {
    #[inline]
    fn bytes(&self) -> &[u8] {
        self.text
    }

    #[inline]
    fn base(&self) -> u64 {
        0
    }

    #[inline]
    fn limit(&self) -> usize {
        self.limit
    }

    fn refill(&mut self, _kept: usize, at: usize) -> Result<usize, Error> {
        self.source.passed(at as u64)?;
        self.limit = at + STEP;
        Ok(0)
    }
}

/// A file that is read through a window.
///
/// ```text
///  file   ..........[base   kept    at     limit     end]tail..............
///          discarded        | token | line | partial line | partial character |
/// ```
///
/// The window always contains a whole line from `at`, or the rest of the file. A longer line, or a scalar that has to be
/// decoded at once, makes it grow.
pub(crate) struct WindowInput<'f> {
    file: &'f Windowed,
    window: usize,
    longest: u64,
    /// The window: whole characters.
    bytes: Vec<u8>,
    /// The bytes after the window that were read, which are the start of a character.
    tail: Vec<u8>,
    base: u64,
    limit: usize,
    /// That of all bytes read so far: each one is read once, in order.
    digest: Option<&'f mut Digest>,
}

impl<'f> WindowInput<'f> {
    pub(crate) fn new(file: &'f Windowed, window: usize, longest: u64, digest: Option<&'f mut Digest>) -> Self {
        let (bytes, tail, window) = (Vec::new(), Vec::new(), window.max(8));
        Self { file, window, longest, bytes, tail, base: 0, limit: 0, digest }
    }

    /// Returns the offset after the window.
    fn end(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    /// Reads more of the file after the text in memory.
    fn read(&mut self) -> Result<(), Error> {
        let valid = self.bytes.len();
        self.bytes.append(&mut self.tail);
        let (old, from) = (self.bytes.len(), self.end());
        let room = self.window.saturating_sub(old).max(self.window / 2);
        let end = self.file.size().min(from.saturating_add(room as u64));
        self.file.read_large(&(from..end), &mut self.bytes)?;
        if let Some(digest) = &mut self.digest {
            digest.update(&self.bytes[old..]);
        }
        let fresh = &self.bytes[valid..];
        let good = match from_utf8(fresh) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_none() && end < self.file.size() => error.valid_up_to(),
            Err(_) => return Err(self.bad(valid)?),
        };
        if memchr::memchr(0, &fresh[..good]).is_some() {
            return Err(self.bad(valid)?);
        }
        self.tail.extend_from_slice(&fresh[good..]);
        self.bytes.truncate(valid + good);
        Ok(())
    }

    /// Returns the error in the bytes from a position on, which are not valid.
    fn bad(&self, at: usize) -> Result<Error, Error> {
        let before = self.file.position(self.base + at as u64)?;
        let checked = source::check(&self.bytes[at..], before);
        Ok(checked.err().unwrap_or(Error::NotUtf8 { position: before }))
    }
}

impl Input for WindowInput<'_> {
    #[inline]
    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    #[inline]
    fn base(&self) -> u64 {
        self.base
    }

    #[inline]
    fn limit(&self) -> usize {
        self.limit
    }

    fn refill(&mut self, kept: usize, at: usize) -> Result<usize, Error> {
        let discarded = kept.min(at);
        self.bytes.drain(..discarded);
        self.base += discarded as u64;
        let at = at - discarded;
        loop {
            let is_whole = self.end() == self.file.size();
            // A line feed as the last byte may be missing after its carriage return.
            let last = memchr::memrchr2(b'\n', b'\r', &self.bytes[..self.bytes.len().saturating_sub(1)]);
            match last {
                _ if is_whole => {
                    self.limit = usize::MAX;
                    return Ok(discarded);
                }
                // The line after the last break is not whole, unless the break is at the end.
                Some(last) if last >= at => {
                    self.limit = last + 1;
                    return Ok(discarded);
                }
                _ => {}
            }
            if self.bytes.len() as u64 > self.longest.saturating_add(self.window as u64) {
                let position = self.file.position(self.base)?;
                return Err(Error::TooLarge { position, limit: Limit::Line, most: self.longest });
            }
            self.window = self.window.max(self.bytes.len() * 2).min(self.window.max(self.longest as usize));
            self.read()?;
        }
    }
}
