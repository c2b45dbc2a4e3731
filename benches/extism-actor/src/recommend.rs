//! Recommendations for an actor host from the figures of a run: manifest form, allocator, memory limit, and whether to
//! reset or re-create actors. A table above them shows the cost per actor and how much of it is due to Extism.

use std::fmt::Write;

use highwater_judge::CaseView;
use highwater_model::{Metric, Record, bytes, nanoseconds, signed_bytes};

use crate::selected::{UNTIL_CALLED, large_message, limited, scaling};

/// The cost per actor that has been called once.
struct Cost {
    anon: f64,
    page_tables: f64,
    vmas: f64,
    vsize: f64,
    create_ns: Option<f64>,
    call_ns: Option<f64>,
}

impl Cost {
    fn of(case: CaseView<'_>) -> Option<Self> {
        let whole = |metric: Metric| case.slope_sum(metric, &UNTIL_CALLED);
        Some(Self {
            anon: whole(Metric::Anon)?,
            page_tables: whole(Metric::PageTables)?,
            vmas: whole(Metric::Vmas)?,
            vsize: whole(Metric::Vsize)?,
            create_ns: case.time("create-drop"),
            call_ns: case.time("call"),
        })
    }

    /// The total memory cost. RSS does not include page tables.
    fn paid(&self) -> f64 {
        self.anon + self.page_tables
    }

    fn row(&self, name: &str) -> String {
        let time = |ns: Option<f64>| ns.map_or_else(|| "-".to_owned(), nanoseconds);
        format!(
            "{name:<34} {:>11} {:>11} {:>6.2} {:>11} {:>10} {:>10}",
            bytes(self.anon),
            bytes(self.page_tables),
            self.vmas,
            bytes(self.vsize),
            time(self.create_ns),
            time(self.call_ns)
        )
    }

    fn less(&self, other: &Self) -> String {
        let time = |a: Option<f64>, b: Option<f64>| {
            a.zip(b).map_or_else(|| "-".to_owned(), |(a, b)| format!("{:+.1} us", (a - b) / 1e3))
        };
        format!(
            "{:<34} {:>11} {:>11} {:>+6.2} {:>11} {:>10} {:>10}",
            "Extism minus wasmtime",
            signed_bytes(self.anon - other.anon),
            signed_bytes(self.page_tables - other.page_tables),
            self.vmas - other.vmas,
            signed_bytes(self.vsize - other.vsize),
            time(self.create_ns, other.create_ns),
            time(self.call_ns, other.call_ns)
        )
    }
}

/// The rows of the table: name, maker, source, allocation.
const LINES: [(&str, [&str; 3]); 8] = [
    ("Extism", ["extism", "bytes", "on-demand"]),
    ("wasmtime", ["wasmtime", "bytes", "on-demand"]),
    ("Extism, manifest with data", ["extism", "data", "on-demand"]),
    ("Extism, manifest with file", ["extism", "file", "on-demand"]),
    ("Extism, small reservation", ["extism", "bytes", "small-reservation"]),
    ("wasmtime, small reservation", ["wasmtime", "bytes", "small-reservation"]),
    ("Extism, pooling allocator", ["extism", "bytes", "pooling"]),
    ("wasmtime, pooling allocator", ["wasmtime", "bytes", "pooling"]),
];

/// Formats the recommendations as text. Rows and recommendations without figures in this run are marked as such.
#[must_use]
pub fn recommend(record: &Record) -> String {
    let mut text = format!(
        "{:<34} {:>11} {:>11} {:>6} {:>11} {:>10} {:>10}\n",
        "one actor, called once", "anon", "page tables", "VMAs", "VmSize", "create", "call"
    );
    let cost = |[maker, source, alloc]: [&str; 3]| Cost::of(scaling(record, maker, source, alloc)?);
    let mut extism: Option<Cost> = None;
    for (name, line) in LINES {
        let Some(cost) = cost(line) else {
            let _ = writeln!(text, "{name:<34} not in this run");
            continue;
        };
        let _ = writeln!(text, "{}", cost.row(name));
        match (line[0], &extism) {
            ("wasmtime", Some(extism)) => {
                let _ = writeln!(text, "{}", extism.less(&cost));
            }
            ("extism", _) => extism = Some(cost),
            _ => {}
        }
    }
    let advice = [
        ("manifest form", form(record)),
        ("allocator", allocator(record)),
        ("limit", limit(record)),
        ("reset or re-create", reset(record)),
    ];
    for (about, advice) in advice {
        let advice = advice.unwrap_or_else(|| "undecided: cases are missing from this run".to_owned());
        let _ = writeln!(text, "\n{about}: {advice}");
    }
    text
}

/// Recommends the cheapest manifest form among those that support a limit.
fn form(record: &Record) -> Option<String> {
    let paid = |source| Some(Cost::of(scaling(record, "extism", source, "on-demand")?)?.paid());
    let (data, file, plain) = (paid("data")?, paid("file")?, paid("bytes")?);
    let best = if file <= data { "`Wasm::file`" } else { "`Wasm::data`" };
    Some(format!(
        "{best}; an actor costs {} with a file and {} with data. Plain bytes cost {} and do not support a limit.",
        bytes(file),
        bytes(data),
        bytes(plain)
    ))
}

/// Recommends the allocation strategy with the lowest memory cost and lists the costs of all strategies. The address
/// space of the pool is reserved when the engine is created, so no slope includes it.
fn allocator(record: &Record) -> Option<String> {
    let mut all = ["on-demand", "small-reservation", "pooling"]
        .map(|name| Some((name, Cost::of(scaling(record, "extism", "bytes", name)?)?)))
        .into_iter()
        .collect::<Option<Vec<_>>>()?;
    all.sort_by(|a, b| a.1.paid().total_cmp(&b.1.paid()));
    let descriptions = all.iter().map(|(name, cost)| {
        let times = match (cost.create_ns, cost.call_ns) {
            (Some(create), Some(call)) => format!(", create {}, call {}", nanoseconds(create), nanoseconds(call)),
            _ => String::new(),
        };
        format!("{name} {}, {:.2} VMAs, {} of address space{times}", bytes(cost.paid()), cost.vmas, bytes(cost.vsize))
    });
    let descriptions: Vec<String> = descriptions.collect();
    Some(format!("{}; {}", all[0].0, descriptions.join("; ")))
}

/// Recommends the smallest limit for a given message size.
fn limit(record: &Record) -> Option<String> {
    let limits = limited(record)?.into_iter();
    let limits: Option<Vec<(f64, f64)>> =
        limits.map(|(case, asked)| Some((asked, case.figure("full", "message_bytes")?))).collect();
    let limits = limits?;
    let part = limits.iter().map(|(asked, message)| asked / message).fold(0.0, f64::max);
    let descriptions: Vec<String> =
        limits.iter().map(|(asked, message)| format!("{} echoes {}", bytes(*asked), bytes(*message))).collect();
    Some(format!(
        "always set one, of {part:.1} times the largest message: Extism has no default; {}",
        descriptions.join(", ")
    ))
}

/// Recommends reset or re-creation from the memory that each frees and the calls per second with each.
fn reset(record: &Record) -> Option<String> {
    let message = large_message(record)?;
    let added = message.growth_between(Metric::Anon, "ready", "large")?;
    let back = |stage| Some(-message.growth_between(Metric::Anon, "large", stage)?);
    let (reset, recreated) = (back("reset")?, back("recreated")?);
    let rate = |between: &str| {
        let case = CaseView::find(record, "throughput", &[("between", between), ("threads", "1")])?;
        case.figure("served", "calls_per_second")
    };
    let rates = match (rate("keep"), rate("reset"), rate("recreate")) {
        (Some(keep), Some(reset), Some(recreate)) => {
            format!(" Calls per second on one thread: kept {keep:.0}, reset {reset:.0}, re-created {recreate:.0}.")
        }
        _ => String::new(),
    };
    let best = if recreated > reset + added / 2.0 {
        "re-create after a large message or an error, keep otherwise"
    } else {
        "reset"
    };
    Some(format!(
        "{best}; of the {} that a message of 8 MiB adds, reset frees {} and re-creation {}.{rates}",
        bytes(added),
        bytes(reset),
        bytes(recreated)
    ))
}
