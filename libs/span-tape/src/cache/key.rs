//! What the words of an input depend on besides its bytes: the version of this library, and options.

use xxhash_rust::xxh3::xxh3_64;

use crate::{Indentation, Limits, Options};

/// A hash of the version and of the options that decide which words an input has, and whether it is accepted at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key(pub(super) u64);

impl Key {
    pub(super) fn new(options: &Options) -> Self {
        Self::of_version(env!("CARGO_PKG_VERSION"), options)
    }

    fn of_version(version: &str, options: &Options) -> Self {
        // All fields are named, so that a new option does not compile until it is considered here. Tapes are always
        // kept undecoded, and merge keys are applied when nodes are read.
        let Options { decoding: _, limits, window, indentation, merge_keys: _ } = *options;
        let Limits { input, scalar, depth, nodes } = limits.representable();
        let indentation = match indentation {
            Indentation::Strict => 0,
            Indentation::Lenient => 1,
        };
        // The window decides which lines are too long.
        let numbers = [indentation, input, scalar, depth as u64, nodes, window as u64];
        let mut bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_ne_bytes()).collect();
        bytes.extend_from_slice(version.as_bytes());
        Self(xxh3_64(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Decoding;

    #[test]
    fn a_key_changes_with_the_version() {
        let key = |version| Key::of_version(version, &Options::default());
        assert_eq!(key(env!("CARGO_PKG_VERSION")), Key::new(&Options::default()));
        assert_ne!(key("0.1.0"), key("0.1.1"));
    }

    #[test]
    fn a_key_changes_with_each_option_of_the_parser() {
        let options = Options::default();
        let limited = |limits| Options { limits, ..options };
        let limits = options.limits;
        let others = [
            limited(Limits { input: 1000, ..limits }),
            limited(Limits { scalar: 1000, ..limits }),
            limited(Limits { depth: 1000, ..limits }),
            limited(Limits { nodes: 1000, ..limits }),
            Options { window: 1000, ..options },
            Options { indentation: Indentation::Lenient, ..options },
        ];
        let mut keys: Vec<u64> = others.iter().chain([&options]).map(|options| Key::new(options).0).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), 7);
        // What applies only when nodes are read does not change it, and neither do limits above the largest.
        for same in [
            Options { decoding: Decoding::Eager, ..options },
            Options { merge_keys: true, ..options },
            limited(Limits { input: u64::MAX, ..limits }),
        ] {
            assert_eq!(Key::new(&same), Key::new(&options));
        }
    }
}
