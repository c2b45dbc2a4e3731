//! What the report answers about this family: the time to commit a memory and to reset it, and what either leaves.

use highwater_model::{Measure, Question};

/// The questions, the most important one first.
#[must_use]
pub fn all() -> Vec<Question> {
    vec![
        Question::new("How long does it take to commit 256 MiB?", Measure::value("figure.commit_ns", "committed"))
            .default_case("commit/how=best,host=warm,size=256m", "best")
            .case("commit/how=guarded-huge,host=warm,size=256m", "guarded, huge pages")
            .case("commit/how=huge-chunks,host=warm,size=256m", "huge pages in chunks")
            .case("commit/how=huge-chunks-threads-2,host=warm,size=256m", "huge pages, two threads")
            .case("commit/how=populate-chunks-threads-2,host=warm,size=256m", "populate, two threads")
            .case("commit/how=populate-chunks,host=warm,size=256m", "populate in chunks")
            .case("commit/how=populate,host=warm,size=256m", "populate")
            .case("commit/how=mlock,host=warm,size=256m", "mlock")
            .case("commit/how=host-memory,host=warm,size=256m", "MAP_POPULATE")
            .case("commit/how=touch-os-pages,host=warm,size=256m", "one byte in each page")
            .case("commit/how=two-pass,host=warm,size=256m", "two passes, as published"),
        Question::new("How much of 256 MiB stays uncommitted?", Measure::value("figure.uncommitted_bytes", "checked"))
            .default_case("commit/how=best,host=warm,size=256m", "best")
            .case("commit/how=populate,host=warm,size=256m", "populate")
            .case("commit/how=mlock,host=warm,size=256m", "mlock")
            .case("commit/how=two-pass,host=warm,size=256m", "two passes, as published")
            .case("commit/how=touch-wasm-pages,host=warm,size=256m", "one byte in each 64 KiB")
            .case("commit/how=zero-new-pages,host=warm,size=256m", "zeroing new pages")
            .case("commit/how=mlock-on-fault,host=warm,size=256m", "mlock on fault")
            .case("commit/how=populate-read,host=warm,size=256m", "populate for reading")
            .case("commit/how=read-os-pages,host=warm,size=256m", "reading each page")
            .case("commit/how=will-need,host=warm,size=256m", "MADV_WILLNEED")
            .case("commit/how=declared-minimum,host=warm,size=256m", "declared minimum")
            .case("commit/how=static-maximum,host=warm,size=256m", "static maximum"),
        Question::new(
            "What does a reset cost after a job that dirtied 16 MiB of 1 GiB?",
            Measure::value("figure.cost_ns", "reset@16"),
        )
        .default_case("reset/how=tracked,pages=4k,size=1g,where=prefix", "tracked")
        .case("reset/how=tracked,pages=huge,size=1g,where=prefix", "tracked, huge pages")
        .case("reset/how=restore-all,pages=4k,size=1g,where=prefix", "restore all")
        .case("reset/how=reinstantiate,pages=4k,size=1g,where=prefix", "new instance")
        .case("reset/how=pooled,pages=4k,size=1g,where=prefix", "pool")
        .case("reset/how=pooled-resident,pages=4k,size=1g,where=prefix", "pool that zeroes")
        .case("reset/how=pooled-resident-scan,pages=4k,size=1g,where=prefix", "pool that scans")
        .case("reset/how=remap-image,pages=4k,size=1g,where=prefix", "image mapped again")
        .case("reset/how=discard,pages=4k,size=1g,where=prefix", "discard and populate")
        // Not zeroing the prefix as published: it leaves contents behind, see the next question.
        .case("reset/how=zero-all,pages=4k,size=1g,where=prefix", "zero all"),
        Question::new("What does that reset leave unclean?", Measure::value("figure.unclean_bytes", "reset@16"))
            .default_case("reset/how=tracked,pages=4k,size=1g,where=prefix", "tracked")
            .case("reset/how=tracked,pages=huge,size=1g,where=prefix", "tracked, huge pages")
            .case("reset/how=restore-all,pages=4k,size=1g,where=prefix", "restore all")
            .case("reset/how=reinstantiate,pages=4k,size=1g,where=prefix", "new instance")
            .case("reset/how=pooled,pages=4k,size=1g,where=prefix", "pool")
            .case("reset/how=pooled-resident,pages=4k,size=1g,where=prefix", "pool that zeroes")
            .case("reset/how=pooled-resident-scan,pages=4k,size=1g,where=prefix", "pool that scans")
            .case("reset/how=remap-image,pages=4k,size=1g,where=prefix", "image mapped again")
            .case("reset/how=discard,pages=4k,size=1g,where=prefix", "discard and populate")
            .case("reset/how=zero-all,pages=4k,size=1g,where=prefix", "zero all")
            .case("reset/how=zero-prefix,pages=4k,size=1g,where=prefix", "zero the prefix, as published"),
        Question::new(
            "What do a hundred jobs cost with their resets?",
            Measure::sum(&["figure.job_ns", "figure.reset_ns"], "jobs"),
        )
        .default_case("jobs/how=tracked,pages=4k,size=256m", "tracked")
        .case("jobs/how=tracked,pages=huge,size=256m", "tracked, huge pages")
        .case("jobs/how=reinstantiate,pages=4k,size=256m", "new instances")
        .case("jobs/how=pooled,pages=4k,size=256m", "pool")
        .case("jobs/how=remap-image,pages=4k,size=256m", "image mapped again")
        .case("jobs/how=restore-all,pages=4k,size=256m", "restore all")
        .case("jobs/how=zero-all,pages=4k,size=256m", "zero all")
        .case("jobs/how=pooled-resident-scan,pages=4k,size=256m", "pool that scans"),
        Question::new(
            "How long is another thread blocked meanwhile?",
            Measure::value("figure.slowest_ns", "committed"),
        )
        .case("beside/how=touch-os-pages,size=256m", "one byte in each page")
        .case("beside/how=populate,size=256m", "populate")
        .case("beside/how=populate-chunks,size=256m", "populate in chunks")
        .case("beside/how=huge,size=256m", "huge pages")
        .case("beside/how=huge-chunks,size=256m", "huge pages in chunks"),
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
