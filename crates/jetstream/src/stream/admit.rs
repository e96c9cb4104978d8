use tradewind_subject::{Timestamp, int::u64_from, is_literal};

use super::{
    Stream,
    filter::FilterSet,
    publish::{Lifetime, PublishHeaders, expected_seq},
};
use crate::api::{
    config::{Discard, Retention},
    error::ApiError,
};

/// Largest header block, in bytes.
const HEADERS_MAX: usize = 64 * 1024 - 1;

/// A message offered to a stream.
#[derive(Clone, Copy, Debug)]
pub struct Publish<'a> {
    /// Its subject, a literal one.
    pub subject: &'a [u8],
    /// Its headers.
    pub headers: &'a PublishHeaders<'a>,
    /// Bytes of its payload.
    pub payload_len: usize,
    /// Some consumer of the stream wants it; counts with interest retention only.
    pub is_wanted: bool,
}

/// What to do with a publish that was not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// New: append it under `seq`, then acknowledge.
    Append {
        /// Its sequence.
        seq: u64,
        /// Its time: never before that of the message in front of it.
        ts: Timestamp,
    },
    /// Seen within the duplicate window: acknowledge `seq` again, append nothing.
    Duplicate {
        /// The sequence it has.
        seq: u64,
    },
    /// Nobody is interested: burn `seq` ([`Stream::apply_burn`]), then acknowledge it.
    Burn {
        /// The burned sequence.
        seq: u64,
        /// Its time.
        ts: Timestamp,
    },
}

/// Why a stream does not do what it is asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The stream is sealed.
    #[error("invalid operation on sealed stream")]
    Sealed,
    /// `Nats-Batch-Id`, on a stream without atomic publish.
    #[error("atomic publish is disabled")]
    BatchDisabled,
    /// `Nats-Incr` is no whole number.
    #[error("message counter increment is invalid")]
    IncrementInvalid,
    /// `Nats-Incr`, on a stream that is no counter.
    #[error("message counters is disabled")]
    CounterDisabled,
    /// `Nats-Expected-Stream` names another one.
    #[error("expected stream does not match")]
    WrongStream,
    /// `Nats-TTL` is no time to live.
    #[error("invalid per-message TTL")]
    TtlInvalid,
    /// `Nats-TTL`, on a stream without.
    #[error("per-message TTL is disabled")]
    TtlDisabled,
    /// A subject is expected, but no sequence of it.
    #[error("missing sequence for expected last sequence per subject")]
    ExpectedSubjectWithoutSeq,
    /// Another sequence is the last.
    #[error("wrong last sequence: {last_seq}")]
    WrongLastSeq {
        /// The last one, of the stream or of the subject.
        last_seq: u64,
    },
    /// `Nats-Schedule`, on a stream without schedules.
    #[error("message schedules is disabled")]
    SchedulesDisabled,
    /// `Nats-Scheduler` and `Nats-Schedule-Next` don't fit together.
    #[error("message schedules invalid scheduler")]
    SchedulerInvalid,
    /// `Nats-Stream-Source` from a client.
    #[error("message stream source header is not allowed")]
    SourceHeader,
    /// Another message id is the last.
    #[error("wrong last msg ID: {last_msg_id}")]
    WrongLastMsgId {
        /// The last one.
        last_msg_id: String,
    },
    /// `Nats-Rollup`, on a stream without.
    #[error("rollup not permitted")]
    RollupDenied,
    /// `Nats-Rollup` is neither `sub` nor `all`.
    #[error("rollup value invalid: {value:?}")]
    RollupInvalid {
        /// What it is, in lower case.
        value: String,
    },
    /// Larger than `max_msg_size`.
    #[error("message size exceeds maximum allowed")]
    TooLarge,
    /// Headers larger than 64 KiB.
    #[error("header size exceeds maximum allowed of 64k")]
    HeadersTooLarge,
    /// Full, and old messages stay.
    #[error("maximum messages exceeded")]
    MaxMsgs,
    /// Full, and old messages stay.
    #[error("maximum bytes exceeded")]
    MaxBytes,
    /// The subject is full, and old messages stay.
    #[error("maximum messages per subject exceeded")]
    MaxMsgsPerSubject,
    /// `deny_purge`.
    #[error("stream purge not permitted")]
    PurgeDenied,
    /// A purge by sequence and by what to keep.
    #[error("bad request")]
    PurgeBySeqAndKeep,
    /// `deny_delete`.
    #[error("message delete not permitted")]
    DeleteDenied,
    /// Delete of a message that is no more.
    #[error("sequence {seq} not found")]
    SeqNotFound {
        /// Its sequence.
        seq: u64,
    },
    /// Delete in front of the first message of a file stream.
    #[error("no message found")]
    BeforeFirst,
    /// Delete behind the last message of a file stream.
    #[error("stream store EOF")]
    AfterLast,
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> ApiError {
        match refusal {
            Refusal::PurgeBySeqAndKeep => ApiError::BAD_REQUEST,
            Refusal::SeqNotFound { seq } => ApiError::sequence_not_found(seq),
            Refusal::TooLarge => ApiError::STREAM_MESSAGE_EXCEEDS_MAXIMUM,
            Refusal::DeleteDenied | Refusal::BeforeFirst | Refusal::AfterLast => {
                ApiError::stream_msg_delete_failed(refusal)
            }
            Refusal::WrongStream => ApiError::STREAM_NOT_MATCH,
            Refusal::WrongLastMsgId { last_msg_id } => ApiError::wrong_last_msg_id(last_msg_id),
            Refusal::WrongLastSeq { last_seq } => ApiError::wrong_last_sequence(last_seq),
            Refusal::MaxMsgs | Refusal::MaxBytes | Refusal::MaxMsgsPerSubject => {
                ApiError::stream_store_failed(refusal)
            }
            Refusal::HeadersTooLarge => ApiError::STREAM_HEADER_EXCEEDS_MAXIMUM,
            Refusal::Sealed => ApiError::STREAM_SEALED,
            Refusal::PurgeDenied => ApiError::stream_purge_failed(refusal),
            Refusal::RollupDenied | Refusal::RollupInvalid { .. } => {
                ApiError::stream_rollup_failed(refusal)
            }
            Refusal::TtlInvalid => ApiError::MESSAGE_TTL_INVALID,
            Refusal::TtlDisabled => ApiError::MESSAGE_TTL_DISABLED,
            Refusal::CounterDisabled => ApiError::MESSAGE_INCR_DISABLED,
            Refusal::IncrementInvalid => ApiError::MESSAGE_INCR_INVALID,
            Refusal::BatchDisabled => ApiError::ATOMIC_PUBLISH_DISABLED,
            Refusal::SchedulesDisabled => ApiError::MESSAGE_SCHEDULES_DISABLED,
            Refusal::ExpectedSubjectWithoutSeq => {
                ApiError::STREAM_EXPECTED_LAST_SEQ_PER_SUBJECT_INVALID
            }
            Refusal::SchedulerInvalid => ApiError::MESSAGE_SCHEDULES_SCHEDULER_INVALID,
            Refusal::SourceHeader => ApiError::MESSAGE_SOURCE_HDR_NOT_ALLOWED,
        }
    }
}

impl Stream {
    /// Decides about `publish`, changing nothing.
    ///
    /// The order of the checks is behaviour, and nats-server's on one node: a retry that carries both a
    /// message id and an expectation is told "wrong last sequence", not "duplicate".
    ///
    /// # Errors
    ///
    /// The first [`Refusal`] met.
    pub fn admit(&self, now: Timestamp, publish: &Publish<'_>) -> Result<Admission, Refusal> {
        if self.config.sealed {
            return Err(Refusal::Sealed);
        }
        let headers = publish.headers;
        if 0 < headers.block_len {
            self.check_before_dedupe(publish)?;
            if let Some(seq) = headers.msg_id.and_then(|id| self.recent_ids.find(now, id)) {
                return Ok(Admission::Duplicate { seq });
            }
            self.check_after_dedupe(headers)?;
        }
        if self.limits.msg_size < u64_from(headers.block_len + publish.payload_len) {
            return Err(Refusal::TooLarge);
        }
        if HEADERS_MAX < headers.block_len {
            return Err(Refusal::HeadersTooLarge);
        }
        let seq = self.index.last_seq() + 1;
        let ts = self.index.last_ts().map_or(now, |last_ts| last_ts.max(now));
        if self.config.retention == Retention::Interest && !publish.is_wanted {
            return Ok(Admission::Burn { seq, ts });
        }
        // As late as in nats-server: a message that is not stored may ask for anything.
        if headers.lifetime().is_none() {
            return Err(Refusal::TtlInvalid);
        }
        if self.limits.discard == Discard::New {
            self.check_room(publish)?;
        }
        Ok(Admission::Append { seq, ts })
    }

    fn check_before_dedupe(&self, publish: &Publish<'_>) -> Result<(), Refusal> {
        let headers = publish.headers;
        if headers.batch_id.is_some() {
            return Err(Refusal::BatchDisabled);
        }
        match headers.incr {
            Some(incr) if is_increment(incr) => return Err(Refusal::CounterDisabled),
            Some(_) => return Err(Refusal::IncrementInvalid),
            None => (),
        }
        if headers.expected_stream.is_some_and(|name| name != self.config.name.as_bytes()) {
            return Err(Refusal::WrongStream);
        }
        let asks = matches!(headers.lifetime(), Some(Lifetime::Seconds(_) | Lifetime::Endless));
        if asks && !self.config.allow_msg_ttl {
            return Err(Refusal::TtlDisabled);
        }
        self.check_expected_seqs(publish)?;
        if headers.schedule.is_some() {
            return Err(Refusal::SchedulesDisabled);
        }
        if headers.scheduler.is_some() || headers.schedule_next.is_some() {
            let cancels = headers.schedule_next == Some(b"purge")
                && headers
                    .scheduler
                    .is_some_and(|subject| is_literal(subject) && subject != publish.subject);
            let refusal =
                if cancels { Refusal::SchedulesDisabled } else { Refusal::SchedulerInvalid };
            return Err(refusal);
        }
        if headers.stream_source.is_some() {
            return Err(Refusal::SourceHeader);
        }
        Ok(())
    }

    fn check_expected_seqs(&self, publish: &Publish<'_>) -> Result<(), Refusal> {
        let headers = publish.headers;
        if let Some(expected) = headers.expected_last_subject_seq {
            let last_seq = match headers.expected_subject {
                Some(filter) => self.index.last_matching(&FilterSet::one(filter)),
                None => self.index.subject_info(publish.subject).map(|info| info.last),
            };
            check_last_seq(expected, last_seq.unwrap_or(0))?;
        } else if headers.expected_subject.is_some() {
            return Err(Refusal::ExpectedSubjectWithoutSeq);
        }
        match headers.expected_last_seq {
            Some(expected) => check_last_seq(expected, self.index.last_seq()),
            None => Ok(()),
        }
    }

    fn check_after_dedupe(&self, headers: &PublishHeaders<'_>) -> Result<(), Refusal> {
        if headers.expected_last_msg_id.is_some_and(|id| id != self.last_msg_id) {
            let last_msg_id = String::from_utf8_lossy(&self.last_msg_id).into_owned();
            return Err(Refusal::WrongLastMsgId { last_msg_id });
        }
        let Some(rollup) = headers.rollup else { return Ok(()) };
        if !self.config.allow_rollup_hdrs || self.config.deny_purge {
            return Err(Refusal::RollupDenied);
        }
        if headers.rollup().is_none() {
            let value = String::from_utf8_lossy(rollup).to_lowercase();
            return Err(Refusal::RollupInvalid { value });
        }
        Ok(())
    }

    /// With `discard: new`: a message that replaces another of its subject needs no room but its own.
    fn check_room(&self, publish: &Publish<'_>) -> Result<(), Refusal> {
        let per_subject = self.limits.msgs_per_subject;
        let replaced = (per_subject < u64::MAX)
            .then(|| self.index.subject_info(publish.subject))
            .flatten()
            .filter(|info| per_subject <= info.count);
        if replaced.is_some() && self.config.discard_new_per_subject {
            return Err(Refusal::MaxMsgsPerSubject);
        }
        if replaced.is_none() && self.limits.msgs <= self.index.messages() {
            return Err(Refusal::MaxMsgs);
        }
        let size = self.limits.message_size(
            publish.subject.len(),
            publish.headers.block_len,
            publish.payload_len,
        );
        if self.limits.bytes < self.index.bytes() + size {
            let freed = replaced.and_then(|info| self.index.get(info.first));
            if freed.is_none_or(|entry| u64::from(entry.size) < size) {
                return Err(Refusal::MaxBytes);
            }
        }
        Ok(())
    }
}

fn check_last_seq(expected: &[u8], last_seq: u64) -> Result<(), Refusal> {
    if expected_seq(expected) == last_seq {
        Ok(())
    } else {
        Err(Refusal::WrongLastSeq { last_seq })
    }
}

/// A whole number of any length, with or without sign.
fn is_increment(value: &[u8]) -> bool {
    let digits = value.strip_prefix(b"+").or_else(|| value.strip_prefix(b"-")).unwrap_or(value);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}
