//! The unsafe part of attribution: tables in mappings of their own, and the call stack of the running thread.

use std::{
    ffi::{c_int, c_void},
    ops::{Deref, DerefMut},
    ptr::{NonNull, null_mut},
};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// Zeroed words in a mapping of their own, so that they are not part of the heap that is measured.
#[derive(Debug)]
pub(super) struct Words {
    start: NonNull<u64>,
    length: usize,
}

// SAFETY: the mapping belongs to this value alone, and can be used by any thread.
unsafe impl Send for Words {}

impl Words {
    /// No words, and no mapping.
    pub(super) const EMPTY: Self = Self { start: NonNull::dangling(), length: 0 };

    /// Maps `length` zeroed words. `None` if the system refuses.
    pub(super) fn zeroed(length: usize) -> Option<Self> {
        let bytes = length.checked_mul(size_of::<u64>()).filter(|bytes| *bytes > 0)?;
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses the address, so no mapping is replaced.
        let start = unsafe { mmap_anonymous(null_mut(), bytes, protection, MapFlags::PRIVATE) }.ok()?;
        NonNull::new(start.cast()).map(|start| Self { start, length })
    }

    /// Moves the words to a mapping that is twice as long. Returns whether the system permitted it.
    pub(super) fn double(&mut self) -> bool {
        let Some(mut larger) = Self::zeroed((self.length * 2).max(1 << 12)) else { return false };
        larger[..self.length].copy_from_slice(self);
        *self = larger;
        true
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        if self.length > 0 {
            // SAFETY: the mapping is this value's own, and nothing borrows it any more.
            let _ = unsafe { munmap(self.start.as_ptr().cast(), self.length * size_of::<u64>()) };
        }
    }
}

impl Deref for Words {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        // SAFETY: `length` words are mapped and initialised (zero), and only reachable through this value.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl DerefMut for Words {
    fn deref_mut(&mut self) -> &mut [u64] {
        // SAFETY: as above, and this borrow is unique.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

/// `_URC_NO_REASON` and `_URC_END_OF_STACK` of the unwinder.
const CONTINUE: c_int = 0;
const STOP: c_int = 5;

unsafe extern "C" {
    // From the unwinder that std links: libgcc_s, or LLVM's libunwind.
    fn _Unwind_Backtrace(visit: extern "C" fn(*mut c_void, *mut c_void) -> c_int, data: *mut c_void) -> c_int;
    fn _Unwind_GetIP(context: *mut c_void) -> usize;
}

/// The frames of a stack, innermost first, and whether there were more.
pub(super) struct Frames<const N: usize> {
    pub(super) addresses: [u64; N],
    pub(super) count: usize,
    pub(super) truncated: bool,
}

/// The return addresses of the calling thread, innermost first.
pub(super) fn backtrace<const N: usize>() -> Frames<N> {
    extern "C" fn visit<const N: usize>(context: *mut c_void, data: *mut c_void) -> c_int {
        // SAFETY: `data` is the pointer that `backtrace` passed, to a value that is alive and not used meanwhile.
        let frames = unsafe { &mut *data.cast::<Frames<N>>() };
        // SAFETY: the unwinder passes a valid context.
        let address = unsafe { _Unwind_GetIP(context) };
        let Some(slot) = frames.addresses.get_mut(frames.count) else {
            frames.truncated = true;
            return STOP;
        };
        *slot = address as u64;
        frames.count += 1;
        CONTINUE
    }
    let mut frames = Frames { addresses: [0; N], count: 0, truncated: false };
    // SAFETY: `visit` has the type that the unwinder calls, and `frames` outlives the call.
    unsafe { _Unwind_Backtrace(visit::<N>, (&raw mut frames).cast()) };
    frames
}
