//! Reads an archive: the manifest first, then everything else, if its programs can run here.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use flate2::bufread::MultiGzDecoder;
use highwater_model::Bytes;
use tar::{Archive, Entries, Entry};

use super::{
    ArchiveError,
    manifest::{self, Manifest},
};

/// The first bytes of the formats.
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const GZIP: &[u8] = &[0x1f, 0x8b];
/// The largest manifest that is read.
const LARGEST: Bytes = Bytes(16 << 20);

/// Unpacks an archive into a folder, unless the folder has its contents already, and returns its manifest.
pub(super) fn unpack(path: &Path, folder: &Path) -> Result<Manifest, ArchiveError> {
    let error = |source| ArchiveError::Io { path: path.to_owned(), source };
    let mut file = BufReader::new(File::open(path).map_err(error)?);
    let start = file.fill_buf().map_err(error)?;
    let reader: Box<dyn Read> = match start {
        start if start.starts_with(ZSTD) => Box::new(zstd::Decoder::with_buffer(file).map_err(error)?),
        start if start.starts_with(GZIP) => Box::new(MultiGzDecoder::new(file)),
        _ => return Err(unfit(path, "not an archive of `highwater archive`: it is neither zstd nor gzip")),
    };
    let damaged = |source| ArchiveError::Damaged { path: path.to_owned(), source };
    let mut archive = Archive::new(reader);
    archive.set_preserve_mtime(false);
    let mut entries = archive.entries().map_err(damaged)?;
    let first = entries.next().ok_or_else(|| damaged(io::ErrorKind::UnexpectedEof.into()))?.map_err(damaged)?;
    let text = manifest_text(path, first)?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|it| damaged(it.into()))?;
    if let Some(problem) = manifest.problem() {
        return Err(unfit(path, &problem));
    }
    if fs::read(folder.join(manifest::PATH)).is_ok_and(|known| known == text) {
        return Ok(manifest);
    }
    let in_folder = |source| ArchiveError::Io { path: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(in_folder)?;
    if folder.read_dir().map_err(in_folder)?.next().is_some() {
        return Err(unfit(folder, "not empty, and not of this archive; use another folder with --extract-to"));
    }
    let unpacked = unpack_all(entries, path, folder).and_then(|()| {
        // The checksum is after the last entry.
        io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(damaged)?;
        // Written last, so that a folder with it is complete.
        fs::write(folder.join(manifest::PATH), &text).map_err(in_folder)
    });
    if unpacked.is_err() {
        // The error is worth more than one about the rest.
        let _ = fs::remove_dir_all(folder);
    }
    unpacked.map(|()| manifest)
}

fn unpack_all(entries: Entries<'_, Box<dyn Read>>, path: &Path, folder: &Path) -> Result<(), ArchiveError> {
    for entry in entries {
        let mut entry = entry.map_err(|source| ArchiveError::Damaged { path: path.to_owned(), source })?;
        // A path that leads out of the folder is not unpacked.
        if !entry.unpack_in(folder).map_err(|it| unpacking(path, folder, it))? {
            return Err(unfit(path, "not an archive of `highwater archive`: a path in it leads out of the folder"));
        }
    }
    Ok(())
}

fn manifest_text(path: &Path, mut first: Entry<'_, Box<dyn Read>>) -> Result<Vec<u8>, ArchiveError> {
    let damaged = |source| ArchiveError::Damaged { path: path.to_owned(), source };
    let is_manifest = first.path().map_err(damaged)?.as_ref() == Path::new(manifest::PATH);
    if !is_manifest || first.size() > LARGEST.0 {
        return Err(unfit(path, "not an archive of `highwater archive`: it does not begin with a manifest"));
    }
    let mut text = Vec::new();
    first.read_to_end(&mut text).map_err(damaged)?;
    Ok(text)
}

fn unfit(path: &Path, problem: &str) -> ArchiveError {
    ArchiveError::Unfit { path: path.to_owned(), problem: problem.to_owned() }
}

/// The reader wraps errors of the disk and those of the archive alike; only the former have a number of the system.
fn unpacking(path: &Path, folder: &Path, source: io::Error) -> ArchiveError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&source);
    let mut is_of_system = source.raw_os_error().is_some();
    while let Some(error) = cause {
        is_of_system |= error.downcast_ref::<io::Error>().is_some_and(|it| it.raw_os_error().is_some());
        cause = error.source();
    }
    match is_of_system {
        true => ArchiveError::Io { path: folder.to_owned(), source },
        false => ArchiveError::Damaged { path: path.to_owned(), source },
    }
}
