//! A growable array in an anonymous mapping. It contains the `unsafe` code of this family's arenas.

use std::{
    io,
    marker::PhantomData,
    ops::{Index, IndexMut},
};

use memmap2::{Advice, MmapMut, MmapOptions, RemapOptions};

/// The initial size. libfyaml starts with 4 MiB; a smaller size shows the same doubling with less waste.
const FIRST: usize = 1 << 20;

/// A contiguous growable array. Its values are not dropped.
#[derive(Debug)]
pub struct Region<T: Copy> {
    map: MmapMut,
    length: usize,
    _values: PhantomData<T>,
}

impl<T: Copy> Region<T> {
    /// Creates an empty region, with huge pages if `huge` is set and the system provides them.
    ///
    /// # Errors
    /// When the system cannot map it.
    pub fn new(huge: bool) -> io::Result<Self> {
        let map = MmapOptions::new().len(FIRST).map_anon()?;
        if huge {
            map.advise(Advice::HugePage)?;
        }
        Ok(Self { map, length: 0, _values: PhantomData })
    }

    /// Returns the number of values that fit without growing.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.map.len() / size_of::<T>()
    }

    /// Returns the number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Returns `true` if the region has no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Appends a value, doubling the mapping if it is full.
    ///
    /// # Errors
    /// When the system has no memory for it.
    pub fn push(&mut self, value: T) -> io::Result<()> {
        if self.length == self.capacity() {
            self.resize(self.map.len() * 2)?;
        }
        self.length += 1;
        let last = self.length - 1;
        let start = self.map.as_mut_ptr().cast::<T>();
        // SAFETY: the mapping has room for `length` values and starts at a page boundary, so it is aligned.
        unsafe { start.add(last).write(value) };
        Ok(())
    }

    /// Truncates the mapping after the last value.
    ///
    /// # Errors
    /// When the system cannot resize the mapping.
    pub fn trim(&mut self) -> io::Result<()> {
        self.resize((self.length * size_of::<T>()).max(1).next_multiple_of(4096))
    }

    fn resize(&mut self, bytes: usize) -> io::Result<()> {
        // SAFETY: with `&mut self` there is no reference into the mapping, so it may move.
        unsafe { self.map.remap(bytes, RemapOptions::new().may_move(true)) }
    }

    fn check(&self, index: usize) {
        assert!(index < self.length, "index {index} of {}", self.length);
    }
}

impl<T: Copy> Index<usize> for Region<T> {
    type Output = T;

    fn index(&self, index: usize) -> &T {
        self.check(index);
        // SAFETY: `push` wrote every value below `length`, and the borrow keeps the mapping in place.
        unsafe { &*self.map.as_ptr().cast::<T>().add(index) }
    }
}

impl<T: Copy> IndexMut<usize> for Region<T> {
    fn index_mut(&mut self, index: usize) -> &mut T {
        self.check(index);
        // SAFETY: as in `index`, and the borrow is exclusive.
        unsafe { &mut *self.map.as_mut_ptr().cast::<T>().add(index) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_growing_and_trimming() {
        let mut region = Region::new(false).expect("memory");
        let count = 3 * FIRST / size_of::<u64>();
        for value in 0..count as u64 {
            region.push(value).expect("memory");
        }
        region[5] = 50;
        region.trim().expect("smaller");
        assert_eq!((region.len(), region[5], region[count - 1]), (count, 50, count as u64 - 1));
        assert!((region.capacity() - count) * size_of::<u64>() < 4096);
    }
}
