//! Programs that some tests need. `.ci/test-programs` installs those that are missing, if this user may; otherwise the
//! tests are skipped with a note, and fail in CI.

use std::{
    env,
    io::{self, Write},
    path::Path,
    process::{Command, Stdio},
    sync::OnceLock,
};

/// Whether a program is there, after it was installed if necessary. If not, the test is to return.
pub(crate) fn is_installed(program: &str) -> bool {
    let runs = || Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    are_there(|| if runs() { None } else { Some(program.to_owned()) })
}

/// The same for several things: `missing` returns the first that is missing.
pub(crate) fn are_there(missing: impl Fn() -> Option<String>) -> bool {
    if missing().is_some() {
        install();
    }
    match missing() {
        None => true,
        Some(name) if env::var_os("CI").is_some() => panic!("needs {name}: run `bash .ci/test-programs`"),
        Some(name) => {
            note(&format!("skipped: needs {name}, run `bash .ci/test-programs`"));
            false
        }
    }
}

/// Runs the script, once in each test binary.
fn install() {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        note("running .ci/test-programs, which installs Python 3, Node.js, Chromium and npm packages if they are missing");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.ci/test-programs");
        // Whether it succeeded shows in what is there.
        let _ = Command::new("bash").arg(script).stdin(Stdio::null()).status();
    });
}

/// Prints a line that libtest does not capture.
fn note(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
