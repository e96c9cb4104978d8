//! What happened in a run: a number that is the same if all of it is, and on demand the words.
//!
//! Each thread has a story of its own: that of the seed it is at.

use std::cell::{Cell, RefCell};

thread_local! {
    static HASH: Cell<u64> = const { Cell::new(0) };
    static LINES: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// A new story, in words too if `told`.
pub(crate) fn begin(told: bool) {
    HASH.set(0xcbf2_9ce4_8422_2325);
    LINES.set(told.then(Vec::new));
}

/// The number and the words of the story.
pub(crate) fn end() -> (u64, Vec<String>) {
    (HASH.get(), LINES.take().unwrap_or_default())
}

/// Something that has to be the same whenever the seed is.
pub(crate) fn mix(bytes: &[u8]) {
    let mut hash = HASH.get() ^ u64::try_from(bytes.len()).unwrap();
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = (hash.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x100_0000_01b3);
    }
    HASH.set(hash);
}

/// A number that has to be the same.
pub(crate) fn mix_number(number: u64) {
    mix(&number.to_le_bytes());
}

/// A line of the story.
pub(crate) fn tell(line: impl FnOnce() -> String) {
    LINES.with_borrow_mut(|lines| {
        if let Some(lines) = lines {
            lines.push(line());
        }
    });
}
