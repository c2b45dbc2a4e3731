//! Linearity of memory and time in the file size: fits a line through the sizes and checks whether it bends.

use highwater_judge::{Aspect, CaseView, Finding};
use highwater_model::{CaseId, CaseRecord, Metric, Quantity, Record};
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
    /// Fits the cases of one parser, given by id and size in MiB.
    fn of(record: &Record, sizes: &[(String, f64)]) -> Option<Self> {
        let cases: Option<Vec<&CaseRecord>> = sizes.iter().map(|(id, _)| record.case(id)).collect();
        let scales: Vec<f64> = sizes.iter().map(|(_, mib)| *mib).collect();
        let (memory, time): (Vec<_>, Vec<_>) = cases?
            .into_iter()
            .map(|case| Some((walked(record, case, Metric::Anon)?, fastest(case)?)))
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

/// Returns the growth up to `walked` of each worker.
pub(crate) fn walked(record: &Record, case: &CaseRecord, metric: Metric) -> Option<Vec<f64>> {
    let walked = Aspect::Growth("walked".parse().ok()?);
    CaseView::of(record, case).values(Quantity::from(metric), &walked)
}

/// Returns the CPU time from the path to the document of the fastest worker. All workers do the same work.
fn fastest(case: &CaseRecord) -> Option<f64> {
    let cpu = |stage: &str| Some(&case.stage(&stage.parse().ok()?)?.cpu_ns);
    let (loaded, parsed) = (cpu("loaded")?, cpu("parsed")?);
    (0..case.samples).filter_map(|worker| Some(loaded.at(worker)? + parsed.at(worker)?)).min().map(|ns| ns as f64)
}

fn case(parser: &str, mib: u64) -> (String, f64) {
    (format!("yaml-parse/growth/parser={parser},mib={mib}"), mib as f64)
}

/// Decides whether the tape grows linearly, and names the peers that do not.
pub(crate) fn decide(record: &Record) -> Finding {
    let sizes = [1, 4, 16, 64].map(|mib| case("tape-lazy", mib));
    let Some(ours) = Growth::of(record, &sizes) else {
        return Finding::undecided("not all sizes of the lazy tape were measured");
    };
    let peers: Vec<(&str, Growth)> = Peer::ALL
        .iter()
        .filter_map(|peer| {
            let whole = (format!("yaml-parse/peer/parser={}", peer.name()), SIZE as f64 / MIB);
            let sizes = [case(peer.name(), 1), case(peer.name(), 4), whole];
            Some((peer.name(), Growth::of(record, &sizes)?))
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
    let ids: Vec<CaseId> = sizes.iter().filter_map(|(id, _)| id.parse().ok()).collect();
    Finding::holds(ours.is_linear(), format!("{}; {others}", ours.summary())).on(&ids)
}
