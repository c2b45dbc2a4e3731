//! Pairs of functions that do the same work by two habits. Each keeps what its habit keeps until the memory's size is
//! taken.

use std::{
    collections::{BTreeMap, HashMap},
    hint::black_box,
};

use extism_pdk::{Error, FnResult, extism, plugin_fn};
use serde::Serialize;

use crate::work::{Done, Work, sum};

/// A new string for every item.
#[plugin_fn]
pub fn string_new(work: Work) -> FnResult<Done> {
    let work = work.checked()?;
    let input = work.text(0);
    let result = (0..work.items).map(|_| sum(format!("Processed: {}", black_box(&input)).as_bytes())).sum();
    Ok(Done::now(result))
}

/// One string, cleared and written again.
#[plugin_fn]
pub fn string_reuse(work: Work) -> FnResult<Done> {
    let work = work.checked()?;
    let input = work.text(0);
    let (mut buffer, mut result) = (String::new(), 0);
    for _ in 0..work.items {
        buffer.clear();
        buffer.push_str("Processed: ");
        buffer.push_str(black_box(&input));
        result += sum(buffer.as_bytes());
    }
    Ok(Done::now(result))
}

/// The size of the buffers below: that of the document's example.
const BUFFER: usize = 1024;

/// An array on the stack for every item.
#[plugin_fn]
pub fn buffer_stack(work: Work) -> FnResult<Done> {
    let work = work.checked()?;
    let filled = |item: u32| sum(&black_box([item as u8; BUFFER]));
    Ok(Done::now((0..work.items).map(filled).sum()))
}

/// A vector on the heap for every item.
#[plugin_fn]
pub fn buffer_heap(work: Work) -> FnResult<Done> {
    let work = work.checked()?;
    let filled = |item: u32| sum(&black_box(vec![item as u8; BUFFER]));
    Ok(Done::now((0..work.items).map(filled).sum()))
}

/// The whole input at once.
#[plugin_fn]
pub fn input_whole(input: Vec<u8>) -> FnResult<Done> {
    if input.is_empty() {
        return Err(Error::msg("the input is empty").into());
    }
    Ok(Done::now(sum(&input)))
}

/// The input by chunks of 4 KiB, through one buffer, straight from Extism's memory. With an argument the PDK would copy
/// the whole input first, twice.
#[plugin_fn]
pub fn input_chunks() -> FnResult<Done> {
    // SAFETY: a function of Extism's that takes nothing.
    let length = unsafe { extism::input_length() };
    if length == 0 {
        return Err(Error::msg("the input is empty").into());
    }
    let (mut buffer, mut result) = ([0_u8; 4096], 0);
    for start in (0..length).step_by(buffer.len()) {
        let chunk = &mut buffer[..(length - start).min(4096) as usize];
        let mut at = start;
        let (words, rest) = chunk.as_chunks_mut::<8>();
        for eight in words {
            // SAFETY: the eight bytes lie within the input.
            *eight = unsafe { extism::input_load_u64(at) }.to_le_bytes();
            at += 8;
        }
        for one in rest {
            // SAFETY: the byte lies within the input.
            *one = unsafe { extism::input_load_u8(at) };
            at += 1;
        }
        result += sum(chunk);
    }
    Ok(Done::now(result))
}

/// Adds one to every byte, where it stands.
#[plugin_fn]
pub fn binary_in_place(mut input: Vec<u8>) -> FnResult<Vec<u8>> {
    if input.is_empty() {
        return Err(Error::msg("the input is empty").into());
    }
    input.iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
    Ok(input)
}

/// The same into a new vector: what the document's `process_in_place` does.
#[plugin_fn]
pub fn binary_copy(input: Vec<u8>) -> FnResult<Vec<u8>> {
    if input.is_empty() {
        return Err(Error::msg("the input is empty").into());
    }
    let output: Vec<u8> = black_box(&input).iter().map(|byte| byte.wrapping_add(1)).collect();
    Ok(output)
}

/// A vector that grows as it is filled.
#[plugin_fn]
pub fn vec_push(work: Work) -> FnResult<Done> {
    let work = work.checked()?;
    let mut items = Vec::new();
    for item in 0..work.items {
        items.push(black_box(item));
    }
    Ok(Done::now(black_box(items).into_iter().map(u64::from).sum()))
}

/// A vector that is allocated before.
#[plugin_fn]
pub fn vec_capacity(work: Work) -> FnResult<Done> {
    let work = work.checked()?;
    let mut items = Vec::with_capacity(work.items as usize);
    for item in 0..work.items {
        items.push(black_box(item));
    }
    Ok(Done::now(black_box(items).into_iter().map(u64::from).sum()))
}

/// Text keys and numbers in a hash map.
#[plugin_fn]
pub fn map_hash(work: Work) -> FnResult<Done> {
    let work = work.checked()?;
    let map: HashMap<String, u64> = (0..work.items).fold(HashMap::new(), |mut map, item| {
        map.insert(work.text(item), item.into());
        map
    });
    Ok(Done::now(black_box(&map).values().sum()))
}

/// The same in a B-tree.
#[plugin_fn]
pub fn map_btree(work: Work) -> FnResult<Done> {
    let work = work.checked()?;
    let map: BTreeMap<String, u64> = (0..work.items).fold(BTreeMap::new(), |mut map, item| {
        map.insert(work.text(item), item.into());
        map
    });
    Ok(Done::now(black_box(&map).values().sum()))
}

/// The same in a sorted vector of pairs.
#[plugin_fn]
pub fn map_sorted(work: Work) -> FnResult<Done> {
    let work = work.checked()?;
    let mut map: Vec<(String, u64)> = Vec::new();
    for item in 0..work.items {
        map.push((work.text(item), item.into()));
    }
    map.sort_unstable();
    Ok(Done::now(black_box(&map).iter().map(|(_, value)| value).sum()))
}

/// A state with the types it needs and nothing that is empty.
#[derive(Serialize)]
struct Compact {
    count: u32,
    flags: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// The same state with wide types, a bool per flag, and nulls.
#[derive(Serialize)]
struct Verbose {
    count: i64,
    is_active: bool,
    is_dirty: bool,
    is_visible: bool,
    is_locked: bool,
    is_remote: bool,
    note: Option<String>,
    description: Option<String>,
}

/// Keeps compact states and their JSON.
#[plugin_fn]
pub fn state_compact(work: Work) -> FnResult<Done> {
    let work = work.checked()?;
    keep_states((0..work.items).map(|item| Compact { count: item, flags: item as u8, note: None }))
}

/// Keeps verbose states and their JSON.
#[plugin_fn]
pub fn state_verbose(work: Work) -> FnResult<Done> {
    let work = work.checked()?;
    keep_states((0..work.items).map(|item| {
        let flag = |bit: u32| item & (1 << bit) != 0;
        Verbose {
            count: item.into(),
            is_active: flag(0),
            is_dirty: flag(1),
            is_visible: flag(2),
            is_locked: flag(3),
            is_remote: flag(4),
            note: None,
            description: None,
        }
    }))
}

/// The length of the JSON, while the states and the JSON are alive.
fn keep_states<T: Serialize>(states: impl Iterator<Item = T>) -> FnResult<Done> {
    let states: Vec<T> = states.collect();
    let text = extism_pdk::json::to_vec(black_box(&states)).map_err(Error::from)?;
    Ok(Done::now(black_box(text).len() as u64))
}
