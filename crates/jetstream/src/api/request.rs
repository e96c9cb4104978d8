//! Bodies of requests.

use super::config::{ConsumerConfig, StreamConfig};
use super::error::ApiError;
use super::json::{
    Decoder, FromJson, JsonError, from_json, from_request, is_empty_object, starts_container,
};
use super::subject::ConsumerTarget;
use super::time::WireTime;
use super::validate::{ServerLimits, check_stream_config};

fn invalid_json(error: &JsonError) -> ApiError {
    ApiError::invalid_json(error)
}

fn read<T: FromJson>(body: &[u8], strict: bool) -> Result<T, ApiError> {
    from_request(body, strict).map_err(|error| invalid_json(&error))
}

/// Reads a body that may be missing: anything but an object or an array is taken for none.
fn read_optional<T: FromJson>(body: &[u8], strict: bool) -> Result<T, ApiError> {
    if starts_container(body) { read(body, strict) } else { Ok(T::default()) }
}

/// Checks a body that has to be empty.
///
/// # Errors
///
/// 10038.
pub fn expect_empty(body: &[u8]) -> Result<(), ApiError> {
    if is_empty_object(body) { Ok(()) } else { Err(ApiError::NOT_EMPTY_REQUEST) }
}

/// A request for a stream: its configuration, and whether to refuse what would be adjusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamRequest {
    /// As it came.
    pub config: StreamConfig,
    /// Nothing may be adjusted.
    pub pedantic: bool,
}

impl FromJson for StreamRequest {
    const GO_TYPE: &'static str = "server.StreamConfigRequest";

    fn field(&mut self, key: &str, decoder: &mut Decoder<'_>) -> Result<bool, JsonError> {
        if key == "pedantic" {
            decoder.boolean(&mut self.pedantic)?;
            return Ok(true);
        }
        self.config.field(key, decoder)
    }
}

impl StreamRequest {
    /// Reads the body of `STREAM.CREATE.<name>`; [`super::validate::plan_stream_create`] comes next.
    ///
    /// # Errors
    ///
    /// 10025, 10056, 10128, 10052.
    pub fn create(name: &str, body: &[u8], strict: bool) -> Result<StreamRequest, ApiError> {
        let mut request: StreamRequest = read(body, strict)?;
        let config = &mut request.config;
        config.settle_metadata();
        if config.name != name {
            return Err(ApiError::STREAM_MISMATCH);
        }
        if name.contains(['\\', '/']) {
            return Err(ApiError::STREAM_NAME_CONTAINS_PATH_SEPARATORS);
        }
        if config.sealed {
            let text = "stream configuration for create can not be sealed";
            return Err(ApiError::stream_invalid_config(text));
        }
        if config.mirror_direct && config.mirror.is_none() {
            let text = "stream has no mirror but does have mirror direct";
            return Err(ApiError::stream_invalid_config(text));
        }
        Ok(request)
    }

    /// Reads and checks the body of `STREAM.UPDATE.<name>`. Looking up the stream comes next, then
    /// [`super::validate::plan_stream_update`].
    ///
    /// # Errors
    ///
    /// 10025, what [`check_stream_config`] says, 10056.
    pub fn update(
        name: &str,
        body: &[u8],
        strict: bool,
        limits: &ServerLimits,
    ) -> Result<StreamRequest, ApiError> {
        let mut request: StreamRequest = read(body, strict)?;
        request.config = check_stream_config(request.config, limits, request.pedantic)?;
        if request.config.name != name {
            return Err(ApiError::STREAM_MISMATCH);
        }
        Ok(request)
    }
}

/// A request for one page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListRequest {
    /// Entries to skip.
    pub offset: usize,
    /// Only streams that overlap with this subject.
    pub subject: Option<String>,
}

/// Which list is asked for: they differ in their keys, and in what errors call them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// `STREAM.NAMES`
    StreamNames,
    /// `STREAM.LIST`
    StreamInfos,
    /// `CONSUMER.NAMES` and `CONSUMER.LIST`
    Consumers,
}

impl ListRequest {
    /// Reads the body of a list request.
    ///
    /// # Errors
    ///
    /// 10025.
    pub fn parse(list: List, body: &[u8], strict: bool) -> Result<ListRequest, ApiError> {
        let (offset, subject) = match list {
            List::StreamNames => {
                let request: StreamNamesRequest = read_optional(body, strict)?;
                (request.offset, request.subject)
            }
            List::StreamInfos => {
                let request: StreamListRequest = read_optional(body, strict)?;
                (request.offset, request.subject)
            }
            List::Consumers => {
                let request: ConsumersRequest = read_optional(body, strict)?;
                (request.offset, None)
            }
        };
        Ok(ListRequest { offset: usize::try_from(offset).unwrap_or(0), subject })
    }
}

#[derive(Default)]
struct StreamNamesRequest {
    offset: i64,
    subject: Option<String>,
}

impl FromJson for StreamNamesRequest {
    const GO_TYPE: &'static str = "server.JSApiStreamNamesRequest";

    fn field(&mut self, key: &str, decoder: &mut Decoder<'_>) -> Result<bool, JsonError> {
        match key {
            "offset" => decoder.integer(&mut self.offset, "int")?,
            "subject" => decoder.text(&mut self.subject)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[derive(Default)]
struct StreamListRequest {
    offset: i64,
    subject: Option<String>,
}

impl FromJson for StreamListRequest {
    const GO_TYPE: &'static str = "server.JSApiStreamListRequest";

    fn field(&mut self, key: &str, decoder: &mut Decoder<'_>) -> Result<bool, JsonError> {
        match key {
            "offset" => decoder.integer(&mut self.offset, "int")?,
            "subject" => decoder.text(&mut self.subject)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[derive(Default)]
struct ConsumersRequest {
    offset: i64,
}

impl FromJson for ConsumersRequest {
    const GO_TYPE: &'static str = "server.JSApiConsumersRequest";

    fn field(&mut self, key: &str, decoder: &mut Decoder<'_>) -> Result<bool, JsonError> {
        if key != "offset" {
            return Ok(false);
        }
        decoder.integer(&mut self.offset, "int")?;
        Ok(true)
    }
}

/// The body of `STREAM.INFO`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamInfoRequest {
    /// Subjects to skip; below 0 is 0.
    pub offset: i64,
    /// Show the sequences that were deleted.
    pub deleted_details: bool,
    /// Show the subjects that match, with their number of messages.
    pub subjects_filter: Option<String>,
}

impl FromJson for StreamInfoRequest {
    const GO_TYPE: &'static str = "server.JSApiStreamInfoRequest";

    fn field(&mut self, key: &str, decoder: &mut Decoder<'_>) -> Result<bool, JsonError> {
        match key {
            "offset" => decoder.integer(&mut self.offset, "int")?,
            "deleted_details" => decoder.boolean(&mut self.deleted_details)?,
            "subjects_filter" => decoder.text(&mut self.subjects_filter)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl StreamInfoRequest {
    /// Reads the body.
    ///
    /// # Errors
    ///
    /// 10025.
    pub fn parse(body: &[u8], strict: bool) -> Result<StreamInfoRequest, ApiError> {
        let request: StreamInfoRequest = read_optional(body, strict)?;
        Ok(StreamInfoRequest { offset: request.offset.max(0), ..request })
    }
}

/// The body of `STREAM.PURGE`; without anything set, all goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PurgeRequest {
    /// Up to, but without, this sequence; 0 is unset.
    pub seq: u64,
    /// Only what matches.
    pub filter: Option<String>,
    /// All but the newest so many; 0 is unset.
    pub keep: u64,
}

impl FromJson for PurgeRequest {
    const GO_TYPE: &'static str = "server.JSApiStreamPurgeRequest";

    fn field(&mut self, key: &str, decoder: &mut Decoder<'_>) -> Result<bool, JsonError> {
        match key {
            "seq" => decoder.integer(&mut self.seq, "uint64")?,
            "filter" => decoder.text(&mut self.filter)?,
            "keep" => decoder.integer(&mut self.keep, "uint64")?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl PurgeRequest {
    /// Reads the body.
    ///
    /// # Errors
    ///
    /// 10025, 10003.
    pub fn parse(body: &[u8], strict: bool) -> Result<PurgeRequest, ApiError> {
        let request: PurgeRequest = read_optional(body, strict)?;
        if request.seq > 0 && request.keep > 0 {
            return Err(ApiError::BAD_REQUEST);
        }
        Ok(request)
    }
}

/// The body of `STREAM.MSG.DELETE`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MsgDeleteRequest {
    /// Which message.
    pub seq: u64,
    /// Its bytes may stay on disk.
    pub no_erase: bool,
}

impl FromJson for MsgDeleteRequest {
    const GO_TYPE: &'static str = "server.JSApiMsgDeleteRequest";

    fn field(&mut self, key: &str, decoder: &mut Decoder<'_>) -> Result<bool, JsonError> {
        match key {
            "seq" => decoder.integer(&mut self.seq, "uint64")?,
            "no_erase" => decoder.boolean(&mut self.no_erase)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl MsgDeleteRequest {
    /// Reads the body.
    ///
    /// # Errors
    ///
    /// 10003 if it is empty, 10025.
    pub fn parse(body: &[u8], strict: bool) -> Result<MsgDeleteRequest, ApiError> {
        if is_empty_object(body) {
            return Err(ApiError::BAD_REQUEST);
        }
        read(body, strict)
    }
}

mod consumer;
mod get;

pub use consumer::{ConsumerAction, ConsumerRequest};
pub use get::{DirectGetRefusal, MsgGetRequest, MsgSelector, Start};

#[cfg(test)]
mod tests;
