//! What the report answers about this family: the cost of a sandbox and what decides it.

use highwater_model::{Measure, Question};

use crate::Route;

/// The questions, the most important one first.
#[must_use]
pub fn all() -> Vec<Question> {
    vec![
        Question::new(
            "What does one CPython sandbox cost, by strategy?",
            Measure::cost(&["live", "initialised", "called"]),
        )
        .default_case("on-demand/cow=on,guest=cpython-pre", "on demand, pre-initialised")
        .case("pooling/cow=on,guest=cpython-pre", "pooling, pre-initialised")
        .case("on-demand/cow=off,guest=cpython-pre", "copy-on-write off")
        .case("on-demand/cow=on,guest=cpython", "not pre-initialised")
        .case("on-demand/cow=on,guest=cpython-pre,load=bytes", "compiled code copied once")
        .case("on-demand/cow=on,guest=cpython-pre,load=each", "compiled code copied for each sandbox"),
        Question::new("What does a sandbox cost that does nothing?", Measure::cost(&["live", "called"]))
            .default_case("on-demand/cow=on,guest=tiny", "on demand")
            .case("on-demand/cow=off,guest=tiny", "on demand, copy-on-write off")
            .case("on-demand-64m/cow=on,guest=tiny", "on demand, 64 MiB reserved")
            .case("pooling/cow=on,guest=tiny", "pooling")
            .case("pooling/cow=off,guest=tiny", "pooling, copy-on-write off")
            .case("on-demand/cow=on,guest=tiny,load=bytes", "code copied once")
            .case("on-demand/cow=on,guest=tiny,load=each", "code copied for each sandbox"),
        Question::new("What does a guest with 10 MiB of initial data cost?", Measure::cost(&["live", "called"]))
            .default_case("on-demand/cow=on,guest=image", "on demand, writes 16 pages")
            .case("on-demand/cow=on,guest=image,access=read-all", "on demand, reads all")
            .case("on-demand/cow=on,guest=image,access=scatter-64", "on demand, writes 64 pages far apart")
            .case("on-demand/cow=on,guest=image,access=write-256", "on demand, writes 256 pages")
            .case("pooling/cow=on,guest=image", "pooling, writes 16 pages")
            .case("on-demand/cow=off,guest=image", "on demand, copy-on-write off")
            .case("pooling/cow=off,guest=image", "pooling, copy-on-write off"),
        Question::new(
            "How long does it take to create, call and drop a sandbox?",
            Measure::time("instantiate-call-drop"),
        )
        .default_case("on-demand/cow=on,guest=tiny", "does nothing, on demand")
        .case("pooling/cow=on,guest=tiny", "does nothing, pooling")
        .case("on-demand/cow=on,guest=toucher", "writes 16 pages, on demand")
        .case("pooling/cow=on,guest=toucher", "writes 16 pages, pooling")
        .case("on-demand/cow=on,guest=image", "10 MiB of data, on demand")
        .case("pooling/cow=on,guest=image", "10 MiB of data, pooling")
        .case("on-demand/cow=off,guest=image", "10 MiB of data, copied")
        .case("on-demand/cow=on,guest=cpython-pre", "CPython, pre-initialised"),
        Question::new("Does a reused sandbox grow?", Measure::scale("anon", "executed"))
            .case("session/guest=cpython-pre,code=check", "CPython")
            .case("session/guest=cpython-eryx06-pre,code=check", "CPython, runtime of eryx 0.6")
            .case("session/guest=cpython-eryx14-pre,code=check", "CPython, runtime of eryx 0.14")
            .case("session/guest=cpython-pre,code=leak-4k", "CPython that keeps a page each time"),
        host_memory(),
        Question::new("How many sandboxes fit below a limit?", Measure::value("figure.sandboxes", "refused"))
            .default_case("ceiling/by=machine,alloc=on-demand,cow=on,guest=tiny", "the machine, on demand")
            .case("ceiling/by=machine,alloc=on-demand,cow=on,guest=image", "the machine, 10 MiB of data")
            .case("ceiling/by=machine,alloc=pooling,cow=on,guest=tiny", "the machine, pooling")
            .case("ceiling/by=rlimit-as-256g,alloc=on-demand,cow=on,guest=tiny", "256 GiB of address space")
            .case(
                "ceiling/by=rlimit-as-256g,alloc=on-demand-64m,cow=on,guest=tiny",
                "256 GiB of address space, 64 MiB reserved",
            )
            .case("ceiling/by=cgroup-256m,alloc=on-demand,cow=on,guest=image", "256 MiB of memory, 10 MiB of data")
            .case(
                "ceiling/by=cgroup-256m,alloc=on-demand,cow=off,guest=image",
                "256 MiB of memory, 10 MiB of data copied",
            )
            .more_is_better(),
    ]
}

/// What the host holds for a guest that may have 1 MiB, once something stops the guest.
fn host_memory() -> Question {
    let question = Question::new(
        "How much memory does a guest that is limited to 1 MiB make its host hold?",
        Measure::change("anon", "loaded", "refused"),
    );
    Route::ALL.into_iter().fold(question, |question, route| {
        let (case, label) = (format!("host/route={},limit=store", route.name()), route.name());
        if route == Route::Memory { question.default_case(case, label) } else { question.case(case, label) }
    })
}

#[cfg(test)]
mod tests {
    use highwater_model::{CaseId, unknown_cases};

    #[test]
    fn questions_name_cases_of_the_family() {
        let ids: Vec<CaseId> = crate::family().cases.iter().map(|case| case.id()).collect();
        assert_eq!(unknown_cases(&super::all(), &ids), Vec::<String>::new());
    }
}
