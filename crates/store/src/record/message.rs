//! A message as it is read back.

use bytes::Bytes;
use tradewind_subject::Timestamp;

use crate::{
    ids::StreamId,
    record::{
        Corrupt, Record,
        codec::{self, Body},
    },
};

/// A message of a stream; the parts are slices of what was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// Its sequence in the stream.
    pub seq: u64,
    /// When it was stored.
    pub ts: Timestamp,
    /// Its subject.
    pub subject: Bytes,
    /// Its headers, with the version line, or nothing.
    pub headers: Bytes,
    /// Its payload.
    pub payload: Bytes,
}

/// Checks that `bytes` are the record of message `seq` of `stream`, and takes it apart without
/// copying.
///
/// # Errors
///
/// If they are anything else: then the medium has lost the message, or gave back another place.
pub fn decode_message(bytes: &Bytes, stream: StreamId, seq: u64) -> Result<StoredMessage, Corrupt> {
    let (record, _, rest) = codec::split(bytes)?;
    if !rest.is_empty() {
        return Err(Corrupt::Length);
    }
    let decoded = codec::decode(record)?;
    match decoded.body {
        Body::Record(Record::Publish { stream: s, seq: n, ts, subject, headers, payload })
            if (s, n) == (stream, seq) =>
        {
            Ok(StoredMessage {
                seq,
                ts,
                subject: bytes.slice_ref(subject),
                headers: bytes.slice_ref(headers),
                payload: bytes.slice_ref(payload),
            })
        }
        _ => Err(Corrupt::Misplaced { found: decoded.lsn }),
    }
}
