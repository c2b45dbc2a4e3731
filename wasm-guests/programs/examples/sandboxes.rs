//! The memory of N sandboxes of a program: `cargo run --release --example sandboxes -- CACHE cpython-pre 10`. A quick
//! estimate from inside the process; the families measure from outside.

use std::time::Instant;

use wasm_guests::Cache;
use wasm_programs::{Loaded, Program, configure, to_stderr};
use wasmtime::{Config, Engine};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("usage: sandboxes CACHE PROGRAM N");
    let (cache, name, count) = (Cache::at(next()?), next()?, next()?.parse::<usize>()?);

    // Built once, in the parent; a worker only maps the files.
    let program = Program::named(&name)?;
    let engine = Engine::new(configure(&mut Config::new()))?;
    let files = program.files(&cache, &engine, &to_stderr)?;
    let loaded = Loaded::open(&engine, program, &files)?;

    // Initialises everything that is shared and created on first use.
    loaded.instantiate()?.execute(program.check.code)?;
    let before = memory()?;
    let (mut live, mut instantiate) = (Vec::with_capacity(count), Vec::new());
    for _ in 0..count {
        let start = Instant::now();
        live.push(loaded.instantiate()?);
        instantiate.push(start.elapsed().as_secs_f64() * 1e3);
    }
    for sandbox in &mut live {
        sandbox.execute(program.check.code)?;
    }
    let after = memory()?;
    instantiate.sort_by(f64::total_cmp);
    let [rss, pss] = [0, 1].map(|i| (after[i] - before[i]) / 1024.0 / count as f64);
    println!("{name}: RSS {rss:.2} MiB, PSS {pss:.2} MiB each; instantiate {:.2} ms (median)", instantiate[count / 2]);
    Ok(())
}

/// RSS and PSS of this process in KiB.
fn memory() -> Result<[f64; 2], Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let field =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
    Ok([field("Rss:").ok_or("no Rss")?, field("Pss:").ok_or("no Pss")?])
}
