//! Answers of the API, byte for byte as nats-server writes them.

mod info;
mod publish;

pub use info::{
    AccountInfo, ApiStats, ClusterInfo, ConsumerInfo, LostMessages, SequenceInfo, StoredMessage,
    StreamInfo, StreamState,
};
pub use publish::{append_json_string, append_pub_ack, append_pub_error, pub_ack_prefix};

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;

use super::error::ApiError;
use super::json::to_json;
use super::subject::{ApiCall, ConsumerRef, ConsumerTarget};
use super::time::ZERO_TIME;

/// Entries of a page of names.
pub const NAMES_LIMIT: usize = 1024;
/// Entries of a page of streams or consumers.
pub const LIST_LIMIT: usize = 256;
/// Subjects shown by one `STREAM.INFO`.
pub const SUBJECTS_LIMIT: usize = 100_000;

/// Which part of a list an answer holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Page {
    /// Entries there are.
    pub total: usize,
    /// Entries skipped.
    pub offset: usize,
    /// Most entries of a page.
    pub limit: usize,
}

impl Page {
    /// The page from `offset`, which may be beyond the end, and the entries it holds.
    pub fn of(total: usize, offset: usize, limit: usize) -> (Page, Range<usize>) {
        let offset = offset.min(total);
        let end = offset.saturating_add(limit).min(total);
        (Page { total, offset, limit }, offset..end)
    }
}

/// Any answer: the type, then what it says.
#[derive(Serialize)]
struct Answer<T> {
    r#type: &'static str,
    #[serde(flatten)]
    body: T,
}

fn answer<T: Serialize>(call: ApiCall<'_>, body: T) -> Vec<u8> {
    to_json(&Answer { r#type: call.response_type(), body })
}

/// The answer to `INFO`.
pub fn account_info(info: &AccountInfo) -> Vec<u8> {
    answer(ApiCall::AccountInfo, info)
}

/// The answer to `STREAM.CREATE`, also if the stream was there and is the same.
pub fn stream_create(info: &StreamInfo) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body {
        #[serde(flatten)]
        info: StreamInfo,
        did_create: bool,
    }
    // The domain is shown everywhere but here.
    let info = StreamInfo { domain: None, ..info.shown() };
    answer(ApiCall::StreamCreate(""), Body { info, did_create: true })
}

/// The answer to `STREAM.UPDATE`.
pub fn stream_update(info: &StreamInfo) -> Vec<u8> {
    answer(ApiCall::StreamUpdate(""), info.shown())
}

/// The answer to `STREAM.INFO`; `page` is of the subjects and zero without a filter or a match.
pub fn stream_info(info: &StreamInfo, server_name: &str, page: Page) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body {
        #[serde(flatten)]
        page: Page,
        #[serde(flatten)]
        info: StreamInfo,
    }
    let cluster = Some(ClusterInfo { leader: server_name.to_owned() });
    answer(ApiCall::StreamInfo(""), Body { page, info: StreamInfo { cluster, ..info.shown() } })
}

/// The answer to `STREAM.LIST`, with the streams that are not served and why. Its configurations lack
/// the labels that are only shown.
pub fn stream_list(page: Page, streams: &[StreamInfo], offline: &BTreeMap<&str, &str>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        #[serde(flatten)]
        page: Page,
        streams: &'a [StreamInfo],
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        offline: &'a BTreeMap<&'a str, &'a str>,
    }
    answer(ApiCall::StreamList, Body { page, streams, offline })
}

/// The answer to `STREAM.NAMES`: no names are `null`.
pub fn stream_names(page: Page, names: &[&str]) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        #[serde(flatten)]
        page: Page,
        streams: Option<&'a [&'a str]>,
    }
    answer(
        ApiCall::StreamNames,
        Body { page, streams: Some(names).filter(|list| !list.is_empty()) },
    )
}

/// The answer to `STREAM.DELETE`, `STREAM.MSG.DELETE` and `CONSUMER.DELETE`.
pub fn deleted(call: ApiCall<'_>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body {
        success: bool,
    }
    answer(call, Body { success: true })
}

/// The answer to `STREAM.PURGE`.
pub fn stream_purge(purged: u64) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body {
        success: bool,
        purged: u64,
    }
    answer(ApiCall::StreamPurge(""), Body { success: true, purged })
}

/// The answer to `STREAM.MSG.GET`.
pub fn msg_get(message: &StoredMessage<'_>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        message: &'a StoredMessage<'a>,
    }
    answer(ApiCall::MsgGet(""), Body { message })
}

/// The answer to `CONSUMER.CREATE` and `CONSUMER.DURABLE.CREATE`.
pub fn consumer_create(info: &ConsumerInfo) -> Vec<u8> {
    answer(ApiCall::ConsumerCreate(ConsumerTarget::Unnamed { stream: "" }), info.shown())
}

/// The answer to `CONSUMER.INFO`.
pub fn consumer_info(info: &ConsumerInfo) -> Vec<u8> {
    answer(ApiCall::ConsumerInfo(ConsumerRef { stream: "", consumer: "" }), info.shown())
}

/// The answer to `CONSUMER.LIST`. Its configurations lack the labels that are only shown.
pub fn consumer_list(page: Page, consumers: &[ConsumerInfo]) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        #[serde(flatten)]
        page: Page,
        consumers: &'a [ConsumerInfo],
    }
    answer(ApiCall::ConsumerList(""), Body { page, consumers })
}

/// The answer to `CONSUMER.NAMES`.
pub fn consumer_names(page: Page, names: &[&str]) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        #[serde(flatten)]
        page: Page,
        consumers: &'a [&'a str],
    }
    answer(ApiCall::ConsumerNames(""), Body { page, consumers: names })
}

/// The refusal of `call`, with the keys that its answers always have.
pub fn refusal(call: ApiCall<'_>, error: &ApiError) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        error: &'a ApiError,
        #[serde(flatten)]
        page: Option<Page>,
        #[serde(flatten)]
        rest: Rest,
    }
    let is_paged = matches!(
        call,
        ApiCall::StreamNames
            | ApiCall::StreamList
            | ApiCall::StreamInfo(_)
            | ApiCall::ConsumerNames(_)
            | ApiCall::ConsumerList(_)
    );
    let page = is_paged.then(Page::default);
    answer(call, Body { error, page, rest: Rest::of(call) })
}

/// How "no streams" is written.
#[derive(Serialize)]
#[serde(untagged)]
enum NoStreams {
    Null,
    Empty([u8; 0]),
}

/// What a refusal shows besides the error.
#[derive(Default, Serialize)]
struct Rest {
    #[serde(skip_serializing_if = "Option::is_none")]
    streams: Option<NoStreams>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumers: Option<[u8; 0]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purged: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deliver_subject: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pause_until: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reset_seq: Option<u64>,
}

impl Rest {
    fn of(call: ApiCall<'_>) -> Rest {
        let none = Rest::default();
        match call {
            ApiCall::StreamNames => Rest { streams: Some(NoStreams::Null), ..none },
            ApiCall::StreamList => Rest { streams: Some(NoStreams::Empty([])), ..none },
            ApiCall::ConsumerNames(_) | ApiCall::ConsumerList(_) => {
                Rest { consumers: Some([]), ..none }
            }
            ApiCall::StreamPurge(_) => Rest { purged: Some(0), ..none },
            ApiCall::StreamRestore(_) => Rest { deliver_subject: Some(""), ..none },
            ApiCall::ConsumerPause(_) => {
                Rest { paused: Some(false), pause_until: Some(ZERO_TIME), ..none }
            }
            ApiCall::ConsumerReset(_) => Rest { reset_seq: Some(0), ..none },
            _ => none,
        }
    }
}

/// The answer to any call of an account that is not a JetStream account and is not known.
pub fn system_refusal(error: &ApiError) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        r#type: &'static str,
        error: &'a ApiError,
    }
    to_json(&Body { r#type: "io.nats.jetstream.api.v1.system_response", error })
}

#[cfg(test)]
mod tests;
