//! The guest that does a job as a blockchain indexer's: it applies a block of transfers to a hash map of balances
//! in its linear memory, and returns what changed as a key-value batch. Its memory: 290 wasm pages.
//!
//! ```text
//! 0        64 KiB    fees: 8 KiB of initialised data                                        18.1 MiB
//! | stack  | fees | seen | slots: 2^20 of (account, balance), all zero | batch: 2 MiB, all zero |
//! ```
//!
//! A job must begin with the initial image. What an earlier one left shows in its batch: balances that are not
//! zero, and fees that were raised by use.

#![no_std]

/// Slots of the hash map; at most half of them are ever used.
const SLOTS: usize = 1 << 20;
/// Most transfers of a block: each changes two accounts.
const TRANSFERS: usize = 1 << 16;
/// Accounts that transfers are between.
const ACCOUNTS: u64 = 1 << 18;
/// Entries of the fee table.
const FEES: usize = 2048;

/// An account (0 is none) and its balance.
#[derive(Clone, Copy)]
struct Slot {
    account: u64,
    balance: u64,
}

const EMPTY: Slot = Slot { account: 0, balance: 0 };

static mut SLOT: [Slot; SLOTS] = [EMPTY; SLOTS];
static mut BATCH: [Slot; 2 * TRANSFERS] = [EMPTY; 2 * TRANSFERS];
static mut FEE: [u32; FEES] = fees();

const fn fees() -> [u32; FEES] {
    let mut fees = [0; FEES];
    let mut i = 0;
    while i < FEES {
        fees[i] = 1 + (i % 97) as u32;
        i += 1;
    }
    fees
}

/// A well-mixed number (splitmix64).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// The account's slot: its own, or the empty one where it belongs.
fn slot_of(slots: *mut Slot, account: u64) -> *mut Slot {
    let mut index = mix(account) as usize % SLOTS;
    loop {
        // SAFETY: below SLOTS. The guest has one thread and makes no reference to its statics.
        let slot = unsafe { slots.add(index) };
        // SAFETY: as above.
        let found = unsafe { (*slot).account };
        // At most 2 * TRANSFERS accounts are ever entered, so there are empty slots.
        if found == account || found == 0 {
            return slot;
        }
        index = (index + 1) % SLOTS;
    }
}

/// Applies block `height` of `transfers` transfers (0 to 65,536, else the nearer of them). Returns where the batch
/// is: its address in the upper half, its length in bytes in the lower. It holds an account and its new balance
/// for each change, in order, 16 bytes little-endian.
#[unsafe(no_mangle)]
pub extern "C" fn job(height: i32, transfers: i32) -> i64 {
    let transfers = (transfers.max(0) as usize).min(TRANSFERS);
    let slots = (&raw mut SLOT).cast::<Slot>();
    let batch = (&raw mut BATCH).cast::<Slot>();
    let fees = (&raw mut FEE).cast::<u32>();
    let mut seed = mix(height as u32 as u64);
    let mut changes = 0;
    for _ in 0..transfers {
        seed = mix(seed);
        let kind = (seed >> 40) as usize % FEES;
        // SAFETY: below FEES, else as in `slot_of`.
        let fee = unsafe { fees.add(kind).read() };
        // SAFETY: as above. What is used often gets dearer.
        unsafe { fees.add(kind).write(fee.wrapping_add(1)) };
        let amount = seed % 1000 + u64::from(fee);
        for (account, change) in [(seed >> 3, 0_u64.wrapping_sub(amount)), (seed >> 21, amount - u64::from(fee))] {
            let account = 1 + account % ACCOUNTS;
            let slot = slot_of(slots, account);
            // SAFETY: as in `slot_of`; `changes` is below twice TRANSFERS, the batch's length.
            unsafe {
                let changed = Slot { account, balance: (*slot).balance.wrapping_add(change) };
                slot.write(changed);
                batch.add(changes).write(changed);
            }
            changes += 1;
        }
    }
    let address = batch.addr() as i64;
    (address << 32) | (changes * size_of::<Slot>()) as i64
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
