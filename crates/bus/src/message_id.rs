//! Ids by which a message that is sent twice is stored once.

use std::fmt;

/// What the hash is for: another use, or another version of it, gives other ids.
const PURPOSE: &str = "tradewind-bus 2026 message id, version 1";

/// Bytes of an id's text.
const TEXT_SIZE: usize = 32;

/// Id of a message: 128 bits, written as 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId([u8; TEXT_SIZE]);

impl MessageId {
    /// The 32 hex digits.
    pub fn as_str(&self) -> &str {
        // Hex digits are UTF-8: never empty.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl AsRef<str> for MessageId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageId({self})")
    }
}

/// The id of a message by what it says: the same subject, key and body have the same id in every
/// process and every version, others have others. Pass the body before it is compressed, so that
/// another compression doesn't make it another message.
pub fn message_id(subject: &str, key: Option<&str>, body: &[u8]) -> MessageId {
    let mut hasher = blake3::Hasher::new_derive_key(PURPOSE);
    part(&mut hasher, Some(subject.as_bytes()));
    part(&mut hasher, key.map(str::as_bytes));
    part(&mut hasher, Some(body));

    let mut hash = [0; TEXT_SIZE / 2];
    hasher.finalize_xof().fill(&mut hash);
    let mut text = [0; TEXT_SIZE];
    for (digits, byte) in text.chunks_exact_mut(2).zip(hash) {
        digits.copy_from_slice(&[hex_digit(byte >> 4), hex_digit(byte & 0x0F)]);
    }
    MessageId(text)
}

/// With the length in front, so that bytes can't wander from one part to the next unseen.
fn part(hasher: &mut blake3::Hasher, bytes: Option<&[u8]>) {
    let Some(bytes) = bytes else {
        hasher.update(&u64::MAX.to_le_bytes());
        return;
    };
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX - 1);
    hasher.update(&size.to_le_bytes());
    hasher.update(bytes);
}

fn hex_digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    /// Rows: S2-21.
    #[test]
    fn s2_21_an_id_is_the_same_in_every_process_and_version() {
        // From Python's blake3 package. If this fails, two versions store a message twice.
        let id = message_id("orders.created", Some("17"), br#"{"total":3}"#);

        assert_eq!(id.as_str(), "618d049213ba6f95cbbb9b860067258b");
        assert_eq!(message_id("", None, b"").as_str(), "d2baf722015591c7090401962016fe6f");
        assert_eq!(format!("{id} {id:?}"), format!("{0} MessageId({0})", id.as_str()));
    }

    /// Rows: S2-21.
    #[test]
    fn s2_21_every_split_of_the_same_bytes_has_its_own_id() {
        let text = "aaaaaaa";
        let mut ids = HashSet::new();
        let mut splits = 0;
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let (subject, key, body) = (&text[..first], &text[first..second], &text[second..]);
                ids.insert(message_id(subject, Some(key), body.as_bytes()));
                splits += 1;
            }
            ids.insert(message_id(&text[..first], None, &text.as_bytes()[first..]));
            splits += 1;
        }

        assert_eq!(ids.len(), splits);
    }

    proptest! {
        /// Rows: S2-21.
        #[test]
        fn s2_21_ids_are_equal_exactly_if_the_messages_are(
            one in message(), other in message()
        ) {
            let id = |message: &(String, Option<String>, Vec<u8>)| {
                message_id(&message.0, message.1.as_deref(), &message.2)
            };

            prop_assert_eq!(id(&one) == id(&other), one == other);
            prop_assert_eq!(id(&one), id(&one));
            prop_assert!(id(&one).as_str().bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
    }

    fn message() -> impl Strategy<Value = (String, Option<String>, Vec<u8>)> {
        ("[ab.]{0,3}", proptest::option::of("[ab.]{0,3}"), "[ab.]{0,3}")
            .prop_map(|(subject, key, body)| (subject, key, body.into_bytes()))
    }
}
