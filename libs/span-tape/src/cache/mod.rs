//! Tapes that are kept in files, so that an input that was parsed before is not parsed again.
//!
//! A kept tape is used only for the input that it was made from. The metadata of the input decides that, as in git's
//! index: device, inode, size, and the times of the last modification and of the last change of the inode. If one of them
//! differs, or the input was changed so recently that its times cannot tell, a hash of its content decides (XXH3, 128
//! bits), which reads the whole input.
//!
//! A kept tape that is damaged, incomplete, from another version or from other options is ignored and replaced. It is
//! written to a new file that replaces the old one, so several processes may open and write the same one.

mod file;
mod identity;

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{
    Decoding, Error, Mapped, Options, Pages, Source, Tape, Windowed, Word, build::Handle, memo::Memo, words::Words,
};
use file::{Kept, Key};
use identity::{Content, Identity};

/// Where tapes are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// `None` is the folder of the input.
    folder: Option<PathBuf>,
}

impl Cache {
    /// Keeps the tape of `NAME` as `.NAME.tape` beside it.
    #[must_use]
    pub fn beside() -> Self {
        Self { folder: None }
    }

    /// Keeps all tapes in a folder, which is created if it does not exist.
    #[must_use]
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()) }
    }

    /// The file of an input's tape.
    ///
    /// # Errors
    /// When the input does not exist.
    pub fn path_of(&self, input: &Path) -> io::Result<PathBuf> {
        match &self.folder {
            Some(folder) => {
                let absolute = input.canonicalize()?;
                let hash = xxhash_rust::xxh3::xxh3_128(absolute.as_os_str().as_encoded_bytes());
                Ok(folder.join(format!("{hash:032x}.tape")))
            }
            None => {
                let mut name = std::ffi::OsString::from(".");
                name.push(input.file_name().unwrap_or_default());
                name.push(".tape");
                Ok(input.with_file_name(name))
            }
        }
    }
}

impl Tape<Windowed, Word> {
    /// Opens a file, from its kept tape if there is one, else by parsing it through a window and keeping the tape.
    ///
    /// The words of a kept tape are read into memory, and texts are read from the input when they are asked for, as with
    /// [`Tape::open`]. [`Options::decoding`] has no effect: texts are decoded on access. If the tape cannot be kept, such as
    /// in a folder that is read-only, the file is opened all the same. [`Tape::is_reopened`] says which it was.
    ///
    /// # Errors
    /// As for [`Tape::open`].
    pub fn open_cached(path: &Path, cache: &Cache, options: &Options) -> Result<Self, Error> {
        let input = Windowed::open(path, &options.limits)?;
        let place = cache.path_of(path).ok();
        let key = Key::new(options);
        let kept = place.as_deref().and_then(|place| Kept::open(place, &key));
        let usable = kept.filter(|kept| kept.is_of(input.file(), place.as_deref()));
        if let Some((words, handles)) = usable.and_then(|kept| kept.read()) {
            return Ok(Self::reopened(input, Words::Owned(words), handles, options));
        }
        let before = Identity::of(input.file()).ok();
        let tape = Self::parse_file(input, &lazy(options))?;
        // Errors are ignored: the next opener parses again.
        if let (Some(place), Some(before), Ok(content)) = (place, before, Content::of(tape.source.file()))
            && Identity::of(tape.source.file()).is_ok_and(|after| after == before)
        {
            let _ = file::write(&place, &key, before, content, &tape.nodes, &tape.handles);
        }
        Ok(tape)
    }
}

impl Tape<Mapped, Word> {
    /// Like [`Tape::open_cached`], with the input and the words of a kept tape mapped: reopening takes no private memory
    /// for either.
    ///
    /// # Safety
    /// As for [`Mapped::open`]: the input must not be modified or truncated while the tape lives. The same holds for the
    /// file of the kept tape, which this library only ever replaces, and it must have been written by this library: a kept
    /// tape states that its input is UTF-8.
    ///
    /// # Errors
    /// As for [`Tape::open`].
    pub unsafe fn map_cached(path: &Path, cache: &Cache, options: &Options) -> Result<Self, Error> {
        let place = cache.path_of(path).ok();
        let key = Key::new(options);
        if let Some(kept) = place.as_deref().and_then(|place| Kept::open(place, &key)) {
            // SAFETY: the caller upholds the contract, and the text was checked when the tape was made.
            let input = unsafe { Mapped::open_checked(path, Pages::Stay, &options.limits)? };
            if kept.is_of(input.file(), place.as_deref())
                // SAFETY: the caller upholds the contract.
                && let Some((words, handles)) = unsafe { kept.map() }
            {
                return Ok(Self::reopened(input, words, handles, options));
            }
        }
        // SAFETY: the caller upholds the contract.
        let input = unsafe { Mapped::open(path, Pages::Stay, &options.limits)? };
        let before = Identity::of(input.file()).ok();
        let tape = Self::parse(input, &lazy(options))?;
        if let (Some(place), Some(before)) = (place, before) {
            let content = Content::of_bytes(&tape.source.bytes(0..tape.source.size())?);
            if Identity::of(tape.source.file()).is_ok_and(|after| after == before) {
                let _ = file::write(&place, &key, before, content, &tape.nodes, &tape.handles);
            }
        }
        Ok(tape)
    }
}

impl<S: Source> Tape<S, Word> {
    fn reopened(source: S, nodes: Words<Word>, handles: Vec<Handle>, options: &Options) -> Self {
        Self {
            source,
            nodes,
            arena: String::new(),
            decoded: Vec::new(),
            handles,
            merge_keys: options.merge_keys,
            memo: Memo::default(),
            is_reopened: true,
        }
    }
}

fn lazy(options: &Options) -> Options {
    Options { decoding: Decoding::Lazy, ..*options }
}
