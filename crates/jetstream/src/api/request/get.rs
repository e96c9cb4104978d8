use tradewind_subject::Timestamp;

use super::{ApiError, Decoder, FromJson, JsonError, WireTime, from_json, is_empty_object, read};

/// The body of `STREAM.MSG.GET` and `DIRECT.GET`: numbers are unset when 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MsgGetRequest {
    /// This message, or with `next_by_subj` where to start.
    pub seq: u64,
    /// The newest message of this subject.
    pub last_by_subj: Option<String>,
    /// The next message of this subject.
    pub next_by_subj: Option<String>,
    /// Most messages, direct get only.
    pub batch: i64,
    /// Most bytes, direct get only.
    pub max_bytes: i64,
    /// Where to start.
    pub start_time: Option<WireTime>,
    /// The newest message of each of these subjects, direct get only.
    pub multi_last: Vec<String>,
    /// Nothing after this sequence, with `multi_last`.
    pub up_to_seq: u64,
    /// Nothing after this time, with `multi_last`.
    pub up_to_time: Option<WireTime>,
    /// Only the payload.
    pub no_hdr: bool,
}

impl FromJson for MsgGetRequest {
    const GO_TYPE: &'static str = "server.JSApiMsgGetRequest";

    fn field(&mut self, key: &str, decoder: &mut Decoder<'_>) -> Result<bool, JsonError> {
        match key {
            "seq" => decoder.integer(&mut self.seq, "uint64")?,
            "last_by_subj" => decoder.text(&mut self.last_by_subj)?,
            "next_by_subj" => decoder.text(&mut self.next_by_subj)?,
            "batch" => decoder.integer(&mut self.batch, "int")?,
            "max_bytes" => decoder.integer(&mut self.max_bytes, "int")?,
            "start_time" => decoder.time(&mut self.start_time)?,
            "multi_last" => decoder.strings(&mut self.multi_last)?,
            "up_to_seq" => decoder.integer(&mut self.up_to_seq, "uint64")?,
            "up_to_time" => decoder.time(&mut self.up_to_time)?,
            "no_hdr" => decoder.boolean(&mut self.no_hdr)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// One message of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MsgSelector<'a> {
    /// The one at `start`: with exactly that sequence, or the first since a time.
    At(Start),
    /// The first at or after `start` that matches.
    Next {
        /// A filter.
        subject: &'a str,
        /// Where to start.
        start: Start,
    },
    /// The newest that matches.
    Last {
        /// A filter.
        subject: &'a str,
    },
}

/// A place in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// This sequence; 0 is the first.
    Seq(u64),
    /// The first message at or after this time.
    Time(Timestamp),
}

/// Why a direct get is refused; the answer is a status line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectGetRefusal {
    /// Nothing is asked for.
    EmptyRequest,
    /// It is not JSON.
    MalformedRequest,
    /// It asks for things that don't go together.
    BadRequest,
}

impl DirectGetRefusal {
    /// What follows `NATS/1.0 `.
    pub const fn status(self) -> &'static str {
        match self {
            DirectGetRefusal::EmptyRequest => "408 Empty Request",
            DirectGetRefusal::MalformedRequest => "408 Malformed Request",
            DirectGetRefusal::BadRequest => "408 Bad Request",
        }
    }
}

impl MsgGetRequest {
    /// Reads the body of `STREAM.MSG.GET`.
    ///
    /// # Errors
    ///
    /// 10003, 10025.
    pub fn parse(body: &[u8], strict: bool) -> Result<MsgGetRequest, ApiError> {
        if is_empty_object(body) {
            return Err(ApiError::BAD_REQUEST);
        }
        let request: MsgGetRequest = read(body, strict)?;
        let is_batch = request.batch > 0 || request.max_bytes > 0;
        if is_batch || request.is_contradictory() || request.selector().is_none() {
            return Err(ApiError::BAD_REQUEST);
        }
        Ok(request)
    }

    /// Reads the body of `DIRECT.GET.<stream>`. Unknown keys are ignored.
    ///
    /// # Errors
    ///
    /// [`DirectGetRefusal`].
    pub fn direct(body: &[u8]) -> Result<MsgGetRequest, DirectGetRefusal> {
        if body.is_empty() {
            return Err(DirectGetRefusal::EmptyRequest);
        }
        let request: MsgGetRequest =
            from_json(body).map_err(|_| DirectGetRefusal::MalformedRequest)?;
        let is_multi = !request.multi_last.is_empty();
        if request.selector().is_none() && !is_multi {
            return Err(DirectGetRefusal::EmptyRequest);
        }
        let is_last = request.last_by_subj.is_some();
        if request.is_contradictory()
            || (is_last && (request.batch > 0 || is_multi))
            || (request.next_by_subj.is_some() && is_multi)
            || (request.up_to_seq > 0 && request.up_to_time.is_some())
        {
            return Err(DirectGetRefusal::BadRequest);
        }
        Ok(request)
    }

    /// Reads the body of `DIRECT.GET.<stream>.<subject>`, which may only say how to answer.
    ///
    /// # Errors
    ///
    /// [`DirectGetRefusal`].
    pub fn direct_last(subject: &str, body: &[u8]) -> Result<MsgGetRequest, DirectGetRefusal> {
        let mut request = MsgGetRequest::default();
        if !body.is_empty() {
            request = from_json(body).map_err(|_| DirectGetRefusal::MalformedRequest)?;
        }
        let answer = (request.max_bytes, request.no_hdr);
        let allowed =
            MsgGetRequest { max_bytes: answer.0, no_hdr: answer.1, ..MsgGetRequest::default() };
        if request != allowed {
            return Err(DirectGetRefusal::BadRequest);
        }
        Ok(MsgGetRequest { last_by_subj: Some(subject.to_owned()), ..request })
    }

    /// The message asked for, or the first of a batch; none if only `multi_last` is set.
    pub fn selector(&self) -> Option<MsgSelector<'_>> {
        let start =
            self.start_time.as_ref().map_or(Start::Seq(self.seq), |time| Start::Time(time.at));
        if let Some(subject) = self.next_by_subj.as_deref() {
            return Some(MsgSelector::Next { subject, start });
        }
        if start != Start::Seq(0) {
            return Some(MsgSelector::At(start));
        }
        let subject = self.last_by_subj.as_deref()?;
        Some(MsgSelector::Last { subject })
    }

    fn is_contradictory(&self) -> bool {
        let (has_seq, has_time) = (self.seq > 0, self.start_time.is_some());
        let (has_last, has_next) = (self.last_by_subj.is_some(), self.next_by_subj.is_some());
        (has_last && (has_seq || has_time || has_next)) || (has_seq && has_time)
    }
}
