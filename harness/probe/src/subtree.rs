//! A cgroup and the groups below it, which a worker may have created.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The group and all groups below it, children before parents.
pub(super) fn subtree(folder: &Path) -> Vec<PathBuf> {
    let mut groups = vec![folder.to_owned()];
    let mut next = 0;
    while let Some(group) = groups.get(next) {
        let entries = fs::read_dir(group).into_iter().flatten().flatten();
        let below = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        groups.extend(below.map(|entry| entry.path()).collect::<Vec<_>>());
        next += 1;
    }
    groups.reverse();
    groups
}

/// Removes groups, which must have no processes.
///
/// # Errors
/// That of the last group; a parent cannot be removed before its children.
pub(super) fn remove(groups: &[PathBuf]) -> io::Result<()> {
    let mut last = Ok(());
    for group in groups {
        last = fs::remove_dir(group);
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_are_removed_before_their_parents() {
        let folder = tempfile::tempdir().expect("a folder");
        let top = folder.path().join("top");
        fs::create_dir_all(top.join("a/b")).expect("created");
        fs::create_dir_all(top.join("c")).expect("created");
        let groups = subtree(&top);
        assert_eq!(groups.len(), 4);
        assert_eq!(groups.last(), Some(&top));
        remove(&groups).expect("removed");
        assert!(!top.exists() && remove(&groups).is_err());
    }
}
