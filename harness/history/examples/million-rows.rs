//! Measures a store of a million rows: `cargo run --release -p highwater-history --example million-rows -- [RUNS] [ROWS]`
//! writes that many runs of that many rows to a temporary store, then times one more run, a query of one case, and
//! reading everything.

use std::{env, error::Error, fs, path::Path, time::Instant};

use highwater_history::{HistoryRow, HistoryRun, append, read_history};
use highwater_model::Aspect;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let number = |index: usize, default: usize| arguments.get(index).map_or(Ok(default), |text| text.parse());
    let (runs, rows) = (number(0, 1000)?, number(1, 1000)?);
    let store = tempfile::tempdir()?;
    let begun = Instant::now();
    for number in 0..runs {
        write(store.path(), number, rows)?;
    }
    println!("{runs} runs x {rows} rows written in {:.2} s, {}", begun.elapsed().as_secs_f64(), size(store.path())?);
    let timed = |what: &str, begun: (Instant, f64)| {
        let (wall, cpu) = (begun.0.elapsed().as_secs_f64(), cpu_seconds() - begun.1);
        println!("{what}: {cpu:.3} s of CPU time, {wall:.3} s");
    };
    let begun = (Instant::now(), cpu_seconds());
    write(store.path(), runs, rows)?;
    timed("one more run", begun);
    for (what, wanted) in [("one case", "family/case/x=0"), ("everything", "family/")] {
        let begun = (Instant::now(), cpu_seconds());
        let history = read_history(store.path(), &|case| case == wanted || wanted.ends_with('/'))?;
        let points: usize = history.series.iter().map(|(_, points)| points.len()).sum();
        timed(&format!("{what} read, {} series of {points} values", history.series.len()), begun);
    }
    Ok(())
}

/// The CPU time of this thread: the first number of its schedstat, in nanoseconds.
fn cpu_seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|number| number.parse::<f64>().ok()).unwrap_or_default() / 1e9
}

/// Writes a run of ten quantities for each case. Most values are constant.
fn write(store: &Path, number: usize, rows: usize) -> Result<(), Box<dyn Error>> {
    let run = HistoryRun {
        id: format!("run-{number:06}"),
        class: "linux-x86_64-4k-thp_madvise-glibc-aslr_off".parse()?,
        revision: format!("{number:040x}"),
        commit_time: 1_700_000_000 + 14_400 * number as i64,
    };
    let row = |index: usize| -> Result<HistoryRow, Box<dyn Error>> {
        let value = 4096.0 * (index % 97) as f64 + if index % 10 == 9 { (number * 37 % 1009) as f64 } else { 0.0 };
        Ok(HistoryRow {
            case: format!("family/case/x={}", index / 10).parse()?,
            quantity: ["anon_mapped", "heap_live"][index % 2].parse()?,
            aspect: Aspect::Growth(format!("live@{}", 1 + index % 10).parse()?),
            per: "sandbox".to_owned(),
            value,
            min: value,
            max: value,
            workers: 5,
            tolerance: 0.0,
        })
    };
    append(store, &run, &(0..rows).map(row).collect::<Result<Vec<_>, _>>()?)?;
    Ok(())
}

/// The bytes of all files below a folder.
fn size(folder: &Path) -> Result<highwater_model::Bytes, Box<dyn Error>> {
    let mut sum = 0;
    for entry in folder.read_dir()? {
        let entry = entry?;
        sum += if entry.path().is_dir() { size(&entry.path())?.0 } else { entry.metadata()?.len() };
    }
    Ok(highwater_model::Bytes(sum))
}
