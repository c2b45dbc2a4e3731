//! An example of this crate, built as the tests are: with their profile, in their target folder, and
//! with the features that the whole workspace has, so that nothing is compiled twice.

use std::path::{Path, PathBuf};

/// Builds an example where it is not fresh, and returns its path.
pub(crate) fn build(name: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_highwater")).ancestors().nth(2).expect("a target folder");
    let build = escargot::CargoBuild::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"))
        .arg("--workspace")
        .example(name)
        .target_dir(target)
        .current_release();
    build.run().expect("the example builds").path().to_owned()
}
