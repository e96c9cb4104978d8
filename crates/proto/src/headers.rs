use memchr::memmem;

/// How a header block begins.
pub const HEADER_LINE: &[u8] = b"NATS/1.0\r\n";

/// A block without a header.
pub const EMPTY_HEADERS: &[u8] = b"NATS/1.0\r\n\r\n";

/// A header block, read as the server reads it: keys are case-sensitive, nothing is validated.
///
/// NATS ADR-4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers<'a>(&'a [u8]);

impl<'a> Headers<'a> {
    /// Takes a block with its first line; empty is fine.
    pub const fn new(block: &'a [u8]) -> Headers<'a> {
        Headers(block)
    }

    /// The value of the first header named `key`, without blanks around it.
    pub fn get(self, key: &[u8]) -> Option<&'a [u8]> {
        self.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// Whether `needle` occurs anywhere; a cheap way to know that a family of headers is absent.
    pub fn mentions(self, needle: &[u8]) -> bool {
        memmem::find(self.0, needle).is_some()
    }

    /// All headers in order. The first line and lines without a colon are passed over.
    pub fn iter(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let mut lines = self.0.split(|&byte| byte == b'\n');
        lines.next();
        lines.filter_map(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let colon = memchr::memchr(b':', line)?;
            Some((&line[..colon], line[colon + 1..].trim_ascii()))
        })
    }
}

/// The block without the headers whose name `unwanted` accepts; empty if none is left.
pub fn without(block: &[u8], unwanted: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut kept = Vec::with_capacity(block.len());
    kept.extend_from_slice(HEADER_LINE);
    for (name, value) in Headers::new(block).iter() {
        if !unwanted(name) {
            kept.extend_from_slice(name);
            kept.extend_from_slice(b": ");
            kept.extend_from_slice(value);
            kept.extend_from_slice(b"\r\n");
        }
    }
    if kept.len() == HEADER_LINE.len() {
        return Vec::new();
    }
    kept.extend_from_slice(b"\r\n");
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BLOCK: &[u8] = b"NATS/1.0\r\nNats-Msg-Id: a:1 \r\nX:y\r\nX: z\r\n\r\n";

    #[test]
    fn the_first_value_of_a_key_counts_and_case_matters() {
        let headers = Headers::new(BLOCK);
        assert_eq!(headers.get(b"Nats-Msg-Id"), Some(&b"a:1"[..]));
        assert_eq!(headers.get(b"nats-msg-id"), None);
        assert_eq!(headers.get(b"X"), Some(&b"y"[..]));
        assert_eq!(headers.iter().count(), 3);
    }

    #[test]
    fn taking_out_the_last_header_leaves_no_block() {
        assert_eq!(without(BLOCK, |name| name == b"X"), b"NATS/1.0\r\nNats-Msg-Id: a:1\r\n\r\n");
        assert!(without(BLOCK, |_| true).is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_read(block in prop::collection::vec(any::<u8>(), 0..80)) {
            let headers = Headers::new(&block);
            for (name, value) in headers.iter() {
                prop_assert!(name.len() + value.len() < block.len());
            }
        }
    }
}
