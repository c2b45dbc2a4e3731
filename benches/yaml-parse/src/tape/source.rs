//! The input of a document, which stays in a string, in a mapping or in its file while the document lives.

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    fs::File,
    io,
    ops::Range,
    os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

use memmap2::Mmap;

use super::{
    error::{Error, Limit, Position},
    limits::Limits,
    sys,
};

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
        check(self.as_ref().as_bytes(), Position::START)
    }
}

/// Rejects bytes that are not UTF-8 or contain a NUL character. `before` is the position of the first byte.
pub(super) fn check(bytes: &[u8], mut before: Position) -> Result<(), Error> {
    let text = std::str::from_utf8(bytes);
    let good = text.as_ref().map_or_else(|error| error.valid_up_to(), |text| text.len());
    if let Some(nul) = memchr::memchr(0, &bytes[..good]) {
        before.advance(&bytes[..nul]);
        return Err(Error::Nul { position: before });
    }
    if good < bytes.len() {
        before.advance(&bytes[..good]);
        return Err(Error::NotUtf8 { position: before });
    }
    Ok(())
}

/// Reads a whole regular file.
///
/// # Errors
/// When the file cannot be read, is too large, or is not UTF-8.
pub fn read(path: &Path, limits: &Limits) -> Result<String, Error> {
    let (file, size) = open(path, limits)?;
    let mut bytes = Vec::with_capacity(size as usize);
    let io = |source| Error::Io { path: path.to_owned(), source };
    io::Read::read_to_end(&mut io::Read::take(&file, size), &mut bytes).map_err(io)?;
    String::from_utf8(bytes).map_err(|error| {
        let mut position = Position::START;
        position.advance(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
        Error::NotUtf8 { position }
    })
}

/// Opens a regular file. Does not block if the path is that of a pipe.
fn open(path: &Path, limits: &Limits) -> Result<(File, u64), Error> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(nonblock).open(path).map_err(io)?;
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

/// The handling of the pages of a mapping after they were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// They stay resident until the kernel reclaims them.
    Stay,
    /// All pages outside the current window are released.
    Slide,
}

/// The window of a mapping with [`Pages::Slide`]: half of [`WINDOW`], so that it stays below [`WINDOW`] together with
/// the pages that a fault maps. It advances by half its size, because the parser reads ahead.
const SPAN: usize = WINDOW / 2;
const AHEAD: usize = SPAN / 2;

/// The alignment of windows. With a larger page size of the system, whole pages are loaded and released, which is
/// harmless.
const PAGE: usize = 4096;

/// A mapped file.
#[derive(Debug)]
pub struct Mapped {
    path: PathBuf,
    file: File,
    map: Mmap,
    pages: Pages,
    /// The current window with `Pages::Slide`, from a page boundary to a page boundary or the end.
    window: Cell<(usize, usize)>,
}

impl Mapped {
    /// Maps a file and checks that it is UTF-8, window by window with [`Pages::Slide`].
    ///
    /// # Safety
    /// The file must not be modified or truncated while the value lives: its bytes are used as a `&str`, and accessing
    /// a page past the new end raises SIGBUS. If the caller cannot guarantee this, use [`Windowed`].
    ///
    /// # Errors
    /// When the file cannot be mapped, is too large, or is not UTF-8.
    pub unsafe fn open(path: &Path, pages: Pages, limits: &Limits) -> Result<Self, Error> {
        let (file, _) = open(path, limits)?;
        let path = path.to_owned();
        // SAFETY: the caller upholds the contract.
        let map = match unsafe { sys::map(&file) } {
            Ok(map) => map,
            Err(source) => return Err(Error::Io { path, source }),
        };
        let mapped = Self { path, file, map, pages, window: Cell::new((0, 0)) };
        let (mut start, bytes) = (0, &mapped.map[..]);
        while start < bytes.len() {
            mapped.touch(start, start)?;
            let end = character_border(bytes, start + AHEAD);
            check(&bytes[start..end], Position::START).map_err(|_| {
                // Count the position from the start, which is only needed for an error.
                check(bytes, Position::START).expect_err("a part of it is invalid")
            })?;
            start = end;
        }
        mapped.leave();
        Ok(mapped)
    }

    /// Releases all pages with `Pages::Slide`. The next `touch` checks whether the file was truncated.
    fn leave(&self) {
        if self.pages == Pages::Slide {
            let (from, to) = self.window.replace((0, 0));
            sys::unfocus(&self.map, from..to);
            sys::give_back(&self.map, 0..self.map.len());
        }
    }

    /// Moves the window to `start..end`, unless it contains that range with room to read ahead, and releases all pages
    /// outside of it. Fails if the file was truncated within the window.
    fn touch(&self, start: usize, end: usize) -> Result<(), Error> {
        let (from, to) = self.window.get();
        let size = self.map.len();
        let is_near = start >= from && (end + AHEAD < to || to == size);
        if self.pages == Pages::Stay || is_near {
            return Ok(());
        }
        let first = start / PAGE * PAGE;
        let last = (first + SPAN).max(end + AHEAD).next_multiple_of(PAGE).min(size);
        // When moving backwards, release everything ahead: a long token may have been read beyond its window.
        sys::give_back(&self.map, if first > from { from..first } else { from..size });
        sys::unfocus(&self.map, from..to);
        self.window.set((first, last));
        if sys::focus(&self.map, first..last) {
            return Ok(());
        }
        let left = self.file.metadata().map_or(first as u64, |metadata| metadata.len());
        Err(Error::Cut { path: self.path.clone(), opened: size as u64, left })
    }
}

/// Returns the last character boundary at or before `at`, so that windows end with whole characters. If the bytes are
/// not UTF-8, there may be none, and any offset suffices to detect that.
fn character_border(bytes: &[u8], at: usize) -> usize {
    if at >= bytes.len() {
        return bytes.len();
    }
    (at - 3..=at).rev().find(|at| bytes[*at] & 0b1100_0000 != 0b1000_0000).unwrap_or(at)
}

impl Source for Mapped {
    fn size(&self) -> u64 {
        self.map.len() as u64
    }

    fn bytes(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, Error> {
        let range = within(&range);
        self.touch(range.start, range.end)?;
        Ok(Cow::Borrowed(&self.map[range]))
    }

    fn text(&self, range: Range<u64>) -> Result<Cow<'_, str>, Error> {
        let range = within(&range);
        self.touch(range.start, range.end)?;
        Ok(Cow::Borrowed(&self.whole()[range]))
    }
}

impl InMemory for Mapped {
    fn whole(&self) -> &str {
        // SAFETY: `open` checked the whole file, and its caller guarantees that the file is not modified.
        unsafe { sys::checked_text(&self.map) }
    }

    fn check(&self) -> Result<(), Error> {
        // `open` checked the text window by window. Load the first window again, which fails if the file was truncated.
        self.touch(0, 0)
    }

    fn passed(&self, offset: u64) -> Result<(), Error> {
        let at = offset as usize;
        self.touch(at, at)
    }
}

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

impl Windowed {
    /// Opens a file without reading it.
    ///
    /// # Errors
    /// When the file cannot be opened or is too large.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self, Error> {
        let (file, size) = open(path, limits)?;
        let modified = file.metadata().and_then(|metadata| metadata.modified()).ok();
        Ok(Self { path: path.to_owned(), file, size, modified, cache: RefCell::default() })
    }

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a range and appends it to `into`.
    pub(super) fn read(&self, range: Range<u64>, into: &mut Vec<u8>) -> Result<(), Error> {
        let old = into.len();
        let wanted = (range.end - range.start) as usize;
        into.resize(old + wanted, 0);
        let io = |source| Error::Io { path: self.path.clone(), source };
        let mut filled = 0;
        while filled < wanted {
            let offset = range.start + filled as u64;
            match self.file.read_at(&mut into[old + filled..], offset) {
                Ok(0) => return Err(Error::Cut { path: self.path.clone(), opened: self.size, left: offset }),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(io(error)),
            }
        }
        // File system timestamps are coarse. A change within the same tick is only detected if it makes the text
        // invalid.
        let metadata = self.file.metadata().map_err(io)?;
        if metadata.len() < self.size {
            return Err(Error::Cut { path: self.path.clone(), opened: self.size, left: metadata.len() });
        }
        if metadata.modified().ok() != self.modified {
            return Err(self.changed(range.start));
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
            self.read(range.clone(), &mut bytes)?;
            return Ok(bytes);
        }
        let mut cache = self.cache.borrow_mut();
        let cached = cache.start..cache.start + cache.bytes.len() as u64;
        if range.start < cached.start || range.end > cached.end {
            cache.bytes.clear();
            cache.start = range.start;
            self.read(range.start..self.size.min(range.start + CACHE), &mut cache.bytes)?;
        }
        let at = (range.start - cache.start) as usize;
        Ok(cache.bytes[at..at + length as usize].to_vec())
    }
}

impl Source for Windowed {
    fn size(&self) -> u64 {
        self.size
    }

    fn bytes(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, Error> {
        self.copy(&range).map(Cow::Owned)
    }

    fn text(&self, range: Range<u64>) -> Result<Cow<'_, str>, Error> {
        let bytes = self.copy(&range)?;
        String::from_utf8(bytes).map(Cow::Owned).map_err(|_| self.changed(range.start))
    }
}
