//! The file of a kept tape: a header, the words, and the handles of tags. All numbers have the byte order of the machine
//! that wrote them; a file of another order has another magic number.
//!
//! ```text
//!  offset  size
//!       0    64   magic, version, options, and the metadata and hash of the input (Header)
//!       …     8   number of words
//!       …     8   number of handles
//!       …     8   XXH3 of the words and handles
//!       …     8   XXH3 of the header
//!          8 * n  words
//!         20 * m  handles
//! ```

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::FileExt,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::identity::{Content, Identity, now};
use crate::{Indentation, Options, Word, build::Handle, sys, words::Words};

/// `YAMLTAPE` as a number, so that the other byte order is another number.
const MAGIC: u64 = 0x5941_4d4c_5441_5045;
/// Incremented with the layout of words or of this file.
const VERSION: u64 = 1;
/// The numbers of the header.
const FIELDS: usize = 16;
const HEADER: usize = FIELDS * 8;
/// The size of a handle in the file.
const HANDLE: usize = 20;

/// The options that decide which words an input has, and whether it is accepted at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key(u64);

impl Key {
    pub(super) fn new(options: &Options) -> Self {
        let limits = options.limits.representable();
        let indentation = match options.indentation {
            Indentation::Strict => 0,
            Indentation::Lenient => 1,
        };
        let numbers = [indentation, limits.input, limits.scalar, limits.depth as u64, limits.nodes];
        Self(xxh3_64(&bytes(&numbers)))
    }
}

fn bytes(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_ne_bytes()).collect()
}

/// An open file of a kept tape, whose header is intact.
#[derive(Debug)]
pub(super) struct Kept {
    file: File,
    key: Key,
    identity: Identity,
    content: Content,
    words: u64,
    handles: u64,
    body_hash: u64,
}

impl Kept {
    /// Opens the file if it exists, is intact so far, and was made with these options.
    pub(super) fn open(path: &Path, key: &Key) -> Option<Self> {
        let mut file = File::open(path).ok()?;
        let mut header = [0; HEADER];
        file.read_exact(&mut header).ok()?;
        let mut fields = [0; FIELDS];
        for (field, part) in fields.iter_mut().zip(header.chunks_exact(8)) {
            *field = u64::from_ne_bytes(part.try_into().ok()?);
        }
        let [
            magic,
            version,
            known,
            device,
            inode,
            size,
            modified,
            changed,
            low,
            high,
            read,
            words,
            handles,
            body,
            _,
            hash,
        ] = fields;
        let is_intact = magic == MAGIC
            && version == VERSION
            && known == key.0
            && hash == xxh3_64(&header[..HEADER - 8])
            && file.metadata().is_ok_and(|metadata| Some(metadata.len()) == length(words, handles));
        is_intact.then_some(Self {
            file,
            key: *key,
            identity: Identity {
                device,
                inode,
                size,
                modified: modified.cast_signed(),
                changed: changed.cast_signed(),
            },
            content: Content { hash: u128::from(low) | u128::from(high) << 64, read: read.cast_signed() },
            words,
            handles,
            body_hash: body,
        })
    }

    /// Whether the tape is that of this input. If only its content says so, the metadata is written to `place`, so that
    /// the next opener need not read the input.
    pub(super) fn is_of(&self, input: &File, place: Option<&Path>) -> bool {
        let Ok(identity) = Identity::of(input) else { return false };
        if identity == self.identity && identity.was_settled(self.content.read) {
            return true;
        }
        if identity.size != self.identity.size {
            return false;
        }
        let Ok(content) = Content::of(input) else { return false };
        let is_same = content.hash == self.content.hash && Identity::of(input).is_ok_and(|after| after == identity);
        let helps = identity != self.identity || identity.was_settled(content.read);
        if is_same
            && helps
            && let (Some(place), Some((words, handles))) = (place, self.read())
        {
            let _ = write(place, &self.key, identity, content, &words, &handles);
        }
        is_same
    }

    /// Reads the words and handles, if they are intact.
    pub(super) fn read(&self) -> Option<(Vec<Word>, Vec<Handle>)> {
        let size = usize::try_from(length(self.words, self.handles)?).ok()? - HEADER;
        let mut words = Vec::new();
        words.try_reserve_exact(usize::try_from(self.words).ok()?).ok()?;
        let (mut hash, mut offset, mut handles) = (Xxh3::new(), 0, Vec::new());
        let mut buffer = vec![0; 256 << 10];
        let words_size = self.words as usize * 8;
        while offset < size {
            // A multiple of the size of a word, so that none is divided.
            let end = if offset < words_size { words_size } else { size };
            let part = &mut buffer[..(end - offset).min(256 << 10)];
            self.file.read_exact_at(part, (HEADER + offset) as u64).ok()?;
            hash.update(part);
            if offset < words_size {
                words.extend(part.chunks_exact(8).map(|word| Word::from_ne_bytes(word.try_into().unwrap_or_default())));
            } else {
                handles.extend_from_slice(part);
            }
            offset += part.len();
        }
        (hash.digest() == self.body_hash).then(|| (words, parse_handles(&handles)))
    }

    /// Maps the words, if they and the handles are intact.
    ///
    /// # Safety
    /// The file must not be modified or truncated while the words live.
    pub(super) unsafe fn map(self) -> Option<(Words<Word>, Vec<Handle>)> {
        // SAFETY: the caller upholds the contract.
        let map = unsafe { sys::map(&self.file) }.ok()?;
        let end = HEADER + usize::try_from(self.words).ok()?.checked_mul(8)?;
        if map.len() as u64 != length(self.words, self.handles)? || xxh3_64(&map[HEADER..]) != self.body_hash {
            return None;
        }
        let handles = parse_handles(&map[end..]);
        Some((Words::mapped(map, HEADER..end), handles))
    }
}

/// The length of a file, unless the numbers are damaged.
fn length(words: u64, handles: u64) -> Option<u64> {
    let words = words.checked_mul(8)?;
    words.checked_add(handles.checked_mul(HANDLE as u64)?)?.checked_add(HEADER as u64)
}

fn parse_handles(bytes: &[u8]) -> Vec<Handle> {
    let parse = |handle: &[u8]| {
        let mut numbers = [0; 5];
        for (number, part) in numbers.iter_mut().zip(handle.chunks_exact(4)) {
            *number = u32::from_ne_bytes(part.try_into().unwrap_or_default());
        }
        Handle::from_numbers(numbers)
    };
    bytes.chunks_exact(HANDLE).map(parse).collect()
}

/// Writes a tape to a new file, which then replaces the one at `path`.
///
/// # Errors
/// When the folder cannot be created or the file cannot be written; nothing is left behind then.
pub(super) fn write(
    path: &Path,
    key: &Key,
    identity: Identity,
    content: Content,
    words: &[Word],
    handles: &[Handle],
) -> io::Result<()> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}-{number}-{}.new", std::process::id(), now()));
    let written = write_new(Path::new(&name), key, identity, content, words, handles);
    let replaced = written.and_then(|()| fs::rename(&name, path));
    if replaced.is_err() {
        let _ = fs::remove_file(&name);
    }
    replaced
}

fn write_new(
    path: &Path,
    key: &Key,
    identity: Identity,
    content: Content,
    words: &[Word],
    handles: &[Handle],
) -> io::Result<()> {
    let mut file = io::BufWriter::with_capacity(256 << 10, File::create_new(path)?);
    let handles: Vec<u8> = handles.iter().flat_map(|it| it.numbers()).flat_map(u32::to_ne_bytes).collect();
    let mut hash = Xxh3::new();
    hash.update(sys::bytes_of(words));
    hash.update(&handles);
    let fields = [
        MAGIC,
        VERSION,
        key.0,
        identity.device,
        identity.inode,
        identity.size,
        identity.modified.cast_unsigned(),
        identity.changed.cast_unsigned(),
        content.hash as u64,
        (content.hash >> 64) as u64,
        content.read.cast_unsigned(),
        words.len() as u64,
        (handles.len() / HANDLE) as u64,
        hash.digest(),
        0,
    ];
    let header = bytes(&fields);
    file.write_all(&header)?;
    file.write_all(&xxh3_64(&header).to_ne_bytes())?;
    file.write_all(sys::bytes_of(words))?;
    file.write_all(&handles)?;
    // Not synced: what a crash of the system damages is ignored by the next opener.
    file.flush()
}
