//! Writes an archive: a tar, compressed by zstd or gzip, whose first entry is the manifest.

use std::{
    fs::{self, File, Permissions},
    io::{self, BufWriter, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use flate2::{Compression, write::GzEncoder};
use highwater_model::Bytes;
use tar::{Builder, EntryType, Header};

use super::{ArchiveError, contents::Contents, manifest};
use crate::CliError;

/// The compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Zstd,
    Gzip,
}

impl Format {
    /// By the name of the file.
    pub(super) fn of(path: &Path) -> Result<Self, CliError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match () {
            () if name.ends_with(".tar.zst") => Ok(Self::Zstd),
            () if name.ends_with(".tar.gz") => Ok(Self::Gzip),
            () => Err(CliError::Usage(format!("--output: {} does not end in .tar.zst or .tar.gz", path.display()))),
        }
    }
}

/// Writes the archive whole or not at all, and returns its size.
pub(super) fn pack(contents: &Contents, output: &Path, format: Format) -> Result<Bytes, ArchiveError> {
    let error = |source| ArchiveError::Io { path: output.to_owned(), source };
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Readable by all, as other files of the user.
    let mut file =
        tempfile::Builder::new().permissions(Permissions::from_mode(0o644)).tempfile_in(folder).map_err(error)?;
    let out = BufWriter::new(file.as_file_mut());
    match format {
        Format::Gzip => {
            let encoder = write(contents, GzEncoder::new(out, Compression::default()), output)?;
            encoder.finish().and_then(|mut out| out.flush()).map_err(error)?;
        }
        Format::Zstd => {
            let mut encoder = zstd::Encoder::new(out, zstd::DEFAULT_COMPRESSION_LEVEL).map_err(error)?;
            encoder.include_checksum(true).map_err(error)?;
            write(contents, encoder, output)?.finish().and_then(|mut out| out.flush()).map_err(error)?;
        }
    }
    let size = file.as_file().metadata().map_err(error)?.len();
    file.persist(output).map_err(|problem| error(problem.error))?;
    Ok(Bytes(size))
}

fn write<W: Write>(contents: &Contents, out: W, output: &Path) -> Result<W, ArchiveError> {
    let error = |path: &Path| {
        let path = path.to_owned();
        move |source| ArchiveError::Io { path, source }
    };
    let mut tar = Builder::new(out);
    let manifest = serde_json::to_string_pretty(&contents.manifest).map_err(|it| error(output)(it.into()))?;
    let manifest = (Path::new(manifest::PATH), format!("{manifest}\n"));
    let texts = contents.texts.iter().map(|(path, text)| (path.as_path(), text.clone()));
    for (path, text) in [manifest].into_iter().chain(texts) {
        let mut header = header(text.len() as u64, 0o644);
        tar.append_data(&mut header, path, text.as_bytes()).map_err(error(output))?;
    }
    for (path, source) in &contents.entries {
        append(&mut tar, path, source).map_err(error(source))?;
    }
    tar.into_inner().map_err(error(output))
}

fn append<W: Write>(tar: &mut Builder<W>, path: &Path, source: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(source)?;
    if metadata.is_symlink() {
        let mut header = header(0, 0o777);
        header.set_entry_type(EntryType::Symlink);
        return tar.append_link(&mut header, path, fs::read_link(source)?);
    }
    let mode = metadata.permissions().mode();
    tar.append_data(&mut header(metadata.len(), mode & 0o777), path, File::open(source)?)
}

/// The owner and the time do not matter, so that they are the same in every archive.
fn header(size: u64, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_size(size);
    header.set_mode(mode);
    header.set_mtime(1);
    header
}
