use super::{ApiError, ConsumerConfig, ConsumerTarget, Decoder, FromJson, JsonError, read};
use crate::api::json::{Words, find_word};

/// Whether a consumer may be new, or may be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConsumerAction {
    /// Either.
    #[default]
    CreateOrUpdate,
    /// It has to be new, or the same.
    Create,
    /// It has to be there.
    Update,
}

impl Words for ConsumerAction {
    const WORDS: &'static [(&'static str, ConsumerAction)] = &[
        ("", ConsumerAction::CreateOrUpdate),
        ("create", ConsumerAction::Create),
        ("update", ConsumerAction::Update),
    ];
}

/// The body of `CONSUMER.CREATE` and `CONSUMER.DURABLE.CREATE`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsumerRequest {
    /// The stream, as in the subject.
    pub stream_name: String,
    /// As it came, but with the name from the subject.
    pub config: ConsumerConfig,
    /// Whether it may be new, or may be there.
    pub action: ConsumerAction,
    /// Nothing may be adjusted.
    pub pedantic: bool,
}

impl FromJson for ConsumerRequest {
    const GO_TYPE: &'static str = "server.CreateConsumerRequest";

    fn field(&mut self, key: &str, decoder: &mut Decoder<'_>) -> Result<bool, JsonError> {
        match key {
            "stream_name" => decoder.string(&mut self.stream_name)?,
            "config" => decoder.structure(&mut self.config)?,
            "action" => {
                let raw = decoder.raw_value();
                self.action = find_word(raw).ok_or_else(|| {
                    let word = String::from_utf8_lossy(raw);
                    JsonError(format!("unknown consumer action: {word}"))
                })?;
            }
            "pedantic" => decoder.boolean(&mut self.pedantic)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl ConsumerRequest {
    /// Reads the body alone. nats-server does it before it looks at `Nats-Required-Api-Level`.
    ///
    /// # Errors
    ///
    /// 10025.
    pub fn read(body: &[u8], strict: bool) -> Result<ConsumerRequest, ApiError> {
        read(body, strict)
    }

    /// Checks the request against the subject it came on. Looking up the stream comes next.
    ///
    /// # Errors
    ///
    /// 10056, 10127, 10017, 10018, 10020, 10137, 10131, 10074.
    pub fn settle(mut self, target: &ConsumerTarget<'_>) -> Result<ConsumerRequest, ApiError> {
        if target.stream() != self.stream_name {
            return Err(ApiError::STREAM_MISMATCH);
        }
        let name = match target {
            ConsumerTarget::Unnamed { .. } => self.config.name.as_deref(),
            _ => target.name(),
        };
        if name.is_some_and(|name| name.contains(['\\', '/'])) {
            return Err(ApiError::CONSUMER_NAME_CONTAINS_PATH_SEPARATORS);
        }
        let durable = self.config.durable_name.as_deref();
        match target {
            ConsumerTarget::Durable { .. } if durable.is_none() => {
                return Err(ApiError::CONSUMER_DURABLE_NAME_NOT_SET);
            }
            ConsumerTarget::Unnamed { .. } if durable.is_some() => {
                return Err(ApiError::CONSUMER_EPHEMERAL_WITH_DURABLE_NAME);
            }
            ConsumerTarget::Unnamed { .. } => (),
            _ if durable.is_some() && durable != name => {
                return Err(ApiError::CONSUMER_DURABLE_NAME_NOT_MATCH_SUBJECT);
            }
            _ => self.config.name = name.map(str::to_owned),
        }
        if let ConsumerTarget::Named { filter: Some(filter), .. } = target {
            if !self.config.filter_subjects.is_empty() {
                return Err(ApiError::CONSUMER_MULTIPLE_FILTERS_NOT_ALLOWED);
            }
            if self.config.filter_subject.as_deref() != Some(filter) {
                return Err(ApiError::CONSUMER_CREATE_FILTER_SUBJECT_MISMATCH);
            }
        }
        if self.config.num_replicas > 1 {
            return Err(ApiError::STREAM_REPLICAS_NOT_SUPPORTED);
        }
        Ok(self)
    }

    /// [`ConsumerRequest::read`] and [`ConsumerRequest::settle`].
    ///
    /// # Errors
    ///
    /// As both.
    pub fn parse(
        target: &ConsumerTarget<'_>,
        body: &[u8],
        strict: bool,
    ) -> Result<ConsumerRequest, ApiError> {
        ConsumerRequest::read(body, strict)?.settle(target)
    }
}
