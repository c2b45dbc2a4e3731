//! One misbehaviour per name.

use std::{
    process::{Command, ExitCode, exit},
    thread,
    time::Duration,
};

use rustix::{
    process::{DumpableBehavior, getpid, set_dumpable_behavior},
    thread::{Uid, set_thread_res_uid},
};

use crate::{conversations, socket::Socket};

/// Runs a worker.
pub(crate) fn play(name: &str) -> ExitCode {
    let socket = Socket::open();
    socket.reached("loaded");
    if let Some(seed) = name.strip_prefix("seed-") {
        conversations::play(socket, seed.parse().expect("a seed"));
    }
    match name.trim_end_matches("-limited") {
        "polite" => {}
        "stages" => (0..).for_each(|n| socket.reached(format_args!("live@{n}"))),
        "stages-unread" => (0..).for_each(|n| {
            socket.send(format!("reached live@{n}\n"));
            // Long enough for the snapshot on most machines; the parent may also see that it was not paused.
            pause(20);
        }),
        "stages-at-once" => (0..).for_each(|n| socket.send(format!("reached live@{n}\n"))),
        "figures" => (0..).for_each(|n| socket.send(format!("figure x{n} 1\n"))),
        "notes" => (0..).for_each(|n| socket.send(format!("note x text {n}\n"))),
        "long-notes" => (0..).for_each(|n| socket.send(format!("note x {n:08000}\n"))),
        "labels" => (0..).for_each(|n| socket.send(format!("label arenas {n:x}000 {n:x}001\n"))),
        "long-labels" => (0..).for_each(|n| socket.send(format!("label arenas {n:04000x} {n:04000x}\n"))),
        "forgets" => (0..).for_each(|_| socket.send("forget arenas\n")),
        "endless-line" => (0..).for_each(|_| socket.send([b'x'; 4096])),
        "output" => {
            let line = "o".repeat(4095);
            (0..).for_each(|_: u64| println!("{line}"));
        }
        "stage-twice" => socket.reached("loaded"),
        "figure-twice" => socket.send("figure x 1\nfigure x 1\n"),
        "large-figure" => socket.send("figure x 9007199254740993\n"),
        "large-time" => socket.reached("live wall_ns=18446744073709551615"),
        "not-utf8" => socket.send(b"note x caf\xe9\n"),
        "nul" => socket.send(b"note x a\0b\n"),
        "long-stage" => socket.reached("a".repeat(100)),
        "after-end" => socket.send("end\nnote x y\n"),
        "escapes" => {
            socket.send("\x1b[2Jreached \u{202e}live\n");
            socket.line();
        }
        "leader" => leader_exits(socket),
        "private" => {
            set_dumpable_behavior(DumpableBehavior::NotDumpable).expect("permitted");
            socket.reached("live");
        }
        "forks" => {
            sleeper();
            socket.reached("live");
        }
        "other-user" => {
            // Nobody. The kernel forgets that this process should end with its parent.
            let nobody = Uid::from_raw(65_534);
            set_thread_res_uid(nobody, nobody, nobody).expect("started as root");
            sleeper();
            socket.reached("live");
            loop {
                pause(1000);
            }
        }
        other => {
            eprintln!("no misbehaviour {other}");
            exit(9);
        }
    }
    socket.end()
}

fn pause(millis: u64) {
    thread::sleep(Duration::from_millis(millis));
}

/// A process that outlives this one.
pub(crate) fn sleeper() {
    Command::new("/bin/sleep").arg("1000").spawn().expect("started");
}

/// The main thread exits, and another one continues.
fn leader_exits(socket: Socket) {
    thread::spawn(move || {
        let state = || std::fs::read_to_string(format!("/proc/{}/stat", getpid().as_raw_nonzero())).unwrap_or_default();
        while !state().contains(") Z ") {
            pause(1);
        }
        socket.reached("live");
        socket.end()
    });
    // SAFETY: ends this thread only, and it holds no lock.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
}
