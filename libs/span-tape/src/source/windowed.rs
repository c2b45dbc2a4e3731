//! A file that is read through a window, without mapping it.

use std::{
    borrow::Cow,
    cell::RefCell,
    fs::File,
    io,
    ops::Range,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use rustix::{buffer::spare_capacity, io::Errno};

use super::{Source, open};
use crate::{encoding::Encoding, error::Error, limits::Limits};

/// A file that is read through a window. Nothing is mapped, so a file that is truncated or modified meanwhile causes an
/// error instead of a signal.
#[derive(Debug)]
pub struct Windowed {
    path: PathBuf,
    file: File,
    size: u64,
    modified: Option<SystemTime>,
    cache: RefCell<Cache>,
}

#[derive(Debug, Default)]
struct Cache {
    start: u64,
    bytes: Vec<u8>,
}

/// Number of bytes that are read at once when the text of a document is accessed.
const CACHE: u64 = 64 << 10;
/// Number of bytes that are read after a jump. A walk in order reads so few only once.
const JUMP: u64 = 4 << 10;

impl Windowed {
    /// Opens a file, of which only the first four bytes are read.
    ///
    /// # Errors
    /// When the file cannot be opened or is too large, or its first bytes are those of UTF-16 or UTF-32.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self, Error> {
        let (file, size) = open(path, limits)?;
        let modified = file.metadata().and_then(|metadata| metadata.modified()).ok();
        let mut start = [0; 4];
        let count = file.read_at(&mut start, 0).map_err(|source| Error::Io { path: path.to_owned(), source })?;
        let encoding = Encoding::detect(&start[..count]);
        if encoding != Encoding::Utf8 {
            return Err(Error::Encoding { path: path.to_owned(), encoding });
        }
        Ok(Self { path: path.to_owned(), file, size, modified, cache: RefCell::default() })
    }

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the open file.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Reads a range and appends it to `into`. Its memory need not be initialised, which matters for large ranges.
    pub(crate) fn read_large(&self, range: &Range<u64>, into: &mut Vec<u8>) -> Result<(), Error> {
        let end = into.len() + (range.end - range.start) as usize;
        into.reserve_exact(end - into.len());
        let mut offset = range.start;
        // There may be room for more than the range.
        while into.len() < end {
            match rustix::io::pread(&self.file, spare_capacity(into), offset) {
                Ok(0) => return Err(Error::Cut { path: self.path.clone(), opened: self.size, left: offset }),
                Ok(count) => offset += count as u64,
                Err(Errno::INTR) => {}
                Err(error) => return Err(Error::Io { path: self.path.clone(), source: error.into() }),
            }
        }
        into.truncate(end);
        self.check(range.start)
    }

    /// Reads a range and appends it to `into`. Reads no more, whatever room it has.
    fn read(&self, range: &Range<u64>, into: &mut Vec<u8>) -> Result<(), Error> {
        let old = into.len();
        into.resize(old + (range.end - range.start) as usize, 0);
        self.file.read_exact_at(&mut into[old..], range.start).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => {
                let left = self.file.metadata().map_or(range.start, |metadata| metadata.len());
                Error::Cut { path: self.path.clone(), opened: self.size, left }
            }
            _ => Error::Io { path: self.path.clone(), source },
        })?;
        self.check(range.start)
    }

    /// Fails if the file was modified after it was opened.
    fn check(&self, offset: u64) -> Result<(), Error> {
        let metadata = self.file.metadata().map_err(|source| Error::Io { path: self.path.clone(), source })?;
        // File system timestamps are coarse. A change within the same tick is only detected if it makes the text
        // invalid.
        if metadata.len() < self.size {
            return Err(Error::Cut { path: self.path.clone(), opened: self.size, left: metadata.len() });
        }
        if metadata.modified().ok() != self.modified {
            return Err(self.changed(offset));
        }
        Ok(())
    }

    fn changed(&self, offset: u64) -> Error {
        Error::Changed { path: self.path.clone(), offset }
    }

    fn copy(&self, range: &Range<u64>) -> Result<Vec<u8>, Error> {
        let length = range.end - range.start;
        if length > CACHE {
            let mut bytes = Vec::new();
            self.read_large(range, &mut bytes)?;
            return Ok(bytes);
        }
        self.cached(range, <[u8]>::to_vec)
    }

    /// Calls `look` with a range of at most [`CACHE`] bytes.
    fn cached<R>(&self, range: &Range<u64>, look: impl FnOnce(&[u8]) -> R) -> Result<R, Error> {
        let mut cache = self.cache.borrow_mut();
        let cached = cache.start..cache.start + cache.bytes.len() as u64;
        if range.start < cached.start || range.end > cached.end {
            // The next text of a walk in order starts in the cached range or soon after it.
            let is_next = range.start >= cached.start && range.start <= cached.end + CACHE;
            let end = if is_next { range.start + CACHE } else { range.end.max(range.start + JUMP) };
            cache.bytes.clear();
            cache.start = range.start;
            self.read(&(range.start..self.size.min(end)), &mut cache.bytes)?;
        }
        let at = (range.start - cache.start) as usize;
        Ok(look(&cache.bytes[at..at + (range.end - range.start) as usize]))
    }
}

impl Source for Windowed {
    fn size(&self) -> u64 {
        self.size
    }

    fn equals(&self, range: Range<u64>, bytes: &[u8]) -> Result<bool, Error> {
        if range.end - range.start > CACHE {
            return self.copy(&range).map(|copy| copy == bytes);
        }
        self.cached(&range, |cached| cached == bytes)
    }

    fn look(&self, range: Range<u64>, look: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
        if range.end - range.start > CACHE {
            return self.copy(&range).map(|copy| look(&copy));
        }
        self.cached(&range, look)
    }

    fn bytes(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, Error> {
        self.copy(&range).map(Cow::Owned)
    }

    fn text(&self, range: Range<u64>) -> Result<Cow<'_, str>, Error> {
        let bytes = self.copy(&range)?;
        String::from_utf8(bytes).map(Cow::Owned).map_err(|_| self.changed(range.start))
    }
}
