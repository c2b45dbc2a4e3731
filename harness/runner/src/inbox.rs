//! The bytes that a worker sent and that were not processed yet, cut into lines.

use highwater_worker::protocol::MAX_LINE;

use super::limits::{MAX_BYTES, Violation};

/// A buffer of received bytes. It holds what one iteration of the parent's loop reads, and is emptied line by line.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    /// The start of the first line that was not taken yet. Taken lines are removed when more bytes arrive, and not one
    /// by one, because that would move the rest of the buffer for each line.
    start: usize,
    /// The number of bytes received in all.
    received: u64,
}

impl Inbox {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
        self.received += bytes.len() as u64;
    }

    /// The number of bytes that were not taken yet.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Takes the first `N` bytes as soon as they are there.
    pub(super) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = *self.bytes.get(self.start..)?.first_chunk()?;
        self.start += N;
        Some(bytes)
    }

    /// Takes the next complete line, without its newline.
    pub(super) fn next_line(&mut self) -> Option<Result<&str, Violation>> {
        if self.received > MAX_BYTES {
            return Some(Err(Violation::TooMany { what: "bytes of messages", max: MAX_BYTES }));
        }
        let rest = &self.bytes[self.start..];
        let end = rest.iter().take(MAX_LINE).position(|byte| *byte == b'\n');
        let Some(end) = end else {
            return (rest.len() >= MAX_LINE).then_some(Err(Violation::LongLine));
        };
        self.start += end + 1;
        Some(match std::str::from_utf8(&rest[..end]) {
            Err(_) => Err(Violation::NotUtf8),
            Ok(line) if line.contains('\0') => Err(Violation::Nul),
            Ok(line) => Ok(line),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inbox(bytes: &[u8]) -> Inbox {
        let mut inbox = Inbox::default();
        inbox.push(bytes);
        inbox
    }

    fn lines(inbox: &mut Inbox) -> Vec<Result<String, Violation>> {
        let mut lines = Vec::new();
        while let Some(line) = inbox.next_line() {
            lines.push(line.map(str::to_owned));
            if lines.last().is_some_and(Result::is_err) {
                break;
            }
        }
        lines
    }

    #[test]
    fn lines_are_put_together_from_pieces() {
        let mut inbox = inbox(b"abcdone\ntw");
        assert_eq!(inbox.take(), Some(*b"abcd"));
        assert_eq!(lines(&mut inbox), [Ok("one".to_owned())]);
        assert_eq!((inbox.len(), inbox.take::<3>()), (2, None));
        inbox.push(b"o\n\nx");
        assert_eq!(lines(&mut inbox), [Ok("two".to_owned()), Ok(String::new())]);
        assert_eq!(inbox.len(), 1);
    }

    #[test]
    fn long_lines_and_bytes_that_are_not_text_are_violations() {
        let longest = [vec![b'x'; MAX_LINE - 1], vec![b'\n']].concat();
        assert!(matches!(lines(&mut inbox(&longest)).as_slice(), [Ok(line)] if line.len() == MAX_LINE - 1));
        assert_eq!(lines(&mut inbox(&[b'x'; MAX_LINE])), [Err(Violation::LongLine)]);
        assert_eq!(lines(&mut inbox(&[b'x'; MAX_LINE - 1])), []);
        assert_eq!(lines(&mut inbox(b"note x caf\xe9\n")), [Err(Violation::NotUtf8)]);
        assert_eq!(lines(&mut inbox(b"note x a\0b\n")), [Err(Violation::Nul)]);
    }

    #[test]
    fn the_number_of_bytes_is_limited() {
        let mut inbox = Inbox::default();
        let chunk = vec![b'\n'; 1 << 20];
        for _ in 0..MAX_BYTES >> 20 {
            inbox.push(&chunk);
            while inbox.len() > 0 {
                assert_eq!(inbox.next_line(), Some(Ok("")));
            }
        }
        inbox.push(b"\n");
        assert_eq!(inbox.next_line(), Some(Err(Violation::TooMany { what: "bytes of messages", max: MAX_BYTES })));
    }
}
