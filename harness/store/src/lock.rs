//! One user of a folder at a time. The lock is the kernel's and lies on the folder itself: it leaves no
//! file behind, and it ends with its holder, however that ends.

use std::{
    fs::{self, File, TryLockError},
    path::Path,
};

use crate::{StoreError, record_file::is_temporary};

/// A folder that others who ask for it wait for, until this is dropped.
#[derive(Debug)]
pub struct FolderLock(#[expect(dead_code, reason = "held for the lock on it")] File);

impl FolderLock {
    /// Locks a folder. `tell` gets a line where that has to wait for another holder, or where the file
    /// system has no locks (some network file systems), which is then done without.
    ///
    /// # Errors
    /// When the folder cannot be opened.
    pub fn take(folder: &Path, tell: impl Fn(&str)) -> Result<Self, StoreError> {
        let file = File::open(folder).map_err(|source| StoreError::Io { path: folder.to_owned(), source })?;
        let taken = file.try_lock().or_else(|refusal| match refusal {
            TryLockError::WouldBlock => {
                tell(&format!("another run is using {}: waiting for it to end", folder.display()));
                file.lock()
            }
            TryLockError::Error(source) => Err(source),
        });
        if let Err(source) = taken {
            tell(&format!("{} cannot be locked ({source}): see that nothing else uses it", folder.display()));
        }
        Ok(Self(file))
    }

    /// Removes what a writer that was killed left in a folder. Only for who holds the lock under which
    /// that folder is written: another writer's temporary file looks the same.
    pub fn sweep(&self, folder: &Path) {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            if is_temporary(&entry.file_name()) {
                // One that stays is in nobody's way.
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
    fn the_second_waits_for_the_first_and_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let quiet = |line: &str| panic!("nobody else is there: {line}");
        let first = FolderLock::take(folder.path(), quiet).expect("locked");
        let release = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            drop(first);
        });
        let told = RefCell::new(String::new());
        let second = FolderLock::take(folder.path(), |line| told.borrow_mut().push_str(line)).expect("locked");
        release.join().expect("released");
        assert!(told.borrow().contains(&format!("using {}: waiting", folder.path().display())), "{}", told.borrow());
        drop(second);
        FolderLock::take(folder.path(), quiet).expect("locked again");
    }

    #[test]
    fn a_sweep_takes_what_writers_left_and_nothing_else() {
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
