//! The folder of baselines: `<machine class>/<family>.json`.

use std::path::{Path, PathBuf};

use super::{CliError, json_files};
use crate::model::{MachineClass, Record, StoreError, read_record};

/// Where the baseline of a family is kept.
pub(super) fn path(folder: &Path, class: &MachineClass, family: &str) -> PathBuf {
    folder.join(class.to_string()).join(format!("{family}.json"))
}

/// The baseline of a run: of its own machine class, or of the one that differs by ASLR alone.
pub(super) fn find(folder: &Path, run: &Record) -> Result<Option<Record>, CliError> {
    let class = &run.fingerprint.class;
    match read(folder, class, &run.family)? {
        None => read(folder, &class.with_other_aslr(), &run.family),
        found => Ok(found),
    }
}

/// The baseline of a family and machine class, if there is one.
pub(super) fn read(folder: &Path, class: &MachineClass, family: &str) -> Result<Option<Record>, CliError> {
    let path = path(folder, class, family);
    match read_record(&path) {
        Ok(record) if record.family == family && record.fingerprint.class == *class => Ok(Some(record)),
        Ok(Record { family, fingerprint, .. }) => {
            let found = format!("{family} on {}", fingerprint.class);
            Err(StoreError::Misplaced { path, found }.into())
        }
        Err(StoreError::Missing(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The machine classes that have a baseline of a family.
pub(super) fn classes(folder: &Path, family: &str) -> Vec<MachineClass> {
    let names = folder.read_dir().into_iter().flatten().flatten();
    let classes = names.filter_map(|entry| entry.file_name().to_str()?.parse::<MachineClass>().ok());
    let mut classes: Vec<_> = classes.filter(|class| path(folder, class, family).is_file()).collect();
    classes.sort();
    classes
}

/// The families that have a baseline of a machine class.
pub(super) fn families(folder: &Path, class: &MachineClass) -> Vec<String> {
    let files = json_files(&folder.join(class.to_string())).unwrap_or_default();
    files.iter().filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect()
}
