//! A bench binary whose family has been built, and where the program of its workers is.

use std::{
    env, io,
    path::{Path, PathBuf},
};

use highwater_judge::Claim;
use highwater_model::{Context, Question};
use highwater_runner::RunError;
use highwater_worker::Family;

/// A bench binary whose family has been built.
pub(super) struct Parts {
    pub(super) family: Family,
    pub(super) context: Context,
    pub(super) claims: Vec<Claim>,
    pub(super) questions: Vec<Question>,
    /// The name or the path of the worker binary; `None` if workers execute the bench binary.
    pub(super) worker: Option<&'static str>,
}

impl Parts {
    /// The program that workers execute, as an absolute path.
    pub(super) fn worker(&self) -> Result<PathBuf, RunError> {
        let own = Path::new("/proc/self/exe");
        let exe = env::current_exe().map_err(|source| RunError::Io { path: own.to_owned(), source })?;
        let Some(binary) = self.worker.map(Path::new) else { return Ok(exe) };
        // Cargo puts binaries into the profile's folder, and benches, tests and examples into folders below it.
        let folders = exe.ancestors().skip(1).take(2);
        let beside = folders.filter_map(|folder| Some(folder.join(binary.file_name()?)));
        let found = beside.chain([binary.to_owned()]).find(|path| path.is_absolute() && path.is_file());
        found.ok_or_else(|| RunError::Io {
            path: exe.with_file_name(binary.file_name().unwrap_or_default()),
            source: io::Error::new(io::ErrorKind::NotFound, "no such worker; build it with the bench: cargo bench"),
        })
    }
}
