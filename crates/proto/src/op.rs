/// One message as a client publishes it. Slices of the read buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// Where to; not validated.
    pub subject: &'a [u8],
    /// Where answers go; empty if none are wanted.
    pub reply: &'a [u8],
    /// The header block with its final empty line; empty if there is none.
    pub headers: &'a [u8],
    /// The body.
    pub payload: &'a [u8],
}

/// What a client says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientOp<'a> {
    /// `CONNECT {json}`: the raw argument.
    Connect(&'a [u8]),
    /// `PUB`, or `HPUB` if `with_headers`.
    Publish {
        /// The message.
        publish: Publish<'a>,
        /// Whether it came as `HPUB`, which needs to be agreed on, even with an empty block.
        with_headers: bool,
    },
    /// `SUB`.
    Subscribe {
        /// The filter; not validated.
        subject: &'a [u8],
        /// The queue group, if any.
        queue: Option<&'a [u8]>,
        /// The client's name for the subscription.
        sid: &'a [u8],
    },
    /// `UNSUB`.
    Unsubscribe {
        /// The client's name for the subscription.
        sid: &'a [u8],
        /// After how many messages since the subscription; none means now.
        max: Option<u64>,
    },
    /// `PING`.
    Ping,
    /// `PONG`.
    Pong,
    /// `+OK` or `INFO`, which a client has no reason to send: ignored.
    Ignored,
}
