//! Random conversations: valid and invalid messages, floods, and what else a process can do, in random order.

use std::{process::exit, thread, time::Duration};

use fastrand::Rng;
use rustix::process::{Signal, getpid, kill_process};

use crate::{misbehaviours::sleeper, socket::Socket};

/// Words from which lines are made.
const WORDS: &[&str] = &[
    "reached",
    "label",
    "forget",
    "figure",
    "note",
    "skip",
    "end",
    "go",
    "loaded",
    "live@1",
    "live@2",
    "live@",
    "start",
    "arenas",
    "linear_memory",
    "other",
    "0",
    "1",
    "fff",
    "7f0000000000",
    "ffffffffffffffff",
    "18446744073709551616",
    "9007199254740993",
    "-1",
    "x",
    "x_ns",
    "x_bytes",
    "wall_ns=1",
    "cpu_ns=",
    "heap_live=18446744073709551615",
    "heap_peak=1",
    "=",
    "@",
    "é",
    "\u{202e}",
    "\u{1b}[2J",
    "",
    "\t",
    "\r",
    "highwater",
    "case",
];

/// Plays a conversation until it ends.
pub(crate) fn play(seed: u64) -> ! {
    let socket = Socket::open();
    socket.reached("loaded");
    let mut random = Rng::with_seed(seed);
    let steps = 1 + random.usize(..40);
    for step in 0..steps {
        // Most steps are valid, so that conversations get far.
        let kind = if random.usize(..4) > 0 { random.usize(..VALID) } else { random.usize(..KINDS) };
        act(socket, &mut random, step, kind);
    }
    match random.usize(..4) {
        0 => exit(random.usize(..256) as i32),
        1 => exit(0),
        _ => socket.end(),
    }
}

/// How often a message of a flood is sent.
fn often(random: &mut Rng) -> usize {
    [2, 300, 5000, 2_000_000][random.usize(..4)]
}

/// The number of kinds of steps, and of those that are valid.
const KINDS: usize = 64;
const VALID: usize = 32;

fn act(socket: Socket, random: &mut Rng, step: usize, kind: usize) {
    match kind {
        0..16 => socket.reached(format_args!("live@{}", step + 1)),
        16..22 => socket.send(format!("figure x{step} {}\n", random.usize(..1 << 53))),
        22..26 => socket.send(format!("note x{step} text {}\n", random.usize(..1000))),
        26..32 => {
            let start = random.usize(..1 << 47);
            socket.send(format!("label arenas {start:x} {:x}\n", start + random.usize(..1 << 30)));
        }
        32 => socket.send("forget arenas\n"),
        33..38 => socket.send(line(random)),
        38 => {
            let bytes: Vec<u8> = (0..random.usize(..20_000)).map(|_| random.usize(..256) as u8).collect();
            socket.send(bytes);
        }
        39 => {
            // A part of a line, then the rest.
            socket.send("figure ");
            wait(random.usize(..5));
            socket.send(format!("y{step} 1\n"));
        }
        40 => (0..often(random)).for_each(|n| socket.send(format!("figure f{step}_{n} 1\n"))),
        41 => (0..often(random)).for_each(|n| socket.send(format!("note n {n}\n"))),
        42 => (0..often(random)).for_each(|n| socket.send(format!("label arenas {n:x} {n:x}\n"))),
        43 => (0..often(random)).for_each(|n| socket.send(format!("reached flood@{n}\n"))),
        44 => (0..often(random)).for_each(|_| socket.send("forget other\n")),
        45 => (0..often(random)).for_each(|_| socket.send("x")),
        46 => (0..often(random).min(5000)).for_each(|n| println!("{n:0200}")),
        47 => eprintln!("\u{1b}[31m{}\0", "e".repeat(random.usize(..10_000))),
        48 => sleeper(),
        49 => wait(random.usize(..3)),
        50 => wait(10_000_000),
        51 => {
            let _ =
                kill_process(getpid(), [Signal::KILL, Signal::ABORT, Signal::STOP, Signal::TERM][random.usize(..4)]);
        }
        52 => panic!("on purpose"),
        53 => socket.send("reached loaded\n"),
        54 => socket.send("end\n"),
        55 => {
            socket.send(format!("skip {}", line(random)));
            wait(random.usize(..3));
        }
        56 => {
            // Nothing is sent after this, and nothing received.
            let _ = rustix::net::shutdown(
                socket.fd(),
                [rustix::net::Shutdown::Write, rustix::net::Shutdown::Both][random.usize(..2)],
            );
        }
        57 => {
            thread::spawn(move || socket.send("figure other_thread 1\n"));
        }
        58 => {
            let _ = rustix::thread::set_name(c"caf\xe9");
        }
        59 => {
            let memory = vec![1_u8; random.usize(..32 << 20)];
            socket.reached(format_args!("memory@{}", step + 1));
            drop(memory);
        }
        _ => socket.reached(format_args!("stage-{step}")),
    }
}

/// A line of random words.
fn line(random: &mut Rng) -> String {
    let words: Vec<&str> = (0..1 + random.usize(..6)).map(|_| WORDS[random.usize(..WORDS.len())]).collect();
    format!("{}\n", words.join(" "))
}

fn wait(millis: usize) {
    thread::sleep(Duration::from_millis(millis as u64));
}
