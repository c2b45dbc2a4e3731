//! Guarded commits under pressure in a cgroup: a neighbour that allocates meanwhile, there or in a group beside, two
//! guarded commits at once, a limit in the parent, and memory in swap. Each must answer, with success or a typed error:
//! no kill before the answer.
//!
//! The program starts itself as the processes of a cgroup that it creates; without the rights to do so, the tests
//! print that they were skipped.

mod common;

use std::{
    env,
    error::Error as StdError,
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    time::Duration,
};

use common::sys::Swap;
use linear_memory::{
    Commit, Error,
    commit::{Guarded, Populate, Threads},
    swap,
};
use memmap2::MmapMut;

const MIB: u64 = 1 << 20;
/// The limit of the cgroup.
const LIMIT: u64 = 192 * MIB;
/// What a guarded commit asks for: it fits alone, but not twice, nor beside a neighbour that has grown.
const ASKED: u64 = 128 * MIB;
const NEIGHBOUR: u64 = 96 * MIB;
const ROUNDS: u32 = 20;

/// What a neighbour has in swap: with it, [`ASKED`] exceeds the limit of memory and swap together.
const SWAPPED: u64 = 56 * MIB;

/// A test, or why it could not run.
type Test = fn(&Cgroup) -> Result<(), Box<dyn StdError>>;

const TESTS: &[(&str, Test)] = &[
    ("a_neighbour_that_allocates_meanwhile", a_neighbour_that_allocates_meanwhile),
    ("two_guarded_commits_at_once", two_guarded_commits_at_once),
    ("a_neighbour_in_a_group_beside", a_neighbour_in_a_group_beside),
    ("a_limit_in_the_parent", a_limit_in_the_parent),
    ("memory_in_swap_counts", memory_in_swap_counts),
];

fn main() -> ExitCode {
    if let Ok(role) = env::var("PRESSURE_ROLE") {
        return match role_of_a_process(&role) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        };
    }
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        if !arguments.iter().any(|argument| argument == "--ignored") {
            TESTS.iter().for_each(|(name, _)| println!("{name}: test"));
        }
        return ExitCode::SUCCESS;
    }
    let filters: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let [mut passed, mut skipped] = [0; 2];
    for (name, test) in TESTS {
        if !filters.is_empty() && !filters.iter().any(|filter| name.contains(filter.as_str())) {
            continue;
        }
        // A failure panics and ends the program, after the cgroup was removed.
        let cgroup = Cgroup::with_limit(name, LIMIT)
            .map_err(|error| format!("needs the right to create a memory cgroup: {error}").into());
        match cgroup.and_then(|cgroup| test(&cgroup)) {
            Ok(()) => {
                passed += 1;
                println!("test {name} ... ok");
            }
            Err(reason) => {
                skipped += 1;
                println!("test {name} ... skipped: {reason}");
            }
        }
    }
    println!("\ntest result: ok. {passed} passed; 0 failed; {skipped} ignored");
    ExitCode::SUCCESS
}

/// Joins a cgroup, waits for a line, acts, answers with a line, and stays until its input ends.
fn role_of_a_process(role: &str) -> Result<(), Box<dyn StdError>> {
    fs::write(env::var("PRESSURE_PROCS")?, std::process::id().to_string())?;
    let bytes: usize = env::var("PRESSURE_BYTES")?.parse()?;
    let (mut input, mut line) = (std::io::stdin().lock(), String::new());
    println!("joined");
    input.read_line(&mut line)?;
    let mut memory = MmapMut::map_anon(bytes)?;
    if role == "neighbour" {
        println!("grows");
        // 256 MiB per second at most: about a fifth of the margin while a round is populated, or more if the
        // machine is busy.
        for part in memory.chunks_mut(1 << 18) {
            part.fill(1);
            std::thread::sleep(Duration::from_millis(1));
        }
    } else if role == "swaps" {
        memory.fill(1);
        println!("{}", swap::out(&mut memory)?);
    } else {
        let guarded = Guarded::new(Populate { threads: Threads::Measured, ..Populate::CHUNKED });
        match guarded.commit(&mut &mut memory[..]) {
            Ok(()) => println!("committed"),
            Err(Error::NoHeadroom(refusal)) if refusal.kept == 0 => println!("refused"),
            Err(error) => return Err(error.into()),
        }
    }
    input.read_to_string(&mut line)?;
    Ok(())
}

/// A process in a cgroup.
struct Process {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Process {
    fn start(role: &str, bytes: u64, cgroup: &Path) -> Self {
        let mut child = Command::new(env::current_exe().expect("a path"))
            .env("PRESSURE_ROLE", role)
            .env("PRESSURE_BYTES", bytes.to_string())
            .env("PRESSURE_PROCS", cgroup.join("cgroup.procs"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let mut process = Self { child, output };
        assert_eq!(process.line(), "joined");
        process
    }

    fn go(&mut self) {
        self.child.stdin.as_mut().expect("piped").write_all(b"go\n").expect("writes");
    }

    /// The next line; empty if the process ended without one.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("readable");
        line.trim_end().to_owned()
    }

    /// Whether it committed. Panics if it did not answer.
    fn committed(&mut self) -> bool {
        let line = self.line();
        assert!(["committed", "refused"].contains(&line.as_str()), "no answer: {line:?} {:?}", self.child.wait());
        line == "committed"
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// A memory cgroup below that of this process, removed on drop.
struct Cgroup(PathBuf);

impl Cgroup {
    fn with_limit(name: &str, bytes: u64) -> Result<Self, Box<dyn StdError>> {
        let groups = fs::read_to_string("/proc/self/cgroup")?;
        let version_1 = groups.lines().find_map(|line| line.split_once(":memory:"));
        let (root, own, limit) = match version_1 {
            Some((_, path)) => ("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes"),
            None => ("/sys/fs/cgroup", groups.trim().strip_prefix("0::").unwrap_or("/"), "memory.max"),
        };
        let parent = Path::new(root).join(own.trim_start_matches('/'));
        let cgroup = Self::below(&parent, &format!("{name}-{}", std::process::id()))?;
        fs::write(cgroup.0.join(limit), bytes.to_string())?;
        // Without swap accounting there is no such file.
        for (file, limit) in [("memory.memsw.limit_in_bytes", bytes.to_string()), ("memory.swap.max", "0".into())] {
            if cgroup.0.join(file).exists() {
                fs::write(cgroup.0.join(file), limit)?;
            }
        }
        Ok(cgroup)
    }

    fn below(parent: &Path, name: &str) -> Result<Self, Box<dyn StdError>> {
        let folder = parent.join(name);
        fs::create_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A group is busy for a moment after its last process was reaped.
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A neighbour grows in a group, and a commit is made in another or the same. At every size of the neighbour, from
/// nothing to so much that the commit must be refused.
fn beside_a_growing_neighbour(of_neighbour: &Path, cgroup: &Path) {
    let mut committed = 0;
    for round in 0..ROUNDS {
        let mut neighbour = Process::start("neighbour", NEIGHBOUR, of_neighbour);
        let mut process = Process::start("commit", ASKED, cgroup);
        neighbour.go();
        assert_eq!(neighbour.line(), "grows");
        std::thread::sleep(Duration::from_millis(u64::from(round) * 20));
        process.go();
        committed += u32::from(process.committed());
    }
    eprintln!("{committed} of {ROUNDS} committed");
    assert!(committed < ROUNDS, "the neighbour never mattered");
}

fn a_neighbour_that_allocates_meanwhile(cgroup: &Cgroup) -> Result<(), Box<dyn StdError>> {
    beside_a_growing_neighbour(&cgroup.0, &cgroup.0);
    Ok(())
}

/// Neither group has a limit of its own; that of their parent holds for both together.
fn a_neighbour_in_a_group_beside(cgroup: &Cgroup) -> Result<(), Box<dyn StdError>> {
    let [own, beside] = ["own", "beside"].map(|name| Cgroup::below(&cgroup.0, name).expect("a cgroup"));
    beside_a_growing_neighbour(&beside.0, &own.0);
    Ok(())
}

/// Swapping makes room under the limit of memory, but not under that of memory and swap together.
fn memory_in_swap_counts(cgroup: &Cgroup) -> Result<(), Box<dyn StdError>> {
    if !cgroup.0.join("memory.memsw.limit_in_bytes").exists() {
        return Err("needs a cgroup of version 1 with swap accounting".into());
    }
    let _swap = Swap::on().map_err(|error| format!("needs the right to turn swap on: {error}"))?;
    let mut process = Process::start("commit", ASKED, &cgroup.0);
    process.go();
    assert!(process.committed(), "it fits without the neighbour");
    drop(process);
    let mut neighbour = Process::start("swaps", SWAPPED, &cgroup.0);
    neighbour.go();
    let swapped: u64 = neighbour.line().parse()?;
    if swapped < SWAPPED / 4 * 3 {
        return Err(format!("needs a kernel that honours MADV_PAGEOUT: {swapped} bytes were swapped out").into());
    }
    // Drops the copies of swapped-out pages that are still in memory.
    let _ = fs::write(cgroup.0.join("memory.force_empty"), "0");
    let usage: u64 = fs::read_to_string(cgroup.0.join("memory.usage_in_bytes"))?.trim().parse()?;
    if usage + ASKED + 48 * MIB > LIMIT {
        return Err(format!("needs a kernel that drops swapped-out pages: {usage} bytes in use").into());
    }
    let mut process = Process::start("commit", ASKED, &cgroup.0);
    process.go();
    assert!(!process.committed(), "{swapped} bytes in swap were not counted");
    Ok(())
}

fn two_guarded_commits_at_once(cgroup: &Cgroup) -> Result<(), Box<dyn StdError>> {
    for _ in 0..ROUNDS {
        let mut both = [(); 2].map(|()| Process::start("commit", ASKED, &cgroup.0));
        both.iter_mut().for_each(Process::go);
        let committed = both.iter_mut().filter_map(|process| process.committed().then_some(())).count();
        assert!(committed < 2, "both fit into less memory than both need");
    }
    Ok(())
}

fn a_limit_in_the_parent(cgroup: &Cgroup) -> Result<(), Box<dyn StdError>> {
    // In version 2 without delegation, the group below has no memory files: the parent's limit holds all the same.
    let below = Cgroup::below(&cgroup.0, "below").expect("a cgroup");
    for (bytes, fits) in [(ASKED, true), (LIMIT, false)] {
        let mut process = Process::start("commit", bytes, &below.0);
        process.go();
        assert_eq!(process.committed(), fits, "{} MiB", bytes / MIB);
    }
    Ok(())
}
