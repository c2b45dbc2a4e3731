//! Measures parsing: `cargo run --release -p span-tape --example speed -- FILE...` prints the best of several rounds from
//! a text in memory, from a path by reading the whole file, and from a path through a window, and a search for line
//! breaks for comparison.
//!
//! With `-` instead of files, it reads lines of a way (`text`, `read` or `window`) and a path, and answers with the nanoseconds
//! of one round. `benches/yaml-parse/peers/speed.py` interleaves these rounds with those of another parser.

use std::{
    env,
    error::Error,
    fs,
    hint::black_box,
    io::{self, BufRead, Write},
    path::Path,
    time::Instant,
};

use span_tape::{Limits, Options, Tape, Windowed, Word};

const ROUNDS: usize = 40;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The time of one run in nanoseconds, without dropping its result.
fn timed<T, E>(run: impl FnOnce() -> std::result::Result<T, E>) -> std::result::Result<u128, E> {
    let started = Instant::now();
    let result = run()?;
    let time = started.elapsed().as_nanos();
    drop(black_box(result));
    Ok(time)
}

/// From a text in memory to its tape.
fn text(text: &str) -> std::result::Result<u128, span_tape::Error> {
    timed(|| Tape::<_, Word>::parse(text, &Options::default()))
}

/// From a path to the tape of its file, which is read whole. Its pages are in the page cache.
fn read(path: &Path) -> std::result::Result<u128, span_tape::Error> {
    timed(|| Tape::<_, Word>::parse(span_tape::read(path, &Limits::default())?, &Options::default()))
}

/// From a path to the tape of its file, which is read through a window.
fn window(path: &Path) -> std::result::Result<u128, span_tape::Error> {
    timed(|| Tape::<Windowed, Word>::open(path, &Options::default()))
}

fn best<E>(mut run: impl FnMut() -> std::result::Result<u128, E>) -> std::result::Result<f64, E> {
    let mut best = run()?;
    for _ in 1..ROUNDS {
        best = best.min(run()?);
    }
    Ok(best as f64 / 1e6)
}

fn table(paths: &[String]) -> Result<()> {
    println!("{:>10} {:>10} {:>8} {:>8} {:>8} {:>8}  ms", "bytes", "words", "text", "read", "window", "newlines");
    for path in paths {
        let content = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
        let words = Tape::<_, Word>::parse(&*content, &Options::default())?.nodes();
        let text = best(|| text(&content))?;
        let [read, window] = [best(|| read(Path::new(path)))?, best(|| window(Path::new(path)))?];
        let count = || Ok::<_, Box<dyn Error>>(memchr::memchr_iter(b'\n', content.as_bytes()).count());
        let newlines = best(|| timed(count))?;
        println!("{:>10} {words:>10} {text:8.3} {read:8.3} {window:8.3} {newlines:8.3}  {path}", content.len());
    }
    Ok(())
}

fn serve() -> Result<()> {
    let (mut path, mut content) = (String::new(), String::new());
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (way, file) = line.split_once(' ').ok_or("expected a way and a path")?;
        if path != file {
            (path, content) = (file.to_owned(), fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?);
        }
        let time = match way {
            "text" => text(&content)?,
            "read" => read(Path::new(file))?,
            "window" => window(Path::new(file))?,
            _ => return Err(format!("{way}: expected `text`, `read` or `window`").into()),
        };
        println!("{time}");
        io::stdout().flush()?;
    }
    Ok(())
}

fn main() -> Result<()> {
    let paths: Vec<String> = env::args().skip(1).collect();
    match &paths[..] {
        [] => Err("usage: speed FILE... or speed -".into()),
        [only] if only == "-" => serve(),
        paths => table(paths),
    }
}
