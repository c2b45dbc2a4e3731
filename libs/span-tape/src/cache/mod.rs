//! Tapes that are kept in files, so that an input that was parsed before is not parsed again.
//!
//! A kept tape is used only for the input that it was made from. The metadata of the input decides that, as in git's
//! index: device, inode, size, and the times of the last modification and of the last change of the inode. If one of them
//! differs, or the input was changed so recently that its times cannot tell, a hash of its content decides (XXH3, 128
//! bits), which reads the whole input. The hash is that of the bytes that were parsed, in the same pass.
//!
//! A kept tape that is damaged, incomplete, from another version or from other options is ignored and replaced. It is
//! written to a new file that replaces the old one, so several processes may open and write the same one.
//!
//! | module | content |
//! |---|---|
//! | `key` | the version and options that a tape depends on |
//! | `identity` | the metadata of an input, and whether it can be trusted |
//! | `draft` | a new file that replaces a kept one |
//! | `file` | the format of the file |

mod draft;
mod file;
mod identity;
mod key;

use std::{
    env,
    ffi::OsString,
    fs::File,
    io,
    path::{Path, PathBuf},
};

use crate::{
    Decoding, Error, Mapped, Options, Pages, Source, Tape, Windowed, Word, build::Handle, digest::Digest, lines::Lines,
    memo::Memo, words::Words,
};
use draft::{Draft, Place};
use file::{Content, Kept};
use identity::{Identity, Time};
use key::Key;

/// Where tapes are kept.
///
/// A kept tape is readable by no more users than its input, and used only if its owner is the user of the process, root,
/// or the owner of the input, and nobody else may write it. Users who share a folder can thus keep tapes for each other
/// only of their own inputs. Links are not followed. Whoever may write to the folder can still remove tapes, so one that
/// all users may write to should have the sticky bit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// `None` is the folder of the input.
    folder: Option<PathBuf>,
    /// The mode of folders that are created.
    mode: u32,
}

/// The mode of folders before the umask applies.
const SHARED: u32 = 0o777;
/// As the XDG Base Directory Specification requires.
const PRIVATE: u32 = 0o700;

impl Cache {
    /// Keeps the tape of `NAME` as `.NAME.tape` beside it.
    #[must_use]
    pub fn beside() -> Self {
        Self { folder: None, mode: SHARED }
    }

    /// Keeps all tapes in a folder, which is created if it does not exist.
    #[must_use]
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()), mode: SHARED }
    }

    /// Keeps all tapes in the cache folder of the user, `$XDG_CACHE_HOME/span-tape` or `~/.cache/span-tape`. If it does not
    /// exist, it is created so that only the user may read it (mode 0700).
    ///
    /// Returns `None` if neither `XDG_CACHE_HOME` nor `HOME` is an absolute path.
    #[must_use]
    pub fn user() -> Option<Self> {
        let folder = user_folder(env::var_os("XDG_CACHE_HOME"), env::var_os("HOME"))?;
        Some(Self { folder: Some(folder), mode: PRIVATE })
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
                let mut name = OsString::from(".");
                name.push(input.file_name().unwrap_or_default());
                name.push(".tape");
                Ok(input.with_file_name(name))
            }
        }
    }

    fn place(&self, input: &Path) -> Option<Place> {
        Some(Place { path: self.path_of(input).ok()?, folder_mode: self.mode })
    }
}

/// As the XDG Base Directory Specification requires, relative paths are ignored.
fn user_folder(cache: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    let cache = cache.and_then(absolute).or_else(|| Some(home.and_then(absolute)?.join(".cache")))?;
    Some(cache.join("span-tape"))
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
        let Some(place) = cache.place(path) else { return Self::parse_file(input, &lazy(options)) };
        let key = Key::new(options);
        let kept = Kept::open(&place, &key, input.file()).filter(|kept| kept.is_of(input.file(), &place));
        if let Some((words, handles)) = kept.and_then(|kept| kept.read()) {
            return Ok(Self::reopened(input, Words::Owned(words), handles, options));
        }
        let Some(start) = Start::new(&place, input.file()) else { return Self::parse_file(input, &lazy(options)) };
        let mut digest = Digest::default();
        let tape = Self::parse_digested(input, &lazy(options), &mut digest)?;
        if digest.size() == tape.source.size() {
            start.keep(&tape, tape.source.file(), key, digest.hash());
        }
        Ok(tape)
    }
}

impl Tape<Mapped, Word> {
    /// Like [`Tape::open_cached`], with the input and the words of a kept tape mapped: reopening takes no private memory
    /// for either.
    ///
    /// The text of a reopened input is not checked as a whole, but each one that is requested.
    ///
    /// # Safety
    /// As for [`Mapped::open`]: the input must not be modified or truncated while the tape lives. Otherwise, a text that
    /// was borrowed changes, even to bytes that are not UTF-8, and accessing a page past the new end raises SIGBUS. The
    /// same holds for the file of the kept tape, which this library only ever replaces. A file that is replaced by a
    /// rename stays as it was for those who map it.
    ///
    /// # Errors
    /// As for [`Mapped::open`] and [`Tape::parse`]. Of an input with several faults, bytes that are not UTF-8 come first,
    /// because the text is checked before it is parsed.
    pub unsafe fn map_cached(path: &Path, cache: &Cache, options: &Options) -> Result<Self, Error> {
        // SAFETY: the caller upholds the contract.
        let input = unsafe { Mapped::open_unchecked(path, Pages::Stay, &options.limits)? };
        let key = Key::new(options);
        let place = cache.place(path);
        if let Some(place) = &place
            && let Some(kept) = Kept::open(place, &key, input.file())
            && kept.is_of(input.file(), place)
            // SAFETY: the caller upholds the contract.
            && let Some((words, handles)) = unsafe { kept.map() }
        {
            return Ok(Self::reopened(input, words, handles, options));
        }
        let start = place.and_then(|place| Start::new(&place, input.file()));
        let hash = |input: &Mapped| input.bytes(0..input.size()).map(|bytes| Digest::of_bytes(&bytes).hash());
        let before = start.is_some().then(|| hash(&input)).transpose()?;
        // The check of the text and the parser read the same mapping.
        let tape = Self::parse(input.checked()?, &lazy(options))?;
        if let (Some(start), Some(before)) = (start, before)
            && hash(&tape.source)? == before
        {
            start.keep(&tape, tape.source.file(), key, before);
        }
        Ok(tape)
    }
}

/// What is known before an input is parsed, if its tape can be kept.
struct Start {
    draft: Draft,
    identity: Identity,
    read: Time,
}

impl Start {
    fn new(place: &Place, input: &File) -> Option<Self> {
        let draft = Draft::create(place, input).ok()?;
        // The time first: what is changed after it has other times.
        let read = Time::now(input, draft.file());
        Some(Self { identity: Identity::of(input).ok()?, read, draft })
    }

    /// Keeps a tape, unless the input was changed. Errors are ignored: the next opener parses again.
    fn keep<S>(self, tape: &Tape<S, Word>, input: &File, key: Key, hash: u128) {
        let Self { draft, identity, read } = self;
        if Identity::of(input).is_ok_and(|after| after == identity) {
            let content = Content { identity, hash, read };
            let _ = file::write(draft, key, content, &tape.nodes, &tape.handles);
        }
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
            lines: Lines::default(),
            is_reopened: true,
        }
    }
}

fn lazy(options: &Options) -> Options {
    Options { decoding: Decoding::Lazy, ..*options }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_the_user_is_absolute() {
        let folder = |cache: &str, home: &str| user_folder(Some(cache.into()), Some(home.into()));
        let path = |path: &str| Some(PathBuf::from(path));
        assert_eq!(folder("/cache", "/home/a"), path("/cache/span-tape"));
        assert_eq!(folder("", "/home/a"), path("/home/a/.cache/span-tape"));
        assert_eq!(folder("cache", "/home/a"), path("/home/a/.cache/span-tape"));
        assert_eq!(folder("cache", "home"), None);
        assert_eq!(user_folder(None, None), None);
    }
}
