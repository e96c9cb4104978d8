//! A message ready to be sent.

use async_nats::{HeaderMap, Subject};
use bytes::Bytes;

/// A message, as often as it has to be sent.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) subject: Subject,
    pub(crate) body: Bytes,
    pub(crate) headers: Headers,
    /// Not tried again when there is no stream.
    pub(crate) fails_fast: bool,
}

/// Headers that are made anew for each attempt: a map of the usual ones is dearer to copy than to make.
#[derive(Debug, Default)]
pub(crate) struct Headers {
    pub(crate) id: Option<String>,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) encoding: Option<&'static str>,
    pub(crate) others: Option<Box<HeaderMap>>,
}

impl Headers {
    pub(crate) fn to_map(&self) -> HeaderMap {
        let mut map = self.others.as_deref().cloned().unwrap_or_default();
        if let Some(id) = &self.id {
            map.insert(async_nats::header::NATS_MESSAGE_ID, id.as_str());
        }
        if let Some(content_type) = self.content_type {
            map.insert(CONTENT_TYPE, content_type);
        }
        if let Some(encoding) = self.encoding {
            map.insert(CONTENT_ENCODING, encoding);
        }
        map
    }
}

pub(crate) const CONTENT_TYPE: &str = "Content-Type";
pub(crate) const CONTENT_ENCODING: &str = "Content-Encoding";

/// A message that could not be published, for an error handler.
#[derive(Clone, Debug)]
pub struct FailedPublish {
    /// Its subject.
    pub subject: String,
    /// Its body, as it was to be sent.
    pub body: Bytes,
    /// Its id.
    pub id: Option<String>,
}

impl Prepared {
    pub(super) fn failed(&self) -> FailedPublish {
        FailedPublish {
            subject: self.subject.to_string(),
            body: self.body.clone(),
            id: self.headers.id.clone(),
        }
    }

    pub(super) fn into_parts(self) -> (Subject, HeaderMap, Bytes) {
        (self.subject, self.headers.to_map(), self.body)
    }
}
