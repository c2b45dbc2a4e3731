//! The calls that libfyaml's Python bindings make (`create_builder_with_config`, `libfyaml_loads` and `libfyaml_load`
//! in `_libfyaml.c`), and a walk over the resulting document. It contains all `unsafe` code for libfyaml.
//!
//! A generic is a tagged word (`libfyaml-generic.h`). Its low bits are the type, the others a small value or a pointer
//! into the builder's arena.

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

// bindgen omits these functions, because `libfyaml.h` does not include the header of generics. The archive has them.
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

/// The input to parse.
pub(super) enum Origin<'a> {
    /// A string. As in the bindings, it is first copied into a value of the builder.
    Text(&'a str),
    /// A file, which libfyaml maps.
    File(&'a Path),
}

/// A document and the builder that owns its arena.
pub(super) struct Generic {
    builder: NonNull<Builder>,
    root: Word,
}

impl Generic {
    pub(super) fn parse(origin: &Origin<'_>, arena: Arena, dedup: bool) -> CaseResult<Self> {
        let estimate = match origin {
            Origin::Text(text) => 2 * text.len(),
            // The bindings use this estimate regardless of the file size.
            Origin::File(_) => 1 << 20,
        };
        let builder = builder(arena, dedup, estimate).ok_or("libfyaml is out of memory")?;
        // From here on, the builder is freed on every path.
        let mut document = Self { builder, root: INVALID };
        let path = match origin {
            Origin::Text(_) => None,
            Origin::File(path) => Some(CString::new(path.as_os_str().as_bytes())?),
        };
        let input = match origin {
            // SAFETY: the builder is alive, and it copies the text, which is a slice.
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
        // SAFETY: builder, path and arguments outlive the call, and the arguments match the operation.
        let directory = unsafe { fy_generic_op_args(builder.as_ptr(), PARSE, input, &raw const arguments) };
        // SAFETY: it is a directory of a live builder; the invalid word is checked first.
        if directory == INVALID || unsafe { fy_generic_dir_get_document_count(directory) } != 1 {
            return Err("libfyaml rejected the input, or it is not one document".into());
        }
        // SAFETY: the directory has a first document.
        document.root = unsafe { fy_generic_vds_get_root(fy_generic_dir_get_document_vds(directory, 0)) };
        if arena == Arena::Trimmed {
            // SAFETY: the builder is alive.
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
    // SAFETY: the configuration has the type of the allocator with this name, and it is copied.
    let allocator = unsafe { fy_allocator_create(c"auto".as_ptr(), (&raw const config).cast()) };
    let allocator = NonNull::new(allocator)?.as_ptr();
    let config = BuilderConfig {
        flags: OWNS_ALLOCATOR,
        allocator,
        parent: ptr::null_mut(),
        estimated_max_size: estimate,
        diag: ptr::null_mut(),
    };
    // SAFETY: the configuration is copied, and the allocator is alive.
    let builder = NonNull::new(unsafe { fy_generic_builder_create(&raw const config) });
    if builder.is_none() {
        // SAFETY: nothing else uses the allocator.
        unsafe { fy_allocator_destroy(allocator) };
    }
    builder
}

impl Drop for Generic {
    fn drop(&mut self) {
        // SAFETY: this document owns the builder, which frees the allocator.
        unsafe { fy_generic_builder_destroy(self.builder.as_ptr()) };
    }
}

impl Document for Generic {
    fn walk(&self) -> CaseResult<u64> {
        // SAFETY: the root belongs to the builder, which lives as long as `self`.
        Ok(unsafe { scalars(self.root) })
    }
}

/// Counts the scalars below a word. The target of an alias is visited at each of its uses.
///
/// # Safety
/// The word must belong to a live builder.
unsafe fn scalars(word: Word) -> u64 {
    match word.0 & 0b111 {
        0 => {
            let collection = (word.0 & !0b1111) as *const usize;
            if collection.is_null() {
                return 0;
            }
            let is_mapping = word.0 & 0b1000 != 0;
            // SAFETY: a collection is a count followed by that number of words, or of pairs of words.
            let items = unsafe {
                let items = *collection << usize::from(is_mapping);
                std::slice::from_raw_parts(collection.add(1).cast::<Word>(), items)
            };
            // SAFETY: these are items of a collection of a live builder.
            items.iter().map(|item| unsafe { scalars(*item) }).sum()
        }
        // SAFETY: this is an indirection of a live builder, so its value belongs to the same builder.
        0b111 if word.0 & 0b1000 == 0 => unsafe { scalars(fy_generic_indirect_get_value(word)) },
        _ => {
            black_box(word);
            1
        }
    }
}
