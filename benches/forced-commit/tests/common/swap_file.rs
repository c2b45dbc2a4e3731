//! A swap file for the duration of a test. Swap is a setting of the whole machine, so a lock file in /tmp
//! lets only one test at a time use it. A shell turns it off and removes the file when this process releases
//! it, even by dying.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// Locked by every test program of this machine while its swap is on.
const LOCK: &str = "/tmp/highwater-swap.lock";

/// Signals from the terminal reach the shell too, but must not keep it from turning swap off.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
trap 'swapoff "$0" 2>/dev/null; rm -f "$0"' EXIT
umask 077
dd if=/dev/zero of="$0" bs=1M count=64 2>/dev/null && mkswap "$0" >/dev/null && swapon "$0" && echo on && read -r _
"#;

/// Swap that is on until this is dropped.
pub(crate) struct SwapFile {
    path: PathBuf,
    shell: Child,
    _lock: File,
}

impl SwapFile {
    /// Turns on 64 MiB of swap. Returns `None` and prints the reason if that is not permitted.
    pub(crate) fn on() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: swapon needs root");
            return None;
        }
        let lock = File::options().create(true).append(true).open(LOCK).expect("a lock file");
        lock.lock().expect("locked");
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("swap-{}", std::process::id()));
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut answer = String::new();
        let stdout = shell.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut answer).expect("readable");
        let file = Self { path, shell, _lock: lock };
        if answer.trim() != "on" {
            eprintln!("skipped: this machine does not permit a swap file");
            return None;
        }
        Some(file)
    }

    /// The path of the swap file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SwapFile {
    fn drop(&mut self) {
        // The shell waits for the end of its input.
        drop(self.shell.stdin.take());
        let status = self.shell.wait();
        assert!(status.is_ok() || std::thread::panicking(), "{status:?}");
    }
}
