//! Which frames of a stack are shown: those of the measured code. The allocator, collections of the standard library and
//! the harness are left out, so that the function that asked for memory comes first.

use std::path::Path;

use crate::symbols::Frame;

/// Crates whose functions are left out.
const LEFT_OUT: [&str; 8] =
    ["alloc::", "core::", "std::", "hashbrown::", "highwater_worker::", "highwater::", "__rust", "_Unwind"];
/// Functions of the C library around `main` and the start of threads.
const OUTERMOST: [&str; 8] =
    ["_start", "__libc_start_main", "__libc_start_call_main", "main", "start_thread", "clone", "clone3", "__clone3"];

/// Folders of the source files of the same crates: an inlined function may have no more than its own name.
const SOURCES_LEFT_OUT: [&str; 4] = ["/rustc/", "/rust/deps/", "/lib/rustlib/src/", "/harness/worker/src/"];

/// Whether a frame is of the standard library or the harness.
fn is_frame_left_out(frame: &Frame) -> bool {
    let is_source = |file: &Path| {
        let file = file.to_string_lossy();
        SOURCES_LEFT_OUT.iter().any(|folder| file.contains(folder))
    };
    is_left_out(&frame.function) || frame.place.as_ref().is_some_and(|(file, _)| is_source(file))
}

/// Whether a function is of the standard library or the harness.
fn is_left_out(function: &str) -> bool {
    // `<alloc::vec::Vec<T> as Trait>::method` belongs to the crate of its type, `<T as alloc::Trait>::method` to that of the
    // trait, because a parameter says nothing.
    let inner = function.trim_start_matches(['<', '&']);
    let inner = inner.strip_prefix("impl ").unwrap_or(inner);
    let owner = match inner.split_once(" as ") {
        Some((parameter, of_trait)) if parameter.len() == 1 => of_trait,
        _ => inner,
    };
    LEFT_OUT.iter().any(|prefix| owner.starts_with(prefix))
        || OUTERMOST.contains(&function.split('@').next().unwrap_or(function))
        || function.starts_with("[libc.")
        || function.starts_with("[ld-")
}

/// The frames to show, innermost first. If all would be left out, the innermost two beyond the allocator.
pub(crate) fn shown(all: &[Frame]) -> Vec<Frame> {
    let own: Vec<Frame> = all.iter().filter(|frame| !is_frame_left_out(frame)).cloned().collect();
    if !own.is_empty() {
        return own;
    }
    let is_allocator = |frame: &&Frame| {
        let name = &frame.function;
        ["highwater_worker::a", "__rust", "alloc::alloc", "alloc::raw_vec", "_Unwind"]
            .iter()
            .any(|it| name.contains(it))
    };
    all.iter().skip_while(is_allocator).take(2).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown_names(names: &[&str]) -> Vec<String> {
        let frames: Vec<Frame> = names.iter().map(|name| Frame { function: (*name).to_owned(), place: None }).collect();
        shown(&frames).into_iter().map(|frame| frame.function).collect()
    }

    #[test]
    fn the_allocator_and_collections_are_left_out() {
        let names = [
            "highwater_worker::attribution::allocated",
            "<highwater_worker::alloc::CountingAllocator<A> as core::alloc::global::GlobalAlloc>::alloc",
            "alloc::raw_vec::RawVec<T,A>::grow_one",
            "<T as alloc::vec::spec_from_elem::SpecFromElem>::from_elem",
            "cache::Cache::insert",
            "<cache::Key as core::clone::Clone>::clone",
            "std::thread::scoped::spawn",
            "clone3",
        ];
        assert_eq!(shown_names(&names), names[4..6]);
    }

    #[test]
    fn inlined_functions_are_told_by_their_source_file() {
        let frame = |function: &str, file: &str| Frame { function: function.to_owned(), place: Some((file.into(), 1)) };
        let all = [frame("push<u8>", "/rustc/0123/library/alloc/src/vec/mod.rs"), frame("insert", "/home/me/cache.rs")];
        assert_eq!(shown(&all), all[1..]);
    }

    #[test]
    fn a_stack_without_code_of_its_own_is_not_empty() {
        let names = ["highwater_worker::attribution::allocated", "std::io::stdio::stdout", "main"];
        assert_eq!(shown_names(&names), names[1..3]);
    }
}
