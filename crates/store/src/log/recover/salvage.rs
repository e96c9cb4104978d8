//! What can be read of a damaged frame.

use tradewind_subject::int;

use super::{
    OpenError, Recovery,
    walk::{Walk, payload_len},
};
use crate::{
    frame::HEAD,
    ids::{Lsn, Position},
    manifest::Role,
    mark::{self, Mark},
    record::codec,
};

impl Recovery<'_> {
    /// Replays the records of a damaged frame that can be read: one after another, and behind one
    /// that can't only if its length leads to the one that must follow.
    ///
    /// To look for records at any place would find those that somebody put into a payload. Returns
    /// where the last one ends.
    pub(super) fn salvage(
        &mut self,
        walk: &mut Walk,
        (at, end): (usize, usize),
        to: Lsn,
    ) -> Result<usize, OpenError> {
        let limit = end.min(at + HEAD + codec::RECORD_BYTES_MAX);
        let bytes = walk.scan.bytes(at, limit - at)?;
        let mut from = HEAD;
        let mut saved = at;
        let mut expected = self.next;
        while let Some(rest) = bytes.get(from..).filter(|rest| !rest.is_empty()) {
            let found = codec::split(rest)
                .ok()
                .and_then(|(record, _, _)| Some((record.len(), codec::decode(record).ok()?)));
            let Some((len, decoded)) = found else {
                let Some(len) = rest.first_chunk().map(|len| u32::from_le_bytes(*len)) else {
                    break;
                };
                let skip = int::usize_from_u32(len);
                let follows = rest.get(skip..).and_then(|rest| codec::split(rest).ok());
                let follows = follows.and_then(|(record, _, _)| codec::decode(record).ok());
                let lsn = expected.next();
                if skip == 0 || follows.is_none_or(|next| next.lsn != lsn && !walk.is_cold()) {
                    break;
                }
                expected = lsn;
                from += skip;
                continue;
            };
            let is_next =
                if walk.is_cold() { expected <= decoded.lsn } else { expected == decoded.lsn };
            if !is_next || to <= decoded.lsn {
                break;
            }
            if walk.role == Role::Log {
                self.gap(self.next, decoded.lsn.prev());
            }
            mark::hit(Mark::Salvaged);
            let offset = int::u32_saturating(at + from);
            let place = (Position { segment: walk.segment.id, offset }, int::u32_saturating(len));
            let payload_len = payload_len(&decoded);
            self.record(&mut walk.segment, place, &decoded, payload_len)?;
            expected = decoded.lsn.next();
            from += len;
            saved = at + from;
        }
        Ok(saved)
    }
}
