//! Builds an example of the workspace with the profile, target folder and features of the tests, so that nothing is
//! compiled twice. On a machine without cargo, such as the guest of `.ci/cgroup-v2`, `HIGHWATER_EXAMPLES` is the folder
//! of examples that were built before.

use std::path::{Path, PathBuf};

/// Builds an example if necessary and returns its path.
pub(crate) fn build(name: &str) -> PathBuf {
    if let Some(folder) = std::env::var_os("HIGHWATER_EXAMPLES") {
        return Path::new(&folder).join(name);
    }
    // target/release/deps/TEST
    let test = std::env::current_exe().expect("a path");
    let target = test.ancestors().nth(3).expect("a target folder");
    let build = escargot::CargoBuild::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"))
        .arg("--workspace")
        .example(name)
        .target_dir(target)
        .current_release();
    build.run().expect("the example builds").path().to_owned()
}
