//! The machine and its state: the machine class, the context of a run, and the location of cargo's target folder.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::SystemTime,
};

use highwater_model::{Bytes, Context, MachineClass};
use highwater_worker::archive;

use super::sys;

/// The machine or the target folder could not be determined.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// A system file could not be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// This executable is not in a target folder.
    #[error("{0}: not in a cargo target folder; set HIGHWATER_TARGET_DIR")]
    NoTarget(PathBuf),
}

/// The machine class of runs on this machine.
#[must_use]
pub fn machine_class(aslr_off: bool) -> MachineClass {
    let libc = match () {
        () if cfg!(target_env = "gnu") => "glibc",
        () if cfg!(target_env = "musl") => "musl",
        () => "unknown",
    };
    MachineClass {
        os: env::consts::OS.to_owned(),
        arch: env::consts::ARCH.to_owned(),
        page_size: rustix::param::page_size() as u64,
        thp: thp_mode(),
        libc: libc.to_owned(),
        aslr_off,
    }
}

/// The mode of transparent huge pages, which is the word in brackets.
fn thp_mode() -> String {
    let text = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    let bracketed = text.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    bracketed.map_or("unknown", |(mode, _)| mode).to_owned()
}

/// The context of a run. Facts that cannot be determined are left out.
#[must_use]
pub fn context() -> Context {
    let line = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let field = |path: &str, name: &str| {
        let text = fs::read_to_string(path).ok()?;
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let memory = || {
        let kib: u64 = field("/proc/meminfo", "MemTotal")?.strip_suffix(" kB")?.parse().ok()?;
        Some(Bytes(kib * 1024).to_string())
    };
    let load = || Some(line("/proc/loadavg")?.split(' ').next()?.to_owned());
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    [
        ("kernel", line("/proc/sys/kernel/osrelease")),
        ("cpu", field("/proc/cpuinfo", "model name")),
        ("cpu_level", cpu_level().map(str::to_owned)),
        ("libc", sys::libc_version()),
        ("cores", std::thread::available_parallelism().ok().map(|cores| cores.to_string())),
        ("memory", memory()),
        ("overcommit", line("/proc/sys/vm/overcommit_memory")),
        ("max_map_count", line("/proc/sys/vm/max_map_count")),
        ("load", load()),
        ("commit", commit()),
        ("rustc", Some(env!("HIGHWATER_RUSTC").to_owned())),
        ("run_id", Some(run_id())),
        ("profile", Some(if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned())),
        ("highwater", Some(env!("CARGO_PKG_VERSION").to_owned())),
        ("started", Some(now)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
    .collect()
}

/// The CPU and the number of CPUs: what durations depend on.
#[must_use]
pub fn machine_name() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(':'));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{}, {cores} CPUs", model.map_or("unknown", |(_, name)| name.trim()))
}

/// The highest x86-64 microarchitecture level of the CPU, by the features that influence the code of programs and
/// guests; `None` on other architectures. Source: the x86-64 psABI, table "Micro-Architecture Levels".
fn cpu_level() -> Option<&'static str> {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        let v2 = has!("sse4.2") && has!("ssse3") && has!("popcnt");
        let v3 = v2 && has!("avx2") && has!("bmi1") && has!("bmi2") && has!("fma") && has!("lzcnt") && has!("movbe");
        let v4 = v3 && has!("avx512f") && has!("avx512bw") && has!("avx512cd") && has!("avx512dq") && has!("avx512vl");
        Some(match (v4, v3, v2) {
            (true, ..) => "x86-64-v4",
            (_, true, _) => "x86-64-v3",
            (_, _, true) => "x86-64-v2",
            _ => "x86-64",
        })
    }
    #[cfg(not(target_arch = "x86_64"))]
    None
}

/// An id that is shared by all bench binaries that one process started, and unique to that run: the process id of the
/// parent and its start time in clock ticks since boot.
#[must_use]
pub fn run_id() -> String {
    let parent = rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get());
    let stat = fs::read_to_string(format!("/proc/{parent}/stat")).unwrap_or_default();
    // The name, in parentheses, may contain spaces. The start time is the 20th field after it (proc_pid_stat(5), field
    // 22).
    let started = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(19));
    format!("{parent}-{}", started.unwrap_or("0"))
}

/// The commit of the sources, with `-dirty` if tracked files have changed. Baselines are ignored, because they do not
/// affect measurements. A program from an archive is of the commit of the archive, whatever is in the working directory.
fn commit() -> Option<String> {
    if let Some(commit) = archive::fact(archive::COMMIT) {
        return Some(commit).filter(|commit| !commit.is_empty());
    }
    let git = |args: &[&str]| Command::new("git").args(args).stdin(Stdio::null()).stderr(Stdio::null()).output().ok();
    let described =
        git(&["describe", "--always", "--abbrev=12", "--exclude=*"]).filter(|output| output.status.success())?;
    let commit = String::from_utf8_lossy(&described.stdout).trim().to_owned();
    let _ = git(&["update-index", "-q", "--refresh"]);
    let changed = git(&["diff-index", "--quiet", "HEAD", "--", ":(top)", ":(top,exclude)baselines"])?;
    Some(if changed.status.success() { commit } else { format!("{commit}-dirty") })
}

/// Cargo's target folder: `HIGHWATER_TARGET_DIR`, or the nearest ancestor of this executable with a marker file of
/// cargo.
///
/// # Errors
/// If there is neither.
pub fn target_dir() -> Result<PathBuf, MachineError> {
    if let Some(folder) = env::var_os("HIGHWATER_TARGET_DIR") {
        return Ok(folder.into());
    }
    let own = env::current_exe().map_err(|source| MachineError::Io { path: "/proc/self/exe".into(), source })?;
    enclosing_target(&own).map(Path::to_owned).ok_or(MachineError::NoTarget(own))
}

/// The nearest ancestor with a file that cargo only creates in a target folder: the tag, which it puts into folders
/// that it created itself, or its cache of rustc information.
fn enclosing_target(path: &Path) -> Option<&Path> {
    let markers = ["CACHEDIR.TAG", ".rustc_info.json"];
    path.ancestors().find(|folder| markers.iter().any(|marker| folder.join(marker).is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_folder_is_recognised_by_either_marker() {
        let root = tempfile::tempdir().expect("a folder");
        let program = root.path().join("target/release/deps/bench-1234");
        fs::create_dir_all(program.parent().expect("a folder")).expect("made");
        assert_eq!(enclosing_target(&program), None);
        for marker in ["CACHEDIR.TAG", ".rustc_info.json"] {
            let file = root.path().join("target").join(marker);
            fs::write(&file, "").expect("written");
            assert_eq!(enclosing_target(&program), Some(root.path().join("target").as_path()), "{marker}");
            fs::remove_file(file).expect("removed");
        }
    }
}
