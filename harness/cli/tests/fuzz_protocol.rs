//! A fuzz test of the stage protocol: worker processes play random conversations with a bench binary. Whatever they do,
//! the parent needs little memory, no worker exceeds its time limit by much, no process is left, and the record can be
//! read.
//!
//! `HIGHWATER_FUZZ_PROTOCOL_SECONDS` (default 20) is the duration; `HIGHWATER_FUZZ_SEED` is the first seed. A failing
//! case is played again with `ODD_CASES=seed-N`.

mod common;

use std::{
    env,
    fs::File,
    io::Read,
    process::{Child, Stdio},
    time::{Duration, Instant, SystemTime},
};

use common::{odd::OddDesk, within};
use highwater_model::{Bytes, Outcome};

/// The number of conversations per run of the bench binary.
const BATCH: u64 = 16;
/// The time limit of a worker.
const LIMIT: Duration = Duration::from_millis(700);
/// The time that a worker may take beyond its limit, on a busy machine: to start, one snapshot, and to end.
const SLACK: Duration = Duration::from_secs(5);
/// The maximum resident memory of the parent.
const MEMORY: Bytes = Bytes(256 << 20);

/// Waits for a process. Returns its status, and the maximum resident memory of it or of a child that it has waited for.
fn wait(child: Child) -> (i32, Bytes) {
    let mut status = 0;
    // SAFETY: rusage is a plain structure of numbers, for which zeros are valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid, and nothing else waits for the child.
    let waited = unsafe { libc::wait4(child.id() as i32, &mut status, 0, &mut usage) };
    assert_eq!(waited, child.id() as i32);
    (libc::WEXITSTATUS(status), Bytes(usage.ru_maxrss as u64 * 1024))
}

#[test]
fn no_conversation_harms_the_run() {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().expect("a whole number"));
    let duration = Duration::from_secs(number("HIGHWATER_FUZZ_PROTOCOL_SECONDS").unwrap_or(20));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
    let first = number("HIGHWATER_FUZZ_SEED").unwrap_or(now * 1000);
    let (started, mut seed, mut completed, mut most) = (Instant::now(), first, 0, Bytes(0));
    while started.elapsed() < duration {
        let seeds = seed..seed + BATCH;
        let cases: Vec<String> = seeds.clone().map(|seed| format!("seed-{seed}")).collect();
        let desk = OddDesk::new();
        let errors = desk.path().join("errors");
        let mut command = desk.bench(&cases);
        command.env("ODD_LIMIT_MS", LIMIT.as_millis().to_string()).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(&errors).expect("created"));
        let begun = Instant::now();
        let (status, memory) = wait(command.spawn().expect("started"));
        let mut text = String::new();
        File::open(&errors).and_then(|mut file| file.read_to_string(&mut text)).expect("text");
        assert_eq!(status, 0, "seeds {seeds:?}: {text}");
        // The first worker of a case is a warm-up if it completes.
        let longest = (LIMIT + SLACK) * 2 * BATCH as u32;
        assert!(begun.elapsed() < longest, "seeds {seeds:?}: {:?}", begun.elapsed());
        assert!(memory.0 < MEMORY.0, "seeds {seeds:?}: {memory}");
        within(Duration::from_secs(2), &format!("no process is left of seeds {seeds:?}"), || desk.workers().is_empty());
        let record = desk.record();
        assert_eq!(record.cases.len() as u64, BATCH, "seeds {seeds:?}");
        for case in &record.cases {
            let not_started = case.failures.iter().any(|failure| matches!(failure.outcome, Outcome::NotStarted { .. }));
            assert!(!not_started, "{}: {:?}", case.id, case.failures);
            completed += case.samples;
        }
        most = most.max(memory);
        seed += BATCH;
    }
    println!("{} conversations from seed {first}, {completed} completed, at most {most}", seed - first);
    assert!(completed > 0, "no conversation was valid, so that snapshots were not tested");
}
