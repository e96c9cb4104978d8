//! The messages of the room: each tells who sent it, and can be made again from the seed.

use crate::rng::Rng;

/// Names one attempted publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ValueId {
    pub(crate) publisher: u32,
    /// Counts from 0 per publisher; never used twice, also after an error.
    pub(crate) counter: u64,
}

/// `{publisher}-{counter}-{padding}-{crc32c of the body}-{body}` with a body of 16 to 512 letters,
/// and as many more as `padding` says.
pub(crate) fn encode(seed: u64, id: ValueId, padding: usize) -> Vec<u8> {
    let lane = (u64::from(id.publisher) << 40) ^ id.counter;
    let mut rng = Rng::new(seed, lane);
    let body_len = usize::try_from(rng.between(16, 512)).unwrap_or(16) + padding;
    let mut body = Vec::with_capacity(body_len + 8);
    while body.len() < body_len {
        body.extend(rng.next().to_le_bytes().map(|byte| b'a' + byte % 26));
    }
    body.truncate(body_len);
    let head = format!("{}-{}-{padding}-{:08x}-", id.publisher, id.counter, crc32c::crc32c(&body));
    [head.as_bytes(), &body].concat()
}

/// Whose value this is, if not one bit of it differs from what was sent.
pub(crate) fn decode(seed: u64, bytes: &[u8]) -> Option<ValueId> {
    let mut parts = bytes.splitn(4, |&byte| byte == b'-');
    let mut number = || std::str::from_utf8(parts.next()?).ok()?.parse::<u64>().ok();
    let publisher = u32::try_from(number()?).ok()?;
    let id = ValueId { publisher, counter: number()? };
    // What was never sent may name any length.
    let padding = usize::try_from(number()?).ok().filter(|padding| *padding <= bytes.len())?;
    (encode(seed, id, padding) == bytes).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_names_its_sender_until_any_byte_changes() {
        let id = ValueId { publisher: 3, counter: 1234 };
        let value = encode(9, id, 40);
        assert_eq!(decode(9, &value), Some(id));
        for at in 0..value.len() {
            let mut altered = value.clone();
            altered[at] ^= 1;
            assert_eq!(decode(9, &altered), None, "byte {at}");
        }
        assert_eq!(decode(9, &value[..value.len() - 1]), None);
        assert_eq!(decode(8, &value), None);
        assert_eq!(decode(9, b""), None);
    }
}
