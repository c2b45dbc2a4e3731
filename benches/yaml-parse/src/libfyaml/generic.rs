//! The calls that libfyaml's Python bindings make (`create_builder_with_config`, `libfyaml_loads` and
//! `libfyaml_load` of its `_libfyaml.c`), and a walk over what they give: all `unsafe` of it.
//!
//! A generic is a tagged word (`libfyaml-generic.h`): its low bits say what it is, the others are a
//! small value, or a pointer into the builder's arena.

use std::{
    ffi::{CString, c_char, c_int, c_uint, c_void},
    hint::black_box,
    os::unix::ffi::OsStrExt,
    path::Path,
    ptr::{self, NonNull},
};

use fyaml_sys::{
    FYAST_PER_OBJ_FREE, FYAST_PER_OBJ_FREE_DEDUP, FYAST_PER_TAG_FREE, FYAST_PER_TAG_FREE_DEDUP, fy_allocator,
    fy_allocator_create, fy_allocator_destroy, fy_auto_allocator_cfg,
};
use highwater_worker::CaseResult;

use super::Arena;
use crate::subject::Document;

#[repr(C)]
struct Builder {
    _opaque: [u8; 0],
}

/// `fy_generic`.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
struct Word(usize);

const INVALID: Word = Word(usize::MAX);

/// `struct fy_generic_builder_cfg`.
#[repr(C)]
struct BuilderConfig {
    flags: c_uint,
    allocator: *mut fy_allocator,
    parent: *mut Builder,
    estimated_max_size: usize,
    diag: *mut c_void,
}

/// `struct fy_op_parse_args`, with room for the larger members of its union.
#[repr(C)]
struct ParseArguments {
    count: usize,
    items: *const Word,
    pool: *mut c_void,
    flags: c_uint,
    input: *const c_char,
    _others: [usize; 8],
}

/// `FYGBCF_OWNS_ALLOCATOR`.
const OWNS_ALLOCATOR: c_uint = 1 << 4;
/// `FYGBOPF_PARSE | FYGBOPF_MAP_ITEM_COUNT`.
const PARSE: c_uint = 38 | 1 << 20;
/// `FYOPPF_MODE_YAML_1_2`.
const YAML_1_2: c_uint = 2 << 8;
/// `FYOPPF_INPUT_TYPE_FILENAME`; a string is 0.
const BY_PATH: c_uint = 1 << 4;

// What bindgen leaves out: `libfyaml.h` does not include the header of the generics. The archive has them.
unsafe extern "C" {
    fn fy_generic_builder_create(config: *const BuilderConfig) -> *mut Builder;
    fn fy_generic_builder_destroy(builder: *mut Builder);
    fn fy_gb_string_size_create_out_of_place(builder: *mut Builder, text: *const c_char, length: usize) -> Word;
    fn fy_gb_trim(builder: *mut Builder);
    fn fy_generic_op_args(builder: *mut Builder, flags: c_uint, input: Word, arguments: *const ParseArguments) -> Word;
    fn fy_generic_dir_get_document_count(directory: Word) -> c_int;
    fn fy_generic_dir_get_document_vds(directory: Word, index: usize) -> Word;
    fn fy_generic_vds_get_root(document: Word) -> Word;
    fn fy_generic_indirect_get_value(indirect: Word) -> Word;
}

/// What is parsed.
pub(super) enum Origin<'a> {
    /// A string. As in the bindings it is made a value of the builder first, which is a copy.
    Text(&'a str),
    /// A file, which libfyaml maps.
    File(&'a Path),
}

/// A document, and the builder whose arena it is in.
pub(super) struct Generic {
    builder: NonNull<Builder>,
    root: Word,
}

impl Generic {
    pub(super) fn parse(origin: &Origin<'_>, arena: Arena, dedup: bool) -> CaseResult<Self> {
        let estimate = match origin {
            Origin::Text(text) => 2 * text.len(),
            // The bindings' guess, whatever the file's size.
            Origin::File(_) => 1 << 20,
        };
        let builder = builder(arena, dedup, estimate).ok_or("libfyaml has no memory")?;
        // From here on it is freed whatever happens.
        let mut document = Self { builder, root: INVALID };
        let path = match origin {
            Origin::Text(_) => None,
            Origin::File(path) => Some(CString::new(path.as_os_str().as_bytes())?),
        };
        let input = match origin {
            // SAFETY: the builder lives, and copies what is a slice.
            Origin::Text(text) => unsafe {
                fy_gb_string_size_create_out_of_place(builder.as_ptr(), text.as_ptr().cast(), text.len())
            },
            Origin::File(_) => INVALID,
        };
        let arguments = ParseArguments {
            count: 0,
            items: ptr::null(),
            pool: ptr::null_mut(),
            flags: YAML_1_2 | if path.is_some() { BY_PATH } else { 0 },
            input: path.as_ref().map_or(ptr::null(), |path| path.as_ptr()),
            _others: [0; 8],
        };
        // SAFETY: builder, path and arguments outlive the call; the arguments are those of the operation.
        let directory = unsafe { fy_generic_op_args(builder.as_ptr(), PARSE, input, &raw const arguments) };
        // SAFETY: a directory of a live builder, or the invalid word, which has no documents.
        if directory == INVALID || unsafe { fy_generic_dir_get_document_count(directory) } != 1 {
            return Err("libfyaml refuses it, or it is not one document".into());
        }
        // SAFETY: it has a first document.
        document.root = unsafe { fy_generic_vds_get_root(fy_generic_dir_get_document_vds(directory, 0)) };
        if arena == Arena::Trimmed {
            // SAFETY: the builder lives.
            unsafe { fy_gb_trim(builder.as_ptr()) };
        }
        Ok(document)
    }
}

fn builder(arena: Arena, dedup: bool, estimate: usize) -> Option<NonNull<Builder>> {
    let scenario = match (arena, dedup) {
        (Arena::Malloc, false) => FYAST_PER_OBJ_FREE,
        (Arena::Malloc, true) => FYAST_PER_OBJ_FREE_DEDUP,
        (_, false) => FYAST_PER_TAG_FREE,
        (_, true) => FYAST_PER_TAG_FREE_DEDUP,
    };
    let config = fy_auto_allocator_cfg { scenario, estimated_max_size: estimate };
    // SAFETY: the configuration is that of the allocator of this name, and is copied.
    let allocator = unsafe { fy_allocator_create(c"auto".as_ptr(), (&raw const config).cast()) };
    let allocator = NonNull::new(allocator)?.as_ptr();
    let config = BuilderConfig {
        flags: OWNS_ALLOCATOR,
        allocator,
        parent: ptr::null_mut(),
        estimated_max_size: estimate,
        diag: ptr::null_mut(),
    };
    // SAFETY: the configuration is copied, the allocator lives.
    let builder = NonNull::new(unsafe { fy_generic_builder_create(&raw const config) });
    if builder.is_none() {
        // SAFETY: nobody has it.
        unsafe { fy_allocator_destroy(allocator) };
    }
    builder
}

impl Drop for Generic {
    fn drop(&mut self) {
        // SAFETY: the builder is this document's own; the allocator goes with it.
        unsafe { fy_generic_builder_destroy(self.builder.as_ptr()) };
    }
}

impl Document for Generic {
    fn walk(&self) -> CaseResult<u64> {
        // SAFETY: the root is of the builder, which lives as long as this does.
        Ok(unsafe { scalars(self.root) })
    }
}

/// Scalars below a word. What an alias means is visited at each of its places.
///
/// # Safety
/// The word must be of a live builder.
unsafe fn scalars(word: Word) -> u64 {
    match word.0 & 0b111 {
        0 => {
            let collection = (word.0 & !0b1111) as *const usize;
            if collection.is_null() {
                return 0;
            }
            let is_mapping = word.0 & 0b1000 != 0;
            // SAFETY: a collection is its count and so many words, or pairs of them.
            let items = unsafe {
                let items = *collection << usize::from(is_mapping);
                std::slice::from_raw_parts(collection.add(1).cast::<Word>(), items)
            };
            // SAFETY: items of a collection of a live builder.
            items.iter().map(|item| unsafe { scalars(*item) }).sum()
        }
        // SAFETY: an indirection of a live builder; its value is one, too.
        0b111 if word.0 & 0b1000 == 0 => unsafe { scalars(fy_generic_indirect_get_value(word)) },
        _ => {
            black_box(word);
            1
        }
    }
}
