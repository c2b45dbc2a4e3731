//! The tables of attribution: the call stacks that allocated, what is live of each, and the stack of every live block.
//! Both indices are open hash tables with linear probing, at most half full.
//!
//! The figures of a peak are exact at constant cost. Each new peak increments a counter; a stack notes what it had live
//! at the last peak when it changes for the first time after it.

use super::sys::Words;

/// The words of a stack: hash, start and count of its frames, live bytes, live blocks, bytes and blocks at the peak,
/// and the number of the peak that they belong to.
const STACK: usize = 8;
const HASH: usize = 0;
const START: usize = 1;
const COUNT: usize = 2;
const BYTES: usize = 3;
const BLOCKS: usize = 4;
const PEAK_BYTES: usize = 5;
const PEAK_BLOCKS: usize = 6;
const PEAK: usize = 7;
/// The words of a block: its address, its stack in the upper 24 bits and its size in the lower 40.
const BLOCK: usize = 2;
const SIZE_BITS: u32 = 40;
const MOST_STACKS: usize = 1 << (u64::BITS - SIZE_BITS);

/// What is live of one stack, and what was at the last peak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) bytes: u64,
    pub(super) blocks: u64,
    pub(super) peak_bytes: u64,
    pub(super) peak_blocks: u64,
}

/// The tables.
#[derive(Debug)]
pub(super) struct Tables {
    frames: Words,
    used_frames: usize,
    stacks: Words,
    stack_count: usize,
    /// Numbers of stacks plus one, by hash.
    index: Words,
    blocks: Words,
    block_count: usize,
    /// Of all stacks.
    pub(super) live: u64,
    peak: u64,
    peaks: u64,
    /// Allocations that are in no table, because the system refused memory.
    pub(super) lost: u64,
    /// Bytes of blocks that were freed but are in no table: they are older than the tables, or were lost.
    pub(super) unknown_freed: u64,
}

/// Spreads the bits of a word. [Fibonacci hashing](https://en.wikipedia.org/wiki/Hash_function#Fibonacci_hashing)
fn mix(word: u64) -> u64 {
    let product = word.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    product ^ (product >> 32)
}

fn hash(frames: &[u64]) -> u64 {
    frames.iter().fold(frames.len() as u64, |hash, frame| mix(hash.rotate_left(5) ^ frame))
}

impl Tables {
    pub(super) const EMPTY: Self = Self {
        frames: Words::EMPTY,
        used_frames: 0,
        stacks: Words::EMPTY,
        stack_count: 0,
        index: Words::EMPTY,
        blocks: Words::EMPTY,
        block_count: 0,
        live: 0,
        peak: 0,
        peaks: 0,
        lost: 0,
        unknown_freed: 0,
    };

    /// A block was allocated by this stack.
    pub(super) fn add(&mut self, address: u64, size: u64, frames: &[u64]) {
        let Some(stack) = self.stack(frames).filter(|_| size < 1 << SIZE_BITS) else {
            self.lost += 1;
            return;
        };
        if (self.block_count + 1) * 2 * BLOCK > self.blocks.len() && !self.grow_blocks() {
            self.lost += 1;
            return;
        }
        let slot = self.block_slot(address);
        if self.blocks[slot] == address {
            // The block that was here was freed without the allocator of this program.
            self.remove(address);
            return self.add(address, size, frames);
        }
        self.blocks[slot] = address;
        self.blocks[slot + 1] = (stack as u64) << SIZE_BITS | size;
        self.block_count += 1;
        let held = self.held(stack);
        held[BYTES] += size;
        held[BLOCKS] += 1;
        self.live += size;
        if self.live > self.peak {
            self.peak = self.live;
            self.peaks += 1;
        }
    }

    /// A block was freed. Returns whether it was known.
    pub(super) fn remove(&mut self, address: u64) -> bool {
        if self.blocks.is_empty() {
            return false;
        }
        let mut hole = self.block_slot(address);
        if self.blocks[hole] != address {
            return false;
        }
        let packed = self.blocks[hole + 1];
        let (stack, size) = ((packed >> SIZE_BITS) as usize, packed & ((1 << SIZE_BITS) - 1));
        // Close the gap: move later blocks of the same run of slots to it, unless they would be before their own slot.
        let slots = self.blocks.len() / BLOCK;
        let mut next = hole;
        loop {
            next = (next + BLOCK) % self.blocks.len();
            let moved = self.blocks[next];
            if moved == 0 {
                break;
            }
            let home = mix(moved) as usize % slots * BLOCK;
            let from_home = |slot: usize| (slot + self.blocks.len() - home) % self.blocks.len();
            if from_home(hole) <= from_home(next) {
                self.blocks[hole] = moved;
                self.blocks[hole + 1] = self.blocks[next + 1];
                hole = next;
            }
        }
        self.blocks[hole] = 0;
        self.block_count -= 1;
        let held = self.held(stack);
        held[BYTES] -= size;
        held[BLOCKS] -= 1;
        self.live -= size;
        true
    }

    /// The peak is what is live now.
    pub(super) fn reset_peak(&mut self) {
        self.peak = self.live;
        self.peaks += 1;
    }

    pub(super) fn stack_count(&self) -> usize {
        self.stack_count
    }

    /// The frames of a stack, innermost first.
    pub(super) fn frames_of(&self, stack: usize) -> &[u64] {
        let words = &self.stacks[stack * STACK..][..STACK];
        &self.frames[words[START] as usize..][..words[COUNT] as usize]
    }

    pub(super) fn held_by(&self, stack: usize) -> Held {
        let words = &self.stacks[stack * STACK..][..STACK];
        let (bytes, blocks) = (words[BYTES], words[BLOCKS]);
        match words[PEAK] == self.peaks {
            true => Held { bytes, blocks, peak_bytes: words[PEAK_BYTES], peak_blocks: words[PEAK_BLOCKS] },
            // It has not changed since the peak.
            false => Held { bytes, blocks, peak_bytes: bytes, peak_blocks: blocks },
        }
    }

    /// Where live blocks are: first and last bytes, by address. Blocks on one page or on neighbouring pages are one
    /// range. `None` if the system refuses memory.
    pub(super) fn ranges(&self, page: u64) -> Option<(Words, usize)> {
        let mut ranges = Words::zeroed((self.block_count * 2).max(2))?;
        let live = self.blocks.chunks_exact(BLOCK).filter(|block| block[0] != 0);
        for (block, range) in live.zip(ranges.as_chunks_mut::<2>().0) {
            let size = block[1] & ((1 << SIZE_BITS) - 1);
            *range = [block[0], block[0] + size.saturating_sub(1)];
        }
        let (pairs, _) = ranges[..self.block_count * 2].as_chunks_mut::<2>();
        pairs.sort_unstable();
        let mut count = 0_usize;
        for next in 0..pairs.len() {
            let [first, last] = pairs[next];
            match count.checked_sub(1) {
                Some(before) if first / page <= pairs[before][1] / page + 1 => {
                    pairs[before][1] = pairs[before][1].max(last);
                }
                _ => {
                    pairs[count] = [first, last];
                    count += 1;
                }
            }
        }
        Some((ranges, count))
    }

    /// The words of a stack that is about to change.
    fn held(&mut self, stack: usize) -> &mut [u64] {
        let held = &mut self.stacks[stack * STACK..][..STACK];
        if held[PEAK] != self.peaks {
            held[PEAK] = self.peaks;
            held[PEAK_BYTES] = held[BYTES];
            held[PEAK_BLOCKS] = held[BLOCKS];
        }
        held
    }

    /// The number of a stack, which is added if it is new.
    fn stack(&mut self, frames: &[u64]) -> Option<usize> {
        if (self.stack_count + 1) * 2 > self.index.len() {
            self.grow_index()?;
        }
        let hash = hash(frames);
        let mut slot = hash as usize % self.index.len();
        while let Some(stack) = (self.index[slot] as usize).checked_sub(1) {
            if self.stacks[stack * STACK + HASH] == hash && self.frames_of(stack) == frames {
                return Some(stack);
            }
            slot = (slot + 1) % self.index.len();
        }
        let end = self.used_frames + frames.len();
        while end > self.frames.len() {
            self.frames.double().then_some(())?;
        }
        let stack = self.stack_count;
        if stack >= MOST_STACKS || (stack + 1) * STACK > self.stacks.len() && !self.stacks.double() {
            return None;
        }
        self.frames[self.used_frames..end].copy_from_slice(frames);
        let start = self.used_frames as u64;
        // A stack had nothing at a peak before its first block.
        let words = [hash, start, frames.len() as u64, 0, 0, 0, 0, self.peaks];
        self.stacks[stack * STACK..][..STACK].copy_from_slice(&words);
        self.used_frames = end;
        self.stack_count += 1;
        self.index[slot] = self.stack_count as u64;
        Some(stack)
    }

    fn grow_index(&mut self) -> Option<()> {
        let mut larger = Words::zeroed((self.index.len() * 2).max(1 << 10))?;
        for stack in 0..self.stack_count {
            let mut slot = self.stacks[stack * STACK + HASH] as usize % larger.len();
            while larger[slot] != 0 {
                slot = (slot + 1) % larger.len();
            }
            larger[slot] = stack as u64 + 1;
        }
        self.index = larger;
        Some(())
    }

    /// The slot of a block, or the free one where it belongs.
    fn block_slot(&self, address: u64) -> usize {
        let mut slot = mix(address) as usize % (self.blocks.len() / BLOCK) * BLOCK;
        while self.blocks[slot] != 0 && self.blocks[slot] != address {
            slot = (slot + BLOCK) % self.blocks.len();
        }
        slot
    }

    fn grow_blocks(&mut self) -> bool {
        let Some(larger) = Words::zeroed((self.blocks.len() * 2).max(1 << 12)) else { return false };
        let old = std::mem::replace(&mut self.blocks, larger);
        for block in old.chunks_exact(BLOCK).filter(|block| block[0] != 0) {
            let slot = self.block_slot(block[0]);
            self.blocks[slot..slot + BLOCK].copy_from_slice(block);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// A pseudo-random sequence. [xorshift](https://en.wikipedia.org/wiki/Xorshift)
    fn random(state: &mut u64) -> u64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    }

    /// The tables agree with a plain model after every one of many random allocations and frees, peaks included.
    #[test]
    fn random_allocations_and_frees_agree_with_a_model() {
        let (mut tables, mut state) = (Tables::EMPTY, 88);
        let mut blocks: HashMap<u64, (u64, u64)> = HashMap::new();
        let (mut held, mut at_peak) = (HashMap::<u64, u64>::new(), HashMap::<u64, u64>::new());
        let mut peak = 0;
        for step in 0..40_000_u64 {
            let address = (random(&mut state) % 5_000 + 1) * 16;
            if let Some((stack, size)) = blocks.remove(&address) {
                assert!(tables.remove(address));
                *held.get_mut(&stack).expect("held") -= size;
            } else {
                assert!(!tables.remove(address));
                let (stack, size) = (random(&mut state) % 700, random(&mut state) % 900);
                tables.add(address, size, &[stack, 7, stack]);
                blocks.insert(address, (stack, size));
                *held.entry(stack).or_default() += size;
            }
            let live: u64 = blocks.values().map(|(_, size)| size).sum::<u64>();
            if live > peak {
                (peak, at_peak) = (live, held.clone());
            }
            if step % 9_000 == 8_999 {
                assert_eq!(tables.live, live);
                for stack in 0..tables.stack_count() {
                    let name = tables.frames_of(stack)[0];
                    let (found, wanted) = (tables.held_by(stack), held.get(&name).copied().unwrap_or(0));
                    assert_eq!(found.bytes, wanted);
                    assert_eq!(found.blocks, blocks.values().filter(|(it, _)| *it == name).count() as u64);
                    assert_eq!(found.peak_bytes, at_peak.get(&name).copied().unwrap_or(0), "stack {name}");
                }
                tables.reset_peak();
                (peak, at_peak) = (live, held.clone());
            }
        }
        assert_eq!(tables.lost, 0);
    }

    #[test]
    fn blocks_on_neighbouring_pages_are_one_range() {
        let mut tables = Tables::EMPTY;
        for (address, size) in [(0x9000, 0x10), (0x1800, 0x1000), (0x3010, 8), (0x5000, 0), (0x1010, 8)] {
            tables.add(address, size, &[1]);
        }
        let (ranges, count) = tables.ranges(0x1000).expect("memory");
        assert_eq!(ranges[..count * 2], [0x1010, 0x3017, 0x5000, 0x5000, 0x9000, 0x900f]);
    }
}
