//! Subjects of the JetStream API.

use smallvec::SmallVec;

/// A call of the API, from its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiCall<'a> {
    /// `INFO`
    AccountInfo,
    /// `STREAM.CREATE.<stream>`
    StreamCreate(&'a str),
    /// `STREAM.UPDATE.<stream>`
    StreamUpdate(&'a str),
    /// `STREAM.NAMES`
    StreamNames,
    /// `STREAM.LIST`
    StreamList,
    /// `STREAM.INFO.<stream>`
    StreamInfo(&'a str),
    /// `STREAM.DELETE.<stream>`
    StreamDelete(&'a str),
    /// `STREAM.PURGE.<stream>`
    StreamPurge(&'a str),
    /// `STREAM.SNAPSHOT.<stream>`
    StreamSnapshot(&'a str),
    /// `STREAM.RESTORE.<stream>`
    StreamRestore(&'a str),
    /// `STREAM.MSG.GET.<stream>`
    MsgGet(&'a str),
    /// `STREAM.MSG.DELETE.<stream>`
    MsgDelete(&'a str),
    /// `CONSUMER.CREATE.…` and `CONSUMER.DURABLE.CREATE.…`
    ConsumerCreate(ConsumerTarget<'a>),
    /// `CONSUMER.NAMES.<stream>`
    ConsumerNames(&'a str),
    /// `CONSUMER.LIST.<stream>`
    ConsumerList(&'a str),
    /// `CONSUMER.INFO.<stream>.<consumer>`
    ConsumerInfo(ConsumerRef<'a>),
    /// `CONSUMER.DELETE.<stream>.<consumer>`
    ConsumerDelete(ConsumerRef<'a>),
    /// `CONSUMER.PAUSE.<stream>.<consumer>`
    ConsumerPause(ConsumerRef<'a>),
    /// `CONSUMER.UNPIN.<stream>.<consumer>`
    ConsumerUnpin(ConsumerRef<'a>),
    /// `CONSUMER.RESET.<stream>.<consumer>`
    ConsumerReset(ConsumerRef<'a>),
    /// `CONSUMER.MSG.NEXT.<stream>.<consumer>`: a pull, not answered with JSON.
    MsgNext(ConsumerRef<'a>),
    /// `DIRECT.GET.<stream>`: not answered with JSON.
    DirectGet(&'a str),
    /// `DIRECT.GET.<stream>.<subject>`: not answered with JSON.
    DirectGetLast {
        /// The stream.
        stream: &'a str,
        /// A filter.
        subject: &'a str,
    },
    /// A call that only a cluster serves; answered with
    /// [`super::error::ApiError::CLUSTER_REQUIRED`].
    ClusterOnly(ClusterCall),
}

/// Names of a stream and one of its consumers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerRef<'a> {
    /// The stream.
    pub stream: &'a str,
    /// The consumer.
    pub consumer: &'a str,
}

/// What a subject says about a consumer to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsumerTarget<'a> {
    /// `CONSUMER.CREATE.<stream>`
    Unnamed {
        /// The stream.
        stream: &'a str,
    },
    /// `CONSUMER.CREATE.<stream>.<name>[.<filter>]`
    Named {
        /// The stream.
        stream: &'a str,
        /// The name.
        name: &'a str,
        /// The filter.
        filter: Option<&'a str>,
    },
    /// `CONSUMER.DURABLE.CREATE.<stream>.<name>`
    Durable {
        /// The stream.
        stream: &'a str,
        /// The name.
        name: &'a str,
    },
}

/// Calls that only a cluster serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterCall {
    /// `STREAM.LEADER.STEPDOWN.<stream>`
    StreamStepdown,
    /// `STREAM.PEER.REMOVE.<stream>`
    StreamRemovePeer,
    /// `STREAM.PEER.EVACUATE.<stream>`
    StreamEvacuatePeer,
    /// `STREAM.CANCEL_MOVE.<stream>`
    StreamCancelMove,
    /// `CONSUMER.LEADER.STEPDOWN.<stream>.<consumer>`
    ConsumerStepdown,
    /// `CONSUMER.PEER.REMOVE.<stream>.<consumer>`
    ConsumerRemovePeer,
    /// `CONSUMER.PEER.EVACUATE.<stream>.<consumer>`
    ConsumerEvacuatePeer,
}

impl<'a> ApiCall<'a> {
    /// Parses what follows `$JS.API.`; `None` is no call at all and gets no answer, not even an
    /// error.
    pub fn parse(subject: &'a [u8]) -> Option<ApiCall<'a>> {
        let subject = std::str::from_utf8(subject).ok()?;
        let parts: SmallVec<[&str; 8]> = subject.split('.').collect();
        if parts.iter().any(|part| part.is_empty()) {
            return None;
        }
        match *parts.as_slice() {
            ["INFO"] => Some(ApiCall::AccountInfo),
            ["STREAM", ref rest @ ..] => parse_stream(rest),
            ["CONSUMER", "CREATE", stream] => {
                Some(ApiCall::ConsumerCreate(ConsumerTarget::Unnamed { stream }))
            }
            ["CONSUMER", "CREATE", stream, name, ref rest @ ..] => {
                let filter = (!rest.is_empty()).then(|| after(subject, 4));
                Some(ApiCall::ConsumerCreate(ConsumerTarget::Named { stream, name, filter }))
            }
            ["CONSUMER", "DURABLE", "CREATE", stream, name] => {
                Some(ApiCall::ConsumerCreate(ConsumerTarget::Durable { stream, name }))
            }
            ["CONSUMER", ref rest @ ..] => parse_consumer(rest),
            ["DIRECT", "GET", stream] => Some(ApiCall::DirectGet(stream)),
            ["DIRECT", "GET", stream, _, ..] => {
                Some(ApiCall::DirectGetLast { stream, subject: after(subject, 3) })
            }
            _ => None,
        }
    }

    /// The `type` of the answer; empty for calls that are not answered with JSON.
    pub const fn response_type(&self) -> &'static str {
        match self {
            ApiCall::AccountInfo => "io.nats.jetstream.api.v1.account_info_response",
            ApiCall::StreamCreate(_) => "io.nats.jetstream.api.v1.stream_create_response",
            ApiCall::StreamUpdate(_) => "io.nats.jetstream.api.v1.stream_update_response",
            ApiCall::StreamNames => "io.nats.jetstream.api.v1.stream_names_response",
            ApiCall::StreamList => "io.nats.jetstream.api.v1.stream_list_response",
            ApiCall::StreamInfo(_) => "io.nats.jetstream.api.v1.stream_info_response",
            ApiCall::StreamDelete(_) => "io.nats.jetstream.api.v1.stream_delete_response",
            ApiCall::StreamPurge(_) => "io.nats.jetstream.api.v1.stream_purge_response",
            ApiCall::StreamSnapshot(_) => "io.nats.jetstream.api.v1.stream_snapshot_response",
            ApiCall::StreamRestore(_) => "io.nats.jetstream.api.v1.stream_restore_response",
            ApiCall::MsgGet(_) => "io.nats.jetstream.api.v1.stream_msg_get_response",
            ApiCall::MsgDelete(_) => "io.nats.jetstream.api.v1.stream_msg_delete_response",
            ApiCall::ConsumerCreate(_) => "io.nats.jetstream.api.v1.consumer_create_response",
            ApiCall::ConsumerNames(_) => "io.nats.jetstream.api.v1.consumer_names_response",
            ApiCall::ConsumerList(_) => "io.nats.jetstream.api.v1.consumer_list_response",
            ApiCall::ConsumerInfo(_) => "io.nats.jetstream.api.v1.consumer_info_response",
            ApiCall::ConsumerDelete(_) => "io.nats.jetstream.api.v1.consumer_delete_response",
            ApiCall::ConsumerPause(_) => "io.nats.jetstream.api.v1.consumer_pause_response",
            ApiCall::ConsumerUnpin(_) => "io.nats.jetstream.api.v1.consumer_unpin_response",
            ApiCall::ConsumerReset(_) => "io.nats.jetstream.api.v1.consumer_reset_response",
            ApiCall::MsgNext(_) | ApiCall::DirectGet(_) | ApiCall::DirectGetLast { .. } => "",
            ApiCall::ClusterOnly(call) => call.response_type(),
        }
    }
}

impl<'a> ConsumerTarget<'a> {
    /// The stream.
    pub const fn stream(&self) -> &'a str {
        match self {
            ConsumerTarget::Unnamed { stream }
            | ConsumerTarget::Named { stream, .. }
            | ConsumerTarget::Durable { stream, .. } => stream,
        }
    }

    /// The name, unless the body has it or the server chooses it.
    pub const fn name(&self) -> Option<&'a str> {
        match self {
            ConsumerTarget::Unnamed { .. } => None,
            ConsumerTarget::Named { name, .. } | ConsumerTarget::Durable { name, .. } => Some(name),
        }
    }
}

impl ClusterCall {
    /// The `type` of the answer.
    pub const fn response_type(self) -> &'static str {
        match self {
            ClusterCall::StreamStepdown => {
                "io.nats.jetstream.api.v1.stream_leader_stepdown_response"
            }
            ClusterCall::StreamRemovePeer => "io.nats.jetstream.api.v1.stream_remove_peer_response",
            ClusterCall::StreamEvacuatePeer => {
                "io.nats.jetstream.api.v1.stream_evacuate_peer_response"
            }
            ClusterCall::StreamCancelMove => "io.nats.jetstream.api.v1.stream_cancel_move_response",
            ClusterCall::ConsumerStepdown => {
                "io.nats.jetstream.api.v1.consumer_leader_stepdown_response"
            }
            ClusterCall::ConsumerRemovePeer => {
                "io.nats.jetstream.api.v1.consumer_remove_peer_response"
            }
            ClusterCall::ConsumerEvacuatePeer => {
                "io.nats.jetstream.api.v1.consumer_evacuate_peer_response"
            }
        }
    }
}

fn parse_stream<'a>(rest: &[&'a str]) -> Option<ApiCall<'a>> {
    Some(match *rest {
        ["NAMES"] => ApiCall::StreamNames,
        ["LIST"] => ApiCall::StreamList,
        ["CREATE", stream] => ApiCall::StreamCreate(stream),
        ["UPDATE", stream] => ApiCall::StreamUpdate(stream),
        ["INFO", stream] => ApiCall::StreamInfo(stream),
        ["DELETE", stream] => ApiCall::StreamDelete(stream),
        ["PURGE", stream] => ApiCall::StreamPurge(stream),
        ["SNAPSHOT", stream] => ApiCall::StreamSnapshot(stream),
        ["RESTORE", stream] => ApiCall::StreamRestore(stream),
        ["MSG", "GET", stream] => ApiCall::MsgGet(stream),
        ["MSG", "DELETE", stream] => ApiCall::MsgDelete(stream),
        ["LEADER", "STEPDOWN", _] => ApiCall::ClusterOnly(ClusterCall::StreamStepdown),
        ["PEER", "REMOVE", _] => ApiCall::ClusterOnly(ClusterCall::StreamRemovePeer),
        ["PEER", "EVACUATE", _] => ApiCall::ClusterOnly(ClusterCall::StreamEvacuatePeer),
        ["CANCEL_MOVE", _] => ApiCall::ClusterOnly(ClusterCall::StreamCancelMove),
        _ => return None,
    })
}

fn parse_consumer<'a>(rest: &[&'a str]) -> Option<ApiCall<'a>> {
    Some(match *rest {
        ["NAMES", stream] => ApiCall::ConsumerNames(stream),
        ["LIST", stream] => ApiCall::ConsumerList(stream),
        ["INFO", stream, consumer] => ApiCall::ConsumerInfo(ConsumerRef { stream, consumer }),
        ["DELETE", stream, consumer] => ApiCall::ConsumerDelete(ConsumerRef { stream, consumer }),
        ["PAUSE", stream, consumer] => ApiCall::ConsumerPause(ConsumerRef { stream, consumer }),
        ["UNPIN", stream, consumer] => ApiCall::ConsumerUnpin(ConsumerRef { stream, consumer }),
        ["RESET", stream, consumer] => ApiCall::ConsumerReset(ConsumerRef { stream, consumer }),
        ["MSG", "NEXT", stream, consumer] => ApiCall::MsgNext(ConsumerRef { stream, consumer }),
        ["LEADER", "STEPDOWN", _, _] => ApiCall::ClusterOnly(ClusterCall::ConsumerStepdown),
        ["PEER", "REMOVE", _, _] => ApiCall::ClusterOnly(ClusterCall::ConsumerRemovePeer),
        ["PEER", "EVACUATE", _, _] => ApiCall::ClusterOnly(ClusterCall::ConsumerEvacuatePeer),
        _ => return None,
    })
}

/// What follows the first `n` tokens and their dots.
fn after(subject: &str, n: usize) -> &str {
    subject.splitn(n + 1, '.').last().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_known_by_its_subject() {
        let consumer = ConsumerRef { stream: "S", consumer: "C" };
        for (subject, call) in [
            ("INFO", Some(ApiCall::AccountInfo)),
            ("STREAM.CREATE.S", Some(ApiCall::StreamCreate("S"))),
            ("STREAM.NAMES", Some(ApiCall::StreamNames)),
            ("STREAM.MSG.GET.S", Some(ApiCall::MsgGet("S"))),
            ("STREAM.LEADER.STEPDOWN.S", Some(ApiCall::ClusterOnly(ClusterCall::StreamStepdown))),
            ("CONSUMER.INFO.S.C", Some(ApiCall::ConsumerInfo(consumer))),
            ("CONSUMER.MSG.NEXT.S.C", Some(ApiCall::MsgNext(consumer))),
            ("DIRECT.GET.S", Some(ApiCall::DirectGet("S"))),
            (
                "DIRECT.GET.S.$KV.B.k",
                Some(ApiCall::DirectGetLast { stream: "S", subject: "$KV.B.k" }),
            ),
            (
                "CONSUMER.CREATE.S",
                Some(ApiCall::ConsumerCreate(ConsumerTarget::Unnamed { stream: "S" })),
            ),
            (
                "CONSUMER.CREATE.S.C",
                Some(ApiCall::ConsumerCreate(ConsumerTarget::Named {
                    stream: "S",
                    name: "C",
                    filter: None,
                })),
            ),
            (
                "CONSUMER.CREATE.S.C.a.*.>",
                Some(ApiCall::ConsumerCreate(ConsumerTarget::Named {
                    stream: "S",
                    name: "C",
                    filter: Some("a.*.>"),
                })),
            ),
            (
                "CONSUMER.DURABLE.CREATE.S.C",
                Some(ApiCall::ConsumerCreate(ConsumerTarget::Durable { stream: "S", name: "C" })),
            ),
        ] {
            assert_eq!(ApiCall::parse(subject.as_bytes()), call, "{subject}");
        }
    }

    #[test]
    fn anything_else_is_no_call() {
        for subject in [
            "",
            "FOO",
            "STREAM",
            "STREAM.FOO",
            "STREAM.NAMES.S",
            "STREAM.INFO",
            "STREAM.INFO.S.T",
            "STREAM.INFO.",
            "STREAM.TEMPLATE.CREATE.T",
            "CONSUMER.INFO.S",
            "CONSUMER.INFO.S.C.D",
            "CONSUMER.DURABLE.CREATE.S",
            "META.LEADER.STEPDOWN",
            "ACCOUNT.PURGE.A",
        ] {
            assert_eq!(ApiCall::parse(subject.as_bytes()), None, "{subject}");
        }
    }
}
