//! A file that is mapped, whole or through a sliding window.

use std::{
    borrow::Cow,
    cell::Cell,
    fs::File,
    ops::Range,
    path::{Path, PathBuf},
};

use memmap2::Mmap;

use super::{InMemory, Source, WINDOW, check, open, within};
use crate::{
    encoding::Encoding,
    error::{Error, Position},
    limits::Limits,
    sys,
};

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
    /// The size of the text at the start that was checked, if any was. What was not is checked when it is accessed.
    text: Cell<Option<usize>>,
    /// The current window with `Pages::Slide`, from a page boundary to a page boundary or the end.
    window: Cell<(usize, usize)>,
}

impl Mapped {
    /// Maps a file and checks that it is UTF-8, window by window with [`Pages::Slide`].
    ///
    /// # Safety
    /// The file must not be modified or truncated while the value lives: its bytes are used as a `&str`, and accessing
    /// a page past the new end raises SIGBUS. If the caller cannot guarantee this, use [`Windowed`](super::Windowed).
    ///
    /// # Errors
    /// When the file cannot be mapped, is too large, or is not UTF-8.
    pub unsafe fn open(path: &Path, pages: Pages, limits: &Limits) -> Result<Self, Error> {
        // SAFETY: the caller upholds the contract.
        unsafe { Self::open_unchecked(path, pages, limits)? }.checked()
    }

    /// Maps a file, of which a text is checked when it is accessed.
    ///
    /// # Safety
    /// As for [`Mapped::open`].
    pub(crate) unsafe fn open_unchecked(path: &Path, pages: Pages, limits: &Limits) -> Result<Self, Error> {
        let (file, _) = open(path, limits)?;
        let path = path.to_owned();
        // SAFETY: the caller upholds the contract.
        match unsafe { sys::map(&file) } {
            Ok(map) => Ok(Self { path, file, map, pages, text: Cell::new(None), window: Cell::new((0, 0)) }),
            Err(source) => Err(Error::Io { path, source }),
        }
    }

    /// Checks that the bytes are UTF-8.
    pub(crate) fn checked(self) -> Result<Self, Error> {
        let (mut start, bytes) = (0, &self.map[..]);
        self.touch(0, 0)?;
        let encoding = Encoding::detect(bytes);
        if encoding != Encoding::Utf8 {
            return Err(Error::Encoding { path: self.path, encoding });
        }
        while start < bytes.len() {
            self.touch(start, start)?;
            let end = character_border(bytes, start + AHEAD);
            check(&bytes[start..end], Position::START).map_err(|_| {
                // Count the position from the start, which is only needed for an error.
                check(bytes, Position::START).expect_err("a part of it is invalid")
            })?;
            start = end;
        }
        self.leave();
        self.text.set(Some(self.map.len()));
        Ok(self)
    }

    /// Returns the open file.
    pub(crate) fn file(&self) -> &File {
        &self.file
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
        if self.text.get() == Some(self.map.len()) {
            return Ok(Cow::Borrowed(&self.whole()[range]));
        }
        let offset = range.start as u64;
        let text = self.map.get(range).and_then(|bytes| std::str::from_utf8(bytes).ok());
        text.map(Cow::Borrowed).ok_or_else(|| Error::Changed { path: self.path.clone(), offset })
    }
}

impl InMemory for Mapped {
    fn whole(&self) -> &str {
        let checked = self.text.get().unwrap_or_else(|| {
            let text = std::str::from_utf8(&self.map);
            text.map_or_else(|error| error.valid_up_to(), str::len)
        });
        self.text.set(Some(checked));
        // SAFETY: these bytes were checked, and the caller of `open` guarantees that the file is not modified.
        unsafe { sys::checked_text(&self.map[..checked]) }
    }

    fn check(&self) -> Result<(), Error> {
        // `checked` did that window by window. Load the first window again, which fails if the file was truncated.
        self.touch(0, 0)
    }

    fn passed(&self, offset: u64) -> Result<(), Error> {
        let at = offset as usize;
        self.touch(at, at)
    }
}
