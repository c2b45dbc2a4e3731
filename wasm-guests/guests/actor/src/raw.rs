//! The same work without Extism, for the control on bare wasmtime: the host writes the input into this memory itself
//! and reads the output there.

use crate::message;

/// Room for `length` bytes, or 0.
#[unsafe(no_mangle)]
pub extern "C" fn raw_alloc(length: u32) -> u32 {
    let mut room = Vec::<u8>::new();
    if length == 0 || room.try_reserve_exact(length as usize).is_err() {
        return 0;
    }
    room.leak_room() as u32
}

/// Gives back what `raw_alloc` or an answer took.
///
/// # Safety
/// `at` and `length` must be those of a room not yet given back.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn raw_free(at: u32, length: u32) {
    // SAFETY: by the caller's word.
    drop(unsafe { Vec::from_raw_parts(at as *mut u8, 0, length as usize) });
}

/// `echo`: the same room back as `address << 32 | length`.
#[unsafe(no_mangle)]
pub extern "C" fn raw_echo(at: u32, length: u32) -> u64 {
    pack(at, length)
}

/// `process`: a room with the answer in JSON, or 0 for an error. The input stays the caller's.
///
/// # Safety
/// `at` and `length` must be those of a room that is filled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn raw_process(at: u32, length: u32) -> u64 {
    // SAFETY: by the caller's word.
    let input = unsafe { std::slice::from_raw_parts(at as *const u8, length as usize) };
    match message::process_json(input) {
        Ok(mut answer) => {
            answer.shrink_to_fit();
            let length = answer.len() as u32;
            pack(answer.leak_room() as u32, length)
        }
        Err(_) => 0,
    }
}

fn pack(at: u32, length: u32) -> u64 {
    u64::from(at) << 32 | u64::from(length)
}

trait LeakRoom {
    /// Lets go of a vector's room, which `raw_free` takes back.
    fn leak_room(self) -> *mut u8;
}

impl LeakRoom for Vec<u8> {
    fn leak_room(self) -> *mut u8 {
        std::mem::ManuallyDrop::new(self).as_mut_ptr()
    }
}
