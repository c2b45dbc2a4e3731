//! A profile in the format of pprof, for viewers such as `go tool pprof`, Speedscope and Pyroscope.
//! [profile.proto](https://github.com/google/pprof/blob/main/proto/profile.proto)
//!
//! Only the few messages that a profile needs are written, without compression, which readers accept.

use std::collections::HashMap;

use highwater_model::{Frame, StackGrowth};

use crate::profile::Profile;

/// The encoded profile: a sample per stack that grew, with its bytes, and its blocks or pages.
#[must_use]
pub fn pprof(profile: &Profile) -> Vec<u8> {
    let mut writer = Writer::default();
    let mut message = Message::default();
    for (kind, unit) in [("space", "bytes"), ("objects", "count")] {
        let mut value_type = Message::default();
        value_type.number(1, writer.string(kind));
        value_type.number(2, writer.string(unit));
        message.bytes(1, &value_type.0);
    }
    for row in profile.rows.iter().filter(|row| row.bytes > 0) {
        let mut sample = Message::default();
        sample.numbers(1, &writer.locations(row));
        sample.numbers(2, &[row.bytes as u64, row.count as u64]);
        if let Some(category) = row.category {
            let mut label = Message::default();
            label.number(1, writer.string("category"));
            label.number(2, writer.string(&category.to_string()));
            sample.bytes(3, &label.0);
        }
        message.bytes(2, &sample.0);
    }
    let text = format!("{} at {}, growth since the baseline stage", profile.case, profile.stage);
    let comment = writer.string(&text);
    message.0.extend(writer.definitions.0);
    for text in &writer.strings {
        message.bytes(6, text.as_bytes());
    }
    message.number(13, comment);
    message.0
}

/// The strings, functions and locations so far. Numbers of functions and locations start from 1.
struct Writer {
    strings: Vec<String>,
    known_strings: HashMap<String, u64>,
    known_frames: HashMap<(String, Option<(String, u32)>), u64>,
    definitions: Message,
}

impl Default for Writer {
    fn default() -> Self {
        let mut writer = Self {
            strings: Vec::new(),
            known_strings: HashMap::new(),
            known_frames: HashMap::new(),
            definitions: Message::default(),
        };
        // The first string must be empty.
        writer.string("");
        writer
    }
}

impl Writer {
    fn string(&mut self, text: &str) -> u64 {
        if let Some(known) = self.known_strings.get(text) {
            return *known;
        }
        let number = self.strings.len() as u64;
        self.strings.push(text.to_owned());
        self.known_strings.insert(text.to_owned(), number);
        number
    }

    /// The numbers of the locations of a stack, innermost first.
    fn locations(&mut self, row: &StackGrowth) -> Vec<u64> {
        row.frames.iter().map(|frame| self.location(frame)).collect()
    }

    fn location(&mut self, frame: &Frame) -> u64 {
        let place = frame.place.as_ref().map(|place| (place.file.clone(), place.line));
        let next = self.known_frames.len() as u64 + 1;
        let number = *self.known_frames.entry((frame.function.clone(), place.clone())).or_insert(next);
        if number == next {
            let (file, line) = place.unwrap_or_default();
            let name = self.string(&frame.function);
            let mut function = Message::default();
            function.number(1, number);
            function.number(2, name);
            function.number(3, name);
            function.number(4, self.string(&file));
            let mut of_function = Message::default();
            of_function.number(1, number);
            of_function.number(2, u64::from(line));
            let mut location = Message::default();
            location.number(1, number);
            location.bytes(4, &of_function.0);
            self.definitions.bytes(4, &location.0);
            self.definitions.bytes(5, &function.0);
        }
        number
    }
}

/// An encoded message. [Encoding](https://protobuf.dev/programming-guides/encoding/)
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(&mut self, field: u64, value: u64) {
        self.varint(field << 3);
        self.varint(value);
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// A packed list.
    fn numbers(&mut self, field: u64, values: &[u64]) {
        let mut packed = Self::default();
        values.iter().for_each(|value| packed.varint(*value));
        self.bytes(field, &packed.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_lists_are_encoded_as_documented() {
        let mut message = Message::default();
        message.number(1, 150);
        message.bytes(2, b"testing");
        message.numbers(4, &[3, 270, 86942]);
        let expected = [
            [0x08, 0x96, 0x01].as_slice(),
            &[0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67],
            &[0x22, 0x06, 0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05],
        ];
        assert_eq!(message.0, expected.concat());
    }

    #[test]
    fn equal_frames_are_one_location() {
        let mut writer = Writer::default();
        let frame = |function: &str| Frame { function: function.to_owned(), inlined: false, place: None };
        let numbers = ["a", "b", "a"].map(|name| writer.location(&frame(name)));
        assert_eq!(numbers, [1, 2, 1]);
        assert_eq!(writer.strings, ["", "a", "b"]);
    }
}
