//! The worker programs that were built, below `target/highwater/engines`.

use std::path::PathBuf;

use engine_worker::Build;
use highwater_worker::NotRun;

/// What builds worker programs; their names follow.
pub const BUILD_COMMAND: &str = "bash benches/engines/build.sh";

/// Where the program of a build is, if it is built. `build.sh` puts it there.
pub(crate) fn program(build: Build) -> PathBuf {
    // Without a target folder the bench fails before any case runs.
    let target = highwater_runner::target_dir().unwrap_or_default();
    let path = target.join("highwater/engines").join(build.name).join(build.program());
    // Workers are started in another folder.
    std::path::absolute(&path).unwrap_or(path)
}

/// The program of a build, which must be there.
pub(crate) fn find(build: Build) -> Result<PathBuf, NotRun> {
    let path = program(build);
    let not_built = || NotRun(format!("{name} is not built; run `{BUILD_COMMAND} {name}`", name = build.name));
    path.is_file().then_some(path).ok_or_else(not_built)
}
