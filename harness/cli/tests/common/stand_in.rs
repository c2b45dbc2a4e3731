//! Programs in place of others, which write down how they were called.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

/// A stand-in for a program, which appends its name and arguments to `calls` and exits with a status. `more` is what it
/// does besides, as Bash.
pub(crate) fn stand_in(folder: &Path, name: &str, status: i32, more: &str) {
    let path = folder.join(name);
    let script = format!(
        "#!/bin/bash\nprintf '%s' '{name}' >>calls\nprintf ' [%s]' \"$@\" >>calls\necho >>calls\n{more}\nexit {status}\n"
    );
    fs::write(&path, script).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
}

/// The value of `PATH` with the stand-ins first.
pub(crate) fn path_with(programs: &Path) -> String {
    format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default())
}
