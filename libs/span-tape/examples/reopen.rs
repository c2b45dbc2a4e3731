//! Measures reopening a file against parsing it: `cargo run --release -p span-tape --example reopen -- FILE`. Prints the
//! best of several rounds, and the load, because other programs make any round slower.

use std::{env, error::Error, fs, path::Path, time::Instant};

use span_tape::{Cache, Mapped, Options, Pages, Tape, Windowed, Word};

const ROUNDS: usize = 7;

/// The least time in milliseconds, and the last result.
fn best<T>(mut run: impl FnMut() -> Result<T, span_tape::Error>) -> Result<(f64, T), span_tape::Error> {
    let mut timed = || {
        let started = Instant::now();
        run().map(|result| (started.elapsed().as_secs_f64() * 1000.0, result))
    };
    let mut best = timed()?;
    for _ in 1..ROUNDS {
        let (time, result) = timed()?;
        best = (best.0.min(time), result);
    }
    Ok(best)
}

/// Anonymous memory of this process in KiB.
fn anonymous() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args().nth(1).ok_or("usage: reopen FILE")?;
    let path = Path::new(&path);
    let folder = tempfile::tempdir()?;
    let (cache, options) = (Cache::in_folder(folder.path()), Options::default());
    // SAFETY: nobody modifies the file during the measurement.
    let parse = || Tape::<_, Word>::parse(unsafe { Mapped::open(path, Pages::Stay, &options.limits)? }, &options);
    println!("{:8.2} ms  parse, mapped", best(parse)?.0);
    let keep = || {
        let _ = fs::remove_file(cache.path_of(path).unwrap_or_default());
        Tape::<Windowed>::open_cached(path, &cache, &options)
    };
    println!("{:8.2} ms  parse through a window, and keep", best(keep)?.0);
    let read = || Tape::<Windowed>::open_cached(path, &cache, &options);
    println!("{:8.2} ms  reopen, words read into memory", best(read)?.0);
    let before = anonymous();
    // SAFETY: as above, and only this process writes to the folder.
    let (time, tape) = best(|| unsafe { Tape::map_cached(path, &cache, &options) })?;
    let more = anonymous().saturating_sub(before);
    println!("{time:8.2} ms  reopen, words mapped: {more} KiB of anonymous memory more");
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load of the machine: {}", load.split(' ').next().unwrap_or_default());
    println!("{} words of an input of {} bytes", tape.nodes(), fs::metadata(path)?.len());
    Ok(())
}
