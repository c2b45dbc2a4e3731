//! Runs the family as a program, in a separate target folder for each test.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::{
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use highwater_model::{CaseRecord, Record};
use highwater_store::read_record;

/// Runs the program with these arguments and reads the record.
pub(crate) fn run(target: &Path, args: &[&str]) -> Record {
    let output = Command::new(env!("CARGO_BIN_EXE_sandbox-scaling"))
        .env("HIGHWATER_TARGET_DIR", target)
        .args(["--bench", "--memory-only"])
        .args(args)
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    read_record(&target.join("highwater/sandbox-scaling.json")).expect("a record")
}

/// The same with an empty cache.
pub(crate) fn measure(args: &[&str]) -> Record {
    run(tempfile::tempdir().expect("a folder").path(), args)
}

/// The same with programs that were built before: the cache is the one below the target folder, so only the
/// first test run builds them.
pub(crate) fn measure_programs(args: &[&str]) -> Record {
    let folder = tempfile::tempdir().expect("a folder");
    let named = std::env::var_os("HIGHWATER_TARGET_DIR").map(PathBuf::from);
    // target/release/sandbox-scaling
    let program = Path::new(env!("CARGO_BIN_EXE_sandbox-scaling"));
    let target = named.unwrap_or_else(|| program.ancestors().nth(2).expect("in a target folder").to_owned());
    let cache = target.join("highwater/cache");
    std::fs::create_dir_all(&cache).expect("made");
    std::fs::create_dir(folder.path().join("highwater")).expect("made");
    symlink(cache, folder.path().join("highwater/cache")).expect("linked");
    run(folder.path(), args)
}

/// A case by its id without the family.
pub(crate) fn case<'a>(record: &'a Record, id: &str) -> &'a CaseRecord {
    record.case(&format!("sandbox-scaling/{id}")).unwrap_or_else(|| panic!("{id} is not in the record"))
}
