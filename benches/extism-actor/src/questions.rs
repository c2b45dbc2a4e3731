//! What the report answers about this family: the cost of an actor, and what it keeps.

use highwater_model::{Measure, Question};

/// The questions, the most important one first.
#[must_use]
pub fn all() -> Vec<Question> {
    vec![
        Question::new("What does one actor cost?", Measure::cost(&["live", "called"]))
            .default_case("scaling/maker=extism,source=bytes,alloc=on-demand,components=1", "Extism")
            .case("scaling/maker=wasmtime,source=bytes,alloc=on-demand,components=1", "wasmtime without Extism")
            .case("scaling/maker=extism,source=file,alloc=on-demand,components=1", "Extism, manifest with file")
            .case("scaling/maker=extism,source=data,alloc=on-demand,components=1", "Extism, manifest with data")
            .case("scaling/maker=extism,source=bytes,alloc=small-reservation,components=1", "Extism, small reservation")
            .case("scaling/maker=extism,source=bytes,alloc=pooling,components=1", "Extism, pooling allocator")
            .case("scaling/maker=extism-pool,source=bytes,alloc=on-demand,components=1", "Extism's own pool")
            .case(
                "scaling/maker=wasmtime,source=bytes,alloc=small-reservation,components=1",
                "wasmtime, small reservation",
            )
            .case("scaling/maker=wasmtime,source=bytes,alloc=pooling,components=1", "wasmtime, pooling allocator"),
        Question::new("How long does a call take?", Measure::time("call"))
            .default_case("scaling/maker=extism,source=bytes,alloc=on-demand,components=1", "Extism")
            .case("scaling/maker=wasmtime,source=bytes,alloc=on-demand,components=1", "wasmtime without Extism")
            .case("scaling/maker=extism,source=file,alloc=on-demand,components=1", "Extism, manifest with file")
            .case("scaling/maker=extism,source=data,alloc=on-demand,components=1", "Extism, manifest with data")
            .case("scaling/maker=extism,source=bytes,alloc=small-reservation,components=1", "Extism, small reservation")
            .case("scaling/maker=extism,source=bytes,alloc=pooling,components=1", "Extism, pooling allocator")
            .case("scaling/maker=extism-pool,source=bytes,alloc=on-demand,components=1", "Extism's own pool")
            .case(
                "scaling/maker=wasmtime,source=bytes,alloc=small-reservation,components=1",
                "wasmtime, small reservation",
            )
            .case("scaling/maker=wasmtime,source=bytes,alloc=pooling,components=1", "wasmtime, pooling allocator"),
        Question::new("How long does it take to create and drop an actor?", Measure::time("create-drop"))
            .default_case("scaling/maker=extism,source=bytes,alloc=on-demand,components=1", "Extism")
            .case("scaling/maker=wasmtime,source=bytes,alloc=on-demand,components=1", "wasmtime without Extism")
            .case("scaling/maker=extism,source=file,alloc=on-demand,components=1", "Extism, manifest with file")
            .case("scaling/maker=extism,source=data,alloc=on-demand,components=1", "Extism, manifest with data")
            .case("scaling/maker=extism,source=bytes,alloc=small-reservation,components=1", "Extism, small reservation")
            .case("scaling/maker=extism,source=bytes,alloc=pooling,components=1", "Extism, pooling allocator")
            .case("scaling/maker=extism-pool,source=bytes,alloc=on-demand,components=1", "Extism's own pool")
            .case(
                "scaling/maker=wasmtime,source=bytes,alloc=small-reservation,components=1",
                "wasmtime, small reservation",
            )
            .case("scaling/maker=wasmtime,source=bytes,alloc=pooling,components=1", "wasmtime, pooling allocator"),
        Question::new(
            "What does an actor keep after a message and a reset?",
            Measure::change("anon", "ready", "reset"),
        )
        .case("messages/format=raw,size=1k", "a message of 1 KiB")
        .case("messages/format=raw,size=64k", "a message of 64 KiB")
        .case("messages/format=raw,size=1m", "a message of 1 MiB")
        .case("messages/format=raw,size=8m", "a message of 8 MiB"),
        Question::new(
            "What does it keep if it is created again instead?",
            Measure::change("anon", "ready", "recreated"),
        )
        .case("messages/format=raw,size=1k", "a message of 1 KiB")
        .case("messages/format=raw,size=64k", "a message of 64 KiB")
        .case("messages/format=raw,size=1m", "a message of 1 MiB")
        .case("messages/format=raw,size=8m", "a message of 8 MiB"),
        Question::new(
            "How many calls per second, by what happens between calls?",
            Measure::value("figure.calls_per_second", "served"),
        )
        .default_case("throughput/between=keep,threads=1", "nothing")
        .case("throughput/between=reset,threads=1", "reset")
        .case("throughput/between=recreate,threads=1", "created again")
        .case("throughput/between=pool,threads=1", "returned to the pool")
        .case("throughput/between=wasmtime,threads=1", "nothing, on wasmtime")
        .more_is_better(),
        Question::new("Which functions leak?", Measure::scale("anon", "called"))
            .case("leaks/function=echo", "echo: nothing to leak")
            .case("leaks/function=keep", "keep")
            .case("leaks/function=cycle", "circular references")
            .case("leaks/function=cycle-weak", "weak references")
            .case("leaks/function=handlers-kept", "handlers kept")
            .case("leaks/function=handlers-cleared", "handlers cleared")
            .case("leaks/function=cache-unbounded", "unbounded cache")
            .case("leaks/function=cache-bounded", "bounded cache"),
    ]
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
