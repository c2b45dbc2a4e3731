//! Programs that were unpacked from an archive (`highwater archive`): where the sources are now, and of which commit they
//! are. Above such a program is a folder with a file for each.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// The name of the folder, at the root of what was unpacked.
pub const FOLDER: &str = "highwater-archive";
/// The file with the root of the workspace on the machine that built the programs.
pub const ROOT: &str = "root";
/// The file with the commit of the sources. It is empty if there was none.
pub const COMMIT: &str = "commit";
/// The folder with the sources that are needed to measure, beside [`FOLDER`].
pub const SOURCES: &str = "sources";

/// A fact about the archive that this program was unpacked from; `None` if it was not.
#[must_use]
pub fn fact(name: &str) -> Option<String> {
    fact_of(&env::current_exe().ok()?, name)
}

fn fact_of(program: &Path, name: &str) -> Option<String> {
    let folder = program.ancestors().map(|folder| folder.join(FOLDER)).find(|folder| folder.is_dir())?;
    fs::read_to_string(folder.join(name)).ok()
}

/// A file of the sources, which a program has compiled in as `concat!(env!("CARGO_MANIFEST_DIR"), "/FILE")`: where it was
/// unpacked, if the program was unpacked from an archive.
#[must_use]
pub fn source(file: impl AsRef<Path>) -> PathBuf {
    let file = file.as_ref();
    env::current_exe().ok().and_then(|program| unpacked(&program, file)).unwrap_or_else(|| file.to_owned())
}

fn unpacked(program: &Path, file: &Path) -> Option<PathBuf> {
    let within = file.strip_prefix(fact_of(program, ROOT)?).ok()?.to_owned();
    let root = program.ancestors().find(|folder| folder.join(FOLDER).is_dir())?;
    Some(root.join(SOURCES).join(within))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sources_of_an_unpacked_program_are_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("target/release/deps/bench-0123");
        let file = Path::new("/home/build/project/benches/a/worker.py");
        assert_eq!((unpacked(&program, file), fact_of(&program, COMMIT)), (None, None));
        fs::create_dir_all(folder.path().join(FOLDER)).expect("made");
        fs::write(folder.path().join(FOLDER).join(ROOT), "/home/build/project").expect("written");
        fs::write(folder.path().join(FOLDER).join(COMMIT), "0123456789ab").expect("written");
        assert_eq!(unpacked(&program, file), Some(folder.path().join("sources/benches/a/worker.py")));
        assert_eq!(unpacked(&program, Path::new("/usr/bin/python3")), None);
        assert_eq!(fact_of(&program, COMMIT).as_deref(), Some("0123456789ab"));
    }
}
