//! The folder of baselines: `<machine class>/<family>.json`.

use std::path::{Path, PathBuf};

use crate::model::{MachineClass, Record, StoreError, read_record};

/// Where the baseline of a family is kept.
#[must_use]
pub fn path(folder: &Path, class: &MachineClass, family: &str) -> PathBuf {
    folder.join(class.to_string()).join(format!("{family}.json"))
}

/// The baseline of a run: of its own machine class, or of the one that differs by ASLR alone.
///
/// # Errors
/// When it is there and cannot be read, or is not what its place says.
pub fn find(folder: &Path, run: &Record) -> Result<Option<Record>, StoreError> {
    let class = &run.fingerprint.class;
    match read(folder, class, &run.family)? {
        None => read(folder, &class.with_other_aslr(), &run.family),
        found => Ok(found),
    }
}

/// The baseline of a family and machine class, if there is one.
///
/// # Errors
/// When it is there and cannot be read, or is not what its place says.
pub fn read(folder: &Path, class: &MachineClass, family: &str) -> Result<Option<Record>, StoreError> {
    let path = path(folder, class, family);
    match read_record(&path) {
        Ok(record) if record.family == family && record.fingerprint.class == *class => Ok(Some(record)),
        Ok(Record { family, fingerprint, .. }) => {
            let found = format!("{family} on {}", fingerprint.class);
            Err(StoreError::Misplaced { path, found })
        }
        Err(StoreError::Missing(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The machine classes that have a baseline of a family.
#[must_use]
pub fn classes(folder: &Path, family: &str) -> Vec<MachineClass> {
    let names = folder.read_dir().into_iter().flatten().flatten();
    let classes = names.filter_map(|entry| entry.file_name().to_str()?.parse::<MachineClass>().ok());
    let mut classes: Vec<_> = classes.filter(|class| path(folder, class, family).is_file()).collect();
    classes.sort();
    classes
}

/// The families that have a baseline of a machine class.
#[must_use]
pub fn families(folder: &Path, class: &MachineClass) -> Vec<String> {
    let entries = folder.join(class.to_string()).read_dir().into_iter().flatten().flatten();
    let files = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "json"));
    let mut families: Vec<String> = files.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
    families.sort();
    families
}
