use serde::Serialize;

use super::is_default;
use crate::api::json::{Decoder, FromJson, JsonError};
use crate::api::time::WireTime;

/// Where in a cluster a stream should live.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Placement {
    /// Name of a cluster.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    /// Tags that a server needs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Name of a server.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub preferred: String,
}

impl FromJson for Placement {
    const GO_TYPE: &'static str = "server.Placement";

    fn field(&mut self, key: &str, decoder: &mut Decoder<'_>) -> Result<bool, JsonError> {
        match key {
            "cluster" => decoder.string(&mut self.cluster)?,
            "tags" => decoder.strings(&mut self.tags)?,
            "preferred" => decoder.string(&mut self.preferred)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A rule that renames subjects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SubjectTransform {
    /// What is renamed.
    pub src: String,
    /// To what.
    pub dest: String,
}

impl FromJson for SubjectTransform {
    const GO_TYPE: &'static str = "server.SubjectTransformConfig";

    fn field(&mut self, key: &str, decoder: &mut Decoder<'_>) -> Result<bool, JsonError> {
        match key {
            "src" => decoder.string(&mut self.src)?,
            "dest" => decoder.string(&mut self.dest)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Under which subject stored messages are published again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Republish {
    /// What is published again.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub src: String,
    /// Under which subject.
    pub dest: String,
    /// Without the payload.
    #[serde(skip_serializing_if = "is_default")]
    pub headers_only: bool,
}

impl FromJson for Republish {
    const GO_TYPE: &'static str = "server.RePublish";

    fn field(&mut self, key: &str, decoder: &mut Decoder<'_>) -> Result<bool, JsonError> {
        match key {
            "src" => decoder.string(&mut self.src)?,
            "dest" => decoder.string(&mut self.dest)?,
            "headers_only" => decoder.boolean(&mut self.headers_only)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A stream from which another one is filled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StreamSource {
    /// Name of the origin.
    pub name: String,
    /// Where to start.
    #[serde(skip_serializing_if = "is_default")]
    pub opt_start_seq: u64,
    /// When to start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opt_start_time: Option<WireTime>,
    /// What to take.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub filter_subject: String,
    /// What to take, renamed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subject_transforms: Vec<SubjectTransform>,
    /// In another account or domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalStream>,
    /// Through a consumer that exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer: Option<SourceConsumer>,
}

impl FromJson for StreamSource {
    const GO_TYPE: &'static str = "server.StreamSource";

    fn field(&mut self, key: &str, decoder: &mut Decoder<'_>) -> Result<bool, JsonError> {
        match key {
            "name" => decoder.string(&mut self.name)?,
            "opt_start_seq" => decoder.integer(&mut self.opt_start_seq, "uint64")?,
            "opt_start_time" => decoder.time(&mut self.opt_start_time)?,
            "filter_subject" => decoder.string(&mut self.filter_subject)?,
            "subject_transforms" => decoder.structures(&mut self.subject_transforms)?,
            "external" => decoder.optional(&mut self.external)?,
            "consumer" => decoder.optional(&mut self.consumer)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// How to reach a stream of another account or domain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ExternalStream {
    /// Prefix of its API.
    pub api: String,
    /// Prefix under which it delivers.
    pub deliver: String,
}

impl FromJson for ExternalStream {
    const GO_TYPE: &'static str = "server.ExternalStream";

    fn field(&mut self, key: &str, decoder: &mut Decoder<'_>) -> Result<bool, JsonError> {
        match key {
            "api" => decoder.string(&mut self.api)?,
            "deliver" => decoder.string(&mut self.deliver)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A consumer made beforehand for sourcing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SourceConsumer {
    /// Its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Where it delivers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub deliver_subject: String,
}

impl FromJson for SourceConsumer {
    const GO_TYPE: &'static str = "server.StreamConsumerSource";

    fn field(&mut self, key: &str, decoder: &mut Decoder<'_>) -> Result<bool, JsonError> {
        match key {
            "name" => decoder.string(&mut self.name)?,
            "deliver_subject" => decoder.string(&mut self.deliver_subject)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}
