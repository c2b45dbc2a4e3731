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

use crate::socket::Socket;

/// Calls `step` with ascending numbers until this process is killed.
fn forever(mut step: impl FnMut(u64)) {
    let mut number = 0;
    loop {
        step(number);
        number += 1;
    }
}

/// Runs a worker.
pub(crate) fn play(name: &str) -> ExitCode {
    let socket = Socket::open();
    socket.reached("loaded");
    match name.trim_end_matches("-limited") {
        "polite" => {}
        "stages" => forever(|n| socket.reached(format_args!("live@{n}"))),
        "stages-unread" => forever(|n| {
            socket.send(format!("reached live@{n}\n"));
            // Long enough for the snapshot on most machines; the parent may also see that it was not paused.
            pause(20);
        }),
        "stages-at-once" => forever(|n| socket.send(format!("reached live@{n}\n"))),
        "figures" => forever(|n| socket.send(format!("figure x{n} 1\n"))),
        "notes" => forever(|n| socket.send(format!("note x text {n}\n"))),
        "long-notes" => forever(|n| socket.send(format!("note x {n:08000}\n"))),
        "labels" => forever(|n| socket.send(format!("label arenas {n:x}000 {n:x}001\n"))),
        "long-labels" => forever(|n| socket.send(format!("label arenas {n:04000x} {n:04000x}\n"))),
        "forgets" => forever(|_| socket.send("forget arenas\n")),
        "endless-line" => forever(|_| socket.send([b'x'; 4096])),
        "output" => {
            let line = "o".repeat(4095);
            forever(|_| println!("{line}"));
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
#[expect(clippy::zombie_processes, reason = "a process that nobody waits for is the misbehaviour")]
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
