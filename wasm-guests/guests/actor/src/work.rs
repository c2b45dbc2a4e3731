//! What the habits and the leaks are asked to do, and what they answer.

use std::hint::black_box;

use extism_pdk::{Error, FromBytes, Json, ToBytes};
use serde::{Deserialize, Serialize};

use crate::size;

/// The most items, and bytes of all items, that a call may ask for.
const MOST_ITEMS: u32 = 1 << 20;
const MOST_BYTES: u64 = 64 << 20;

/// `{"items": 1000, "bytes": 64}`: so many items of so many bytes each.
#[derive(Clone, Copy, Deserialize, FromBytes)]
#[encoding(Json)]
#[serde(deny_unknown_fields)]
pub(crate) struct Work {
    /// How many.
    pub(crate) items: u32,
    /// The size of each.
    pub(crate) bytes: u32,
}

impl Work {
    /// Refuses what the memory could never hold, or what is nothing.
    pub(crate) fn checked(self) -> Result<Self, Error> {
        let all = u64::from(self.items) * u64::from(self.bytes);
        if self.items == 0 || self.bytes == 0 {
            return Err(Error::msg("items and bytes must be above 0"));
        }
        if self.items > MOST_ITEMS || all > MOST_BYTES {
            return Err(Error::msg(format!(
                "{} items of {} bytes are more than {MOST_ITEMS} items or {MOST_BYTES} bytes",
                self.items, self.bytes
            )));
        }
        Ok(self)
    }

    /// The size of an item, for indexing.
    pub(crate) fn size(self) -> usize {
        self.bytes as usize
    }

    /// The text of an item: its number, then as many letters as make its size.
    pub(crate) fn write(self, item: u32, text: &mut String) {
        use std::fmt::Write;
        // Writing to a String cannot fail.
        let _ = write!(text, "{item:08}");
        text.extend(std::iter::repeat_n('x', self.size().saturating_sub(8)));
    }

    /// That text by itself.
    pub(crate) fn text(self, item: u32) -> String {
        let mut text = String::with_capacity(self.size().max(8));
        self.write(item, &mut text);
        text
    }
}

/// What the work came to, and how large the memory is now, which never shrinks: its high water.
#[derive(Serialize, ToBytes)]
#[encoding(Json)]
pub(crate) struct Done {
    /// Depends on all the work, so that none can be left out; the same for both habits of a pair, but for states,
    /// where it is the length of their JSON.
    result: u64,
    /// The guest's own view of its memory, in wasm pages of 64 KiB.
    pages: u32,
}

impl Done {
    /// Looks at the memory now: call it while what the work needs is still alive.
    pub(crate) fn now(result: u64) -> Self {
        Self { result: black_box(result), pages: size::pages() }
    }
}

/// A checksum of bytes.
pub(crate) fn sum(bytes: &[u8]) -> u64 {
    black_box(bytes).iter().map(|byte| u64::from(*byte)).sum()
}
