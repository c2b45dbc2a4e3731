//! Statements about engines, as claims that a run decides. Each has a control: the same statement where it is
//! deliberately false (or, for a statement that is expected to be refuted, true), which shows that the test can fail.

mod decide;
mod host;

use decide::{adds_forty_percent, code_is_shared, drop_gives_back, keeps_nothing, keeps_pages, writing_adds};
use highwater_judge::Claim;

const COMMON: &str = "a common assumption";
const CONTROL: &str = "control: must be refuted";

const fn claim(
    id: &'static str,
    statement: &'static str,
    source: &'static str,
    refuted_if: &'static str,
    decide: fn(&highwater_model::Record) -> highwater_judge::Finding,
) -> Claim {
    Claim { id, statement, source, refuted_if, decide }
}

/// All claims, each before its control.
#[must_use]
pub fn all() -> Vec<Claim> {
    let mut claims = of_instances();
    claims.extend(host::all());
    claims
}

fn of_instances() -> Vec<Claim> {
    vec![
        claim(
            "kept-pages-are-seen",
            "a guest that keeps a page with each call is seen in every engine",
            "this project",
            "a call adds less than 4 KiB of anonymous memory in any engine",
            |record| keeps_pages(record, "keeper"),
        ),
        claim(
            "control-kept-pages-are-seen",
            "the same for a guest that writes to the same pages with each call",
            CONTROL,
            "a call adds less than 4 KiB in any engine",
            |record| keeps_pages(record, "toucher"),
        ),
        claim(
            "calls-keep-nothing",
            "a hundred calls of an instance take no more memory than one",
            COMMON,
            "a call adds 64 bytes or more of live heap or anonymous memory in any engine",
            |record| keeps_nothing(record, "toucher"),
        ),
        claim(
            "control-calls-keep-nothing",
            "the same for a guest that keeps a page with each call",
            CONTROL,
            "a call adds 64 bytes or more in any engine",
            |record| keeps_nothing(record, "keeper"),
        ),
        claim(
            "code-is-shared",
            "instances share the compiled code of their module",
            COMMON,
            "an instance adds a page or more to the PSS of compiled code in any engine that shows where it is",
            |record| code_is_shared(record, "instance"),
        ),
        claim(
            "control-code-is-shared",
            "the same for engines that each load their own copy of a module",
            CONTROL,
            "one adds a page or more to the PSS of compiled code",
            |record| code_is_shared(record, "module"),
        ),
        claim(
            "drop-gives-back",
            "dropping instances returns their memory",
            COMMON,
            "a tenth or more of the memory of a hundred called instances remains in any engine",
            |record| drop_gives_back(record, true),
        ),
        claim(
            "control-drop-gives-back",
            "the same for instances that are not dropped",
            CONTROL,
            "a tenth or more of it remains",
            |record| drop_gives_back(record, false),
        ),
        claim(
            "wasmtime-48-adds-40-percent",
            "the upgrade of wasmtime from 47 to 48 adds about 40 % of memory",
            "wasmtime-go #295",
            "no case of both versions takes a fifth more with 48",
            |record| adds_forty_percent(record, ["47", "48"]),
        ),
        claim(
            "control-wasmtime-48-adds-40-percent",
            "the same for an upgrade to a guest that writes to 16 pages",
            "control: must be confirmed",
            "no version takes a fifth more",
            writing_adds,
        ),
    ]
}
