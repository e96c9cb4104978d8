//! Integers of one to ten bytes, the small ones short: LEB128, and zigzag for signed ones.

use crate::int;

/// Writes `value`.
pub fn put(out: &mut Vec<u8>, mut value: u64) {
    while 0x80 <= value {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Writes `value`; close to zero is short, on either side.
pub fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

/// Takes an integer off the front; `None` if there is none, or one of more than 64 bits.
pub fn take(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = input.split_first()?;
        *input = rest;
        let bits = u64::from(byte & 0x7f);
        if 63 <= shift && 1 < bits {
            return None;
        }
        value |= bits << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// Takes an integer that [`put_signed`] wrote off the front.
pub fn take_signed(input: &mut &[u8]) -> Option<i64> {
    let value = take(input)?;
    Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
}

/// Writes how many bytes the two parts have, and the parts.
pub fn put_bytes(out: &mut Vec<u8>, [front, back]: [&[u8]; 2]) {
    put(out, int::u64_from(front.len() + back.len()));
    out.extend_from_slice(front);
    out.extend_from_slice(back);
}

/// Takes bytes that [`put_bytes`] wrote off the front.
pub fn take_bytes<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = int::usize_from(take(input)?);
    let (bytes, rest) = input.split_at_checked(len)?;
    *input = rest;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn integers_come_back(unsigned: u64, signed: i64, shift in 0..64u32) {
            let (unsigned, signed) = (unsigned >> shift, signed >> shift);
            let mut bytes = Vec::new();
            put(&mut bytes, unsigned);
            put_signed(&mut bytes, signed);
            put_bytes(&mut bytes, [b"ab", b"c"]);

            let input = &mut &bytes[..];

            prop_assert_eq!(take(input), Some(unsigned));
            prop_assert_eq!(take_signed(input), Some(signed));
            prop_assert_eq!(take_bytes(input), Some(&b"abc"[..]));
            prop_assert!(input.is_empty());
        }
    }

    #[test]
    fn what_is_no_integer_is_none() {
        for bytes in [&[][..], &[0x80], &[0xff; 10], &[0x80; 11]] {
            assert_eq!(take(&mut &bytes[..]), None, "{bytes:?}");
            assert_eq!(take_bytes(&mut &bytes[..]), None, "{bytes:?}");
        }
        for bytes in [&[2, b'x'][..], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]] {
            assert_eq!(take_bytes(&mut &bytes[..]), None, "{bytes:?}");
        }
    }
}
