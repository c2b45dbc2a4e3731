//! Exclusive use of a folder. The lock is a kernel lock on the folder itself: it leaves no file behind, and the kernel
//! releases it when the process ends.

use std::{
    fs::{self, File, TryLockError},
    path::Path,
};

use crate::{StoreError, record_file::is_temporary};

/// An exclusive lock on a folder, released on drop.
#[derive(Debug)]
pub struct FolderLock(#[expect(dead_code, reason = "the lock lasts as long as the file is open")] File);

impl FolderLock {
    /// Locks a folder, waiting for another holder if necessary. `report` is called with a message before waiting, and
    /// if the file system does not support locks (some network file systems), in which case there is no lock.
    ///
    /// # Errors
    /// If the folder cannot be opened.
    pub fn take(folder: &Path, report: impl Fn(&str)) -> Result<Self, StoreError> {
        let file = File::open(folder).map_err(|source| StoreError::Io { path: folder.to_owned(), source })?;
        let taken = file.try_lock().or_else(|refusal| match refusal {
            TryLockError::WouldBlock => {
                report(&format!("another run is using {}: waiting for it to end", folder.display()));
                file.lock()
            }
            TryLockError::Error(source) => Err(source),
        });
        if let Err(source) = taken {
            report(&format!("{} cannot be locked ({source}): make sure that nothing else uses it", folder.display()));
        }
        Ok(Self(file))
    }

    /// Removes temporary files that a killed writer left in a folder. The caller must hold the lock that writers of
    /// `folder` take, because the temporary files of an active writer look the same.
    pub fn sweep(&self, folder: &Path) {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            if is_temporary(&entry.file_name()) {
                // A file that cannot be removed does no harm.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{cell::RefCell, time::Duration};

    #[test]
    fn a_second_lock_waits_for_the_first_and_reports_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let quiet = |line: &str| panic!("the folder is not locked: {line}");
        let first = FolderLock::take(folder.path(), quiet).expect("locked");
        let release = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            drop(first);
        });
        let message = RefCell::new(String::new());
        let second = FolderLock::take(folder.path(), |line| message.borrow_mut().push_str(line)).expect("locked");
        release.join().expect("released");
        let message = message.into_inner();
        assert!(message.contains(&format!("using {}: waiting", folder.path().display())), "{message}");
        drop(second);
        FolderLock::take(folder.path(), quiet).expect("locked again");
    }

    #[test]
    fn a_sweep_removes_temporary_files_only() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in [".highwater-aB3xYz", "toy.json", ".highwater"] {
            fs::write(folder.path().join(name), "").expect("written");
        }
        FolderLock::take(folder.path(), |_| ()).expect("locked").sweep(folder.path());
        let mut left: Vec<_> = folder.path().read_dir().expect("read").flatten().map(|e| e.file_name()).collect();
        left.sort();
        assert_eq!(left, [".highwater", "toy.json"]);
    }
}
