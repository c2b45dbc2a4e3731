//! The file of a kept tape: a header, the words, and the handles of tags. All numbers have the byte order of the machine
//! that wrote them; a file of another order has another magic number.
//!
//! ```text
//!  offset  size
//!       0    88   magic, version of the layout, key, and the metadata and hash of the input
//!       …     8   number of words
//!       …     8   number of handles
//!       …     8   XXH3 of the words and handles
//!       …     8   0
//!       …     8   XXH3 of the header
//!          8 * n  words
//!         20 * m  handles
//! ```

use std::{
    fs::{File, Metadata},
    io::{self, Read, Write},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
};

use rustix::{fs::OFlags, process::geteuid};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::{
    draft::{Draft, Place},
    identity::{Identity, Time, has_clock},
    key::Key,
};
use crate::{Word, build::Handle, digest::Digest, sys, words::Words};

/// `YAMLTAPE` as a number, so that the other byte order is another number.
const MAGIC: u64 = 0x5941_4d4c_5441_5045;
/// Incremented with the layout of words or of this file.
const VERSION: u64 = 2;
/// The numbers of the header.
const FIELDS: usize = 16;
const HEADER: usize = FIELDS * 8;
/// The size of a handle in the file.
const HANDLE: usize = 20;

/// The input that a tape was made from: its metadata and the hash of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) identity: Identity,
    pub(super) hash: u128,
    /// A time before the content was read.
    pub(super) read: Time,
}

/// An open file of a kept tape, whose header is intact.
#[derive(Debug)]
pub(super) struct Kept {
    file: File,
    key: Key,
    content: Content,
    words: u64,
    handles: u64,
    body_hash: u64,
}

impl Kept {
    /// Opens the file if it exists, is intact so far, was made with these options, and is trusted for this input. Neither
    /// follows a link nor blocks, whatever is at the path.
    pub(super) fn open(place: &Place, key: &Key, input: &File) -> Option<Self> {
        let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY;
        let mut file = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(&place.path).ok()?;
        let metadata = file.metadata().ok()?;
        if !is_trusted(&metadata, input) {
            return None;
        }
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
            && Some(metadata.len()) == length(words, handles);
        let (modified, changed) = (modified.cast_signed(), changed.cast_signed());
        let content = Content {
            identity: Identity { device, inode, size, modified, changed },
            hash: u128::from(low) | u128::from(high) << 64,
            read: Time(read.cast_signed()),
        };
        is_intact.then_some(Self { file, key: *key, content, words, handles, body_hash: body })
    }

    /// Whether the tape is that of this input. If only its content says so, the metadata is written to `place`, so that
    /// the next opener need not read the input.
    pub(super) fn is_of(&self, input: &File, place: &Place) -> bool {
        let Ok(identity) = Identity::of(input) else { return false };
        let is_known = identity == self.content.identity;
        if is_known && identity.was_settled(self.content.read) {
            return true;
        }
        if identity.size != self.content.identity.size {
            return false;
        }
        // Before the input is read, because the draft has the time of the file system.
        let helps = !is_known || identity.was_settled(Time::here()) && has_clock(input, &self.file);
        let draft = helps.then(|| Draft::create(place, input).ok()).flatten();
        let read = draft.as_ref().map_or(Time::UNKNOWN, |draft| Time::now(input, draft.file()));
        let Ok(digest) = Digest::of_file(input) else { return false };
        let hash = digest.hash();
        let is_same = hash == self.content.hash && Identity::of(input).is_ok_and(|after| after == identity);
        if is_same && let (Some(draft), Some((words, handles))) = (draft, self.read()) {
            let _ = write(draft, self.key, Content { identity, hash, read }, &words, &handles);
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
        sys::load(&map);
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

/// Whether a kept tape may be used for an input: it is a regular file that nobody may write but its owner, who is the
/// user, root, or the owner of the input.
fn is_trusted(kept: &Metadata, input: &File) -> bool {
    const OTHERS_WRITE: u32 = 0o022;
    let owners = [geteuid().as_raw(), 0];
    kept.is_file()
        && kept.mode() & OTHERS_WRITE == 0
        && (owners.contains(&kept.uid()) || input.metadata().is_ok_and(|input| input.uid() == kept.uid()))
}

/// Writes a tape to a draft, which then replaces the file of the kept tape.
///
/// # Errors
/// When the file cannot be written or renamed; nothing is left behind then.
pub(super) fn write(draft: Draft, key: Key, content: Content, words: &[Word], handles: &[Handle]) -> io::Result<()> {
    let handles: Vec<u8> = handles.iter().flat_map(|it| it.numbers()).flat_map(u32::to_ne_bytes).collect();
    let mut hash = Xxh3::new();
    hash.update(sys::bytes_of(words));
    hash.update(&handles);
    let Content { identity, hash: content, read } = content;
    let fields: [u64; FIELDS - 1] = [
        MAGIC,
        VERSION,
        key.0,
        identity.device,
        identity.inode,
        identity.size,
        identity.modified.cast_unsigned(),
        identity.changed.cast_unsigned(),
        content as u64,
        (content >> 64) as u64,
        read.0.cast_unsigned(),
        words.len() as u64,
        (handles.len() / HANDLE) as u64,
        hash.digest(),
        0,
    ];
    let mut header: Vec<u8> = fields.iter().flat_map(|field| field.to_ne_bytes()).collect();
    header.extend_from_slice(&xxh3_64(&header).to_ne_bytes());
    let mut file = draft.file();
    file.write_all(&header)?;
    file.write_all(sys::bytes_of(words))?;
    file.write_all(&handles)?;
    draft.replace()
}
