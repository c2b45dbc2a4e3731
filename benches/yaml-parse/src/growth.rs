//! Linearity of memory and time in the file size: fits a line through the sizes and checks whether it bends.

use highwater_judge::{CaseView, Finding};
use highwater_model::{Aspect, CaseRecord, Metric, Record};
use highwater_stats::{LinearFit, Linearity, theil_sen_fit};

use crate::{generate::SIZE, peers::Peer};

const MIB: f64 = (1 << 20) as f64;
/// Resolution of times, as a part of the longest. On a shared machine, times cannot resolve a bend of less than about
/// 25 %, and quadratic growth bends by many times that.
const GRAIN: f64 = 0.05;

/// Memory and time of one parser as a function of the input size in MiB.
struct Growth {
    /// Growth of anon up to `walked`, in bytes per MiB.
    memory: LinearFit,
    /// CPU time from the path to the document, in nanoseconds per MiB.
    time: LinearFit,
}

impl Growth {
    /// Fits cases of one parser, each with its size in MiB.
    fn of(cases: &[(CaseView<'_>, f64)]) -> Option<Self> {
        let scales: Vec<f64> = cases.iter().map(|(_, mib)| *mib).collect();
        let walked = Aspect::Growth("walked".parse().ok()?);
        let (memory, time): (Vec<_>, Vec<_>) = cases
            .iter()
            .map(|(view, _)| Some((view.values(Metric::Anon, &walked)?, fastest(view.case)?)))
            .collect::<Option<_>>()?;
        let fewest = memory.iter().map(Vec::len).min()?;
        let workers: Vec<Vec<f64>> =
            (0..fewest).map(|worker| memory.iter().map(|values| values[worker]).collect()).collect();
        let grain = GRAIN * time.iter().copied().fold(0.0, f64::max);
        Some(Self { memory: theil_sen_fit(&scales, &workers, 4096.0)?, time: theil_sen_fit(&scales, &[time], grain)? })
    }

    fn is_linear(&self) -> bool {
        self.memory.linearity == Linearity::Linear && self.time.linearity == Linearity::Linear
    }

    fn summary(&self) -> String {
        let of_file = self.memory.slope / MIB;
        let (memory, time) = (self.memory.linearity, self.time.linearity);
        format!("{of_file:.4} bytes per byte, {memory}; {:.1} ms CPU per MiB, {time}", self.time.slope / 1e6)
    }
}

/// Returns the CPU time from the path to the document of the fastest worker. All workers do the same work.
fn fastest(case: &CaseRecord) -> Option<f64> {
    let cpu = |stage: &str| Some(&case.stage(&stage.parse().ok()?)?.cpu_ns);
    let (loaded, parsed) = (cpu("loaded")?, cpu("parsed")?);
    (0..case.samples).filter_map(|worker| Some(loaded.at(worker)? + parsed.at(worker)?)).min().map(|ns| ns as f64)
}

/// The cases of `growth` of one parser, from the smallest size.
fn sizes<'a>(record: &'a Record, parser: &str) -> Vec<(CaseView<'a>, f64)> {
    let cases = CaseView::select(record, "growth", &[("parser", parser)]).into_iter();
    let mut sizes: Vec<_> = cases.filter_map(|case| Some((case, case.parameter("mib")?.parse().ok()?))).collect();
    sizes.sort_by(|(_, a), (_, b): &(_, f64)| a.total_cmp(b));
    sizes
}

/// Decides whether the tape grows linearly, and names the peers that do not.
pub(crate) fn decide(record: &Record) -> Finding {
    let tape = sizes(record, "tape-lazy");
    let all_sizes = tape.iter().map(|(_, mib)| *mib).eq([1.0, 4.0, 16.0, 64.0]);
    let Some(ours) = all_sizes.then(|| Growth::of(&tape)).flatten() else {
        return Finding::undecided("not all sizes of the lazy tape were measured");
    };
    let peers: Vec<(&str, Growth)> = Peer::ALL
        .iter()
        .filter_map(|peer| {
            let mut cases = sizes(record, peer.name());
            cases.push((CaseView::find(record, "peer", &[("parser", peer.name())])?, SIZE as f64 / MIB));
            // With fewer sizes, any growth is a straight line.
            (cases.len() >= 3).then(|| Growth::of(&cases)).flatten().map(|growth| (peer.name(), growth))
        })
        .collect();
    let bent: Vec<String> = peers
        .iter()
        .filter(|(_, peer)| !peer.is_linear())
        .map(|(name, peer)| format!("{name}: {}", peer.summary()))
        .collect();
    let others = match bent.as_slice() {
        [] if peers.is_empty() => "no peer was measured".to_owned(),
        [] => format!("{} peers are linear, from 1 to 6.35 MiB", peers.len()),
        some => some.join("; "),
    };
    Finding::holds(ours.is_linear(), format!("{}; {others}", ours.summary())).on(tape.iter().map(|(case, _)| case.id()))
}
