//! Writes the site to disk. Each page is written to a temporary file and renamed, so that no page is ever
//! incomplete, and pages of earlier runs are removed. Nothing is synced: the site can be generated again.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

use super::{Material, SiteError, pages, style::STYLES};

/// The first bytes of every page. They identify pages of earlier runs, which may be removed.
pub(super) const MARK: &str = "<!doctype html>\n<html lang=\"en\">\n<meta name=\"generator\" content=\"highwater\">";
/// The subfolders with pages.
const FOLDERS: [&str; 3] = ["family", "details", "case"];
/// The subfolder of the style sheets.
const STYLE: &str = "style";

/// Writes the site and returns the path of its front page.
///
/// # Errors
/// Returns [`SiteError`] if a file cannot be written. Each page is then either the old or the new version.
pub fn write(material: &Material, out: &Path) -> Result<PathBuf, SiteError> {
    fs::create_dir_all(out).map_err(|source| SiteError::Io { path: out.to_owned(), source })?;
    let root = out.canonicalize().map_err(|source| SiteError::Io { path: out.to_owned(), source })?;
    let pages = pages(material, Some(&root))?;
    for folder in FOLDERS.map(|name| root.join(name)) {
        fs::create_dir_all(&folder).map_err(|source| SiteError::Io { path: folder, source })?;
    }
    write_styles(&root)?;
    // Write the front page last, so that its links always work.
    for page in pages.iter().rev() {
        let path = root.join(&page.path);
        write_file(&path, &page.html).map_err(|source| SiteError::Io { path, source })?;
    }
    let known: HashSet<PathBuf> = pages.iter().map(|page| root.join(&page.path)).collect();
    for folder in FOLDERS {
        remove_stale(&root.join(folder), |path| known.contains(path))?;
    }
    Ok(out.join("index.html"))
}

/// Writes the style sheets, which pages expect in the root of their site.
///
/// # Errors
/// Returns [`SiteError`] if a file cannot be written.
pub fn write_styles(root: &Path) -> Result<(), SiteError> {
    let folder = root.join(STYLE);
    fs::create_dir_all(&folder).map_err(|source| SiteError::Io { path: folder.clone(), source })?;
    for (name, style) in STYLES {
        let path = folder.join(format!("{name}.css"));
        write_file(&path, style).map_err(|source| SiteError::Io { path, source })?;
    }
    Ok(())
}

fn write_file(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".highwater-").tempfile_in(folder)?;
    io::Write::write_all(&mut file, text.as_bytes())?;
    file.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    file.persist(path).map(|_| ()).map_err(|error| error.error)
}

/// Removes pages that Highwater wrote earlier and that are not part of this site. Other files are kept.
fn remove_stale(folder: &Path, is_known: impl Fn(&Path) -> bool) -> Result<(), SiteError> {
    let error = |source| SiteError::Io { path: folder.to_owned(), source };
    for entry in folder.read_dir().map_err(error)? {
        let path = entry.map_err(error)?.path();
        if path.extension().is_some_and(|end| end == "html") && !is_known(&path) && is_ours(&path) {
            fs::remove_file(&path).map_err(|source| SiteError::Io { path, source })?;
        }
    }
    Ok(())
}

fn is_ours(path: &Path) -> bool {
    let mut start = vec![0; MARK.len()];
    let read = fs::File::open(path).and_then(|mut file| io::Read::read_exact(&mut file, &mut start));
    read.is_ok() && start == MARK.as_bytes()
}
