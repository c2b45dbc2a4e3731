//! Parses the records of the ring buffers: samples of page faults, and the number of lost ones.

use perf_event_open_sys::bindings::{PERF_RECORD_LOST, PERF_RECORD_SAMPLE};

use super::sys::REGISTER_COUNT;

/// A record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Record<'a> {
    /// A page fault.
    Fault(Fault<'a>),
    /// The kernel dropped this number of records, because the ring was full.
    Lost(u64),
}

/// A page fault.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault<'a> {
    pub(super) pid: u32,
    /// The address whose page was missing.
    pub(super) address: u64,
    /// As [`super::sys`] requests them; `None` if there is no user code, as in a thread of the kernel.
    pub(super) registers: Option<[u64; REGISTER_COUNT]>,
    /// The bytes from the stack pointer upwards.
    pub(super) stack: &'a [u8],
}

/// The records in a copy of a ring. Anything after a damaged record is dropped.
pub(super) fn records(bytes: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut rest = Reader(bytes);
    std::iter::from_fn(move || {
        loop {
            let kind = rest.u32()?;
            let size = usize::from((rest.u32()? >> 16) as u16);
            let mut body = Reader(rest.take(size.checked_sub(8)?)?);
            match kind {
                PERF_RECORD_SAMPLE => return body.fault().map(Record::Fault),
                PERF_RECORD_LOST => return body.u64().and_then(|_id| body.u64()).map(Record::Lost),
                _ => {}
            }
        }
    })
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_ne_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_ne_bytes(self.take(8)?.try_into().ok()?))
    }

    /// `pid, tid; address; abi, registers; size, stack, used size`
    fn fault(&mut self) -> Option<Fault<'a>> {
        let (pid, _tid) = (self.u32()?, self.u32()?);
        let address = self.u64()?;
        let registers = match self.u64()? {
            0 => None,
            _abi => {
                let mut registers = [0; REGISTER_COUNT];
                for register in &mut registers {
                    *register = self.u64()?;
                }
                Some(registers)
            }
        };
        let size = self.u64()? as usize;
        let stack = self.take(size)?;
        let used = if size > 0 { self.u64()? as usize } else { 0 };
        Some(Fault { pid, address, registers, stack: &stack[..used.min(size)] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    fn record(kind: u32, body: &[u64]) -> Vec<u8> {
        let size = 8 + 8 * body.len() as u64;
        words(&[[u64::from(kind) | size << 48].as_slice(), body].concat())
    }

    #[test]
    fn samples_and_losses_are_read_and_others_skipped() {
        let registers: Vec<u64> = (1..=REGISTER_COUNT as u64).collect();
        let sample = [&[7, 0x5000, 2][..], &registers, &[16, 0xaa, 0xbb, 8]].concat();
        let bytes = [
            record(PERF_RECORD_SAMPLE, &sample),
            record(3, &[1, 2, 3]),
            record(PERF_RECORD_LOST, &[9, 42]),
            record(PERF_RECORD_SAMPLE, &[7, 0x6000, 0, 0]),
            vec![0; 5],
        ];
        let bytes = bytes.concat();
        let found: Vec<Record<'_>> = records(&bytes).collect();
        let stack = words(&[0xaa]);
        let registers = registers.try_into().ok();
        let first = Record::Fault(Fault { pid: 7, address: 0x5000, registers, stack: &stack });
        let last = Record::Fault(Fault { pid: 7, address: 0x6000, registers: None, stack: &[] });
        assert_eq!(found, [first, Record::Lost(42), last]);
    }

    #[test]
    fn damaged_records_end_the_list() {
        let sample = record(PERF_RECORD_SAMPLE, &[7, 0x5000, 0, 1 << 40]);
        assert_eq!(records(&sample).count(), 0);
        assert_eq!(records(&record(PERF_RECORD_LOST, &[9])).count(), 0);
        assert_eq!(records(&words(&[9 | 4 << 48])).count(), 0, "shorter than its head");
    }
}
