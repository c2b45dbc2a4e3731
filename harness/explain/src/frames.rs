//! Which frames of a stack are shown: those of the measured code. The allocator, collections of the standard library
//! and the harness are left out, so that the function that asked for memory comes first.
//!
//! A function of the symbol table has its whole path, which begins with its crate. A function that was inlined has no
//! more than its own name in line tables, so its source file decides.

use std::path::{Path, PathBuf};

use highwater_model::{Frame, Place};

use crate::symbols::is_system;

/// Crates whose functions are left out.
const CRATES: [&str; 7] = ["alloc", "core", "std", "hashbrown", "highwater_worker", "highwater", "__rustc"];
/// Prefixes of functions without a crate: the allocator of a program, and the unwinder.
const PREFIXES: [&str; 3] = ["__rust", "__rdl_", "_Unwind_"];
/// Functions of the C library around `main` and the start of threads.
const OUTERMOST: [&str; 8] =
    ["_start", "__libc_start_main", "__libc_start_call_main", "main", "start_thread", "clone", "clone3", "__clone3"];
/// Parts of the paths of the standard library's source files: as released, as built from `rust-src`, and its
/// dependencies.
const STANDARD_SOURCES: [&str; 3] = ["/rustc/", "/lib/rustlib/src/", "/rust/deps/"];
/// The function of the allocator that records a stack. It is never inlined.
const RECORDER: &str = "highwater_worker::attribution::allocated";

/// Whether a stack is of the recording itself.
pub(crate) fn is_of_recording(frames: &[Frame]) -> bool {
    frames.iter().any(|frame| frame.function.starts_with("highwater_worker::attribution::"))
}

/// The folder of the sources of the worker's crate, by the file of the function that records stacks. `None` without
/// line tables.
pub(crate) fn harness_sources<'a>(frames: impl IntoIterator<Item = &'a Frame>) -> Option<PathBuf> {
    let recorder = frames.into_iter().find(|frame| frame.function == RECORDER && frame.place.is_some())?;
    // src/attribution/mod.rs
    Path::new(&recorder.place.as_ref()?.file).ancestors().nth(2).map(Path::to_owned)
}

/// Whether a frame is of the standard library or the harness.
fn is_left_out(frame: &Frame, harness: Option<&Path>) -> bool {
    let is_standard = |place: &Place| STANDARD_SOURCES.iter().any(|part| place.file.contains(part));
    frame.place.as_ref().is_some_and(|place| is_standard(place) || is_below(place, harness))
        || is_left_out_by_name(&frame.function)
}

fn is_below(place: &Place, folder: Option<&Path>) -> bool {
    folder.is_some_and(|folder| Path::new(&place.file).starts_with(folder))
}

/// Whether a function is of the standard library or the harness, by its name.
fn is_left_out_by_name(function: &str) -> bool {
    let plain = function.split('@').next().unwrap_or(function);
    CRATES.contains(&crate_of(function))
        || PREFIXES.iter().any(|prefix| function.starts_with(prefix))
        || OUTERMOST.contains(&plain)
        || function.strip_prefix('[').is_some_and(is_system)
}

/// The crate of a function: `cache` of `<cache::Key as core::clone::Clone>::clone`. A method of a primitive type or of
/// a type parameter belongs to the crate of its trait: `alloc` of `<T as alloc::slice::Join>::join`.
fn crate_of(function: &str) -> &str {
    let Some(inner) = function.strip_prefix('<') else { return head(function) };
    let (of_type, of_trait) = match split_as(inner) {
        Some((of_type, of_trait)) => (of_type, Some(of_trait)),
        None => (inner, None),
    };
    let of_type = ["&mut ", "&", "*const ", "*mut ", "dyn ", "impl ", "["]
        .iter()
        .fold(of_type, |name, prefix| name.strip_prefix(prefix).unwrap_or(name));
    match head(of_type) {
        "" => head(of_trait.unwrap_or_default()),
        head => head,
    }
}

/// The first name of a path, or nothing.
fn head(path: &str) -> &str {
    let head = path.split_once("::").map_or("", |(head, _)| head);
    let is_name = head.chars().all(|it| it.is_alphanumeric() || it == '_');
    if is_name { head } else { "" }
}

/// Splits `Type as Trait>::method` at the ` as ` that is outside of further brackets.
fn split_as(inner: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (index, character) in inner.char_indices() {
        match character {
            '<' | '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            '>' if !inner[..index].ends_with('-') => match depth {
                0 => return None,
                _ => depth -= 1,
            },
            ' ' if depth == 0 && inner[index..].starts_with(" as ") => {
                return Some((&inner[..index], &inner[index + " as ".len()..]));
            }
            _ => {}
        }
    }
    None
}

/// The frames to show, innermost first. If all would be left out, the innermost two beyond the allocator.
pub(crate) fn shown(all: &[Frame], harness: Option<&Path>) -> Vec<Frame> {
    let mut own: Vec<Frame> = all.iter().filter(|frame| !is_left_out(frame, harness)).cloned().collect();
    // Several functions of a file without symbols say no more than one.
    own.dedup_by(|next, frame| frame.function.starts_with('[') && frame.function == next.function);
    if !own.is_empty() {
        return own;
    }
    let is_allocator = |frame: &&Frame| {
        let name = &frame.function;
        frame.place.as_ref().is_some_and(|place| is_below(place, harness))
            || ["highwater_worker", "__rustc"].contains(&crate_of(name))
            || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            || ["alloc::alloc", "alloc::raw_vec"].iter().any(|part| name.contains(part))
    };
    all.iter().skip_while(is_allocator).take(2).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(function: &str, file: Option<&str>) -> Frame {
        let place = file.map(|file| Place { file: file.to_owned(), line: 1 });
        Frame { function: function.to_owned(), inlined: false, place }
    }

    fn shown_names(names: &[&str]) -> Vec<String> {
        let frames: Vec<Frame> = names.iter().map(|name| frame(name, None)).collect();
        shown(&frames, None).into_iter().map(|frame| frame.function).collect()
    }

    #[test]
    fn the_allocator_and_collections_are_left_out() {
        let names = [
            "highwater_worker::attribution::allocated",
            "<highwater_worker::alloc::CountingAllocator<A> as core::alloc::global::GlobalAlloc>::alloc",
            "__rustc::__rust_alloc",
            "__rust_realloc",
            "alloc::raw_vec::RawVec<T,A>::grow_one",
            "<T as alloc::vec::spec_from_elem::SpecFromElem>::from_elem",
            "<[u8] as alloc::slice::Join<_>>::join",
            "<alloc::boxed::Box<dyn cache::Make> as core::ops::function::FnOnce<()>>::call_once",
            "cache::Cache::insert",
            "<cache::Key as core::clone::Clone>::clone",
            "<&dyn cache::Make as cache::Make>::bytes",
            "<F as cache::Callback<fn(u8) -> u8>>::call",
            "std::thread::scoped::spawn",
            "clone3",
        ];
        assert_eq!(shown_names(&names), names[8..12]);
    }

    #[test]
    fn crates_whose_names_begin_like_the_standard_library_are_shown() {
        let names = ["allocators::Pool::take", "core_affinity::set", "stdweb::f", "hashbrownie::insert"];
        assert_eq!(shown_names(&names), names);
    }

    #[test]
    fn functions_without_names_are_one() {
        let names = ["[app]", "[app]", "cache::f", "cache::f", "[app]"];
        assert_eq!(shown_names(&names), ["[app]", "cache::f", "cache::f", "[app]"]);
    }

    #[test]
    fn a_function_of_c_is_shown() {
        let names = ["malloc_like", "[libc.so.6]", "parse_document", "main"];
        assert_eq!(shown_names(&names), ["malloc_like", "parse_document"]);
    }

    #[test]
    fn inlined_functions_are_left_out_by_their_source_file() {
        let all = [
            frame(RECORDER, Some("/home/me/vendored/worker/src/attribution/mod.rs")),
            frame("alloc", Some("/home/me/vendored/worker/src/alloc.rs")),
            frame("push<u8>", Some("/rustc/0123/library/alloc/src/vec/mod.rs")),
            frame("insert", Some("/home/me/cache.rs")),
        ];
        let harness = harness_sources(&all);
        assert_eq!(harness.as_deref(), Some(Path::new("/home/me/vendored/worker/src")));
        assert_eq!(shown(&all, harness.as_deref()), all[3..]);
    }

    #[test]
    fn a_stack_without_measured_code_is_not_empty() {
        let names = ["highwater_worker::attribution::allocated", "std::io::stdio::stdout", "main"];
        assert_eq!(shown_names(&names), names[1..3]);
    }
}
