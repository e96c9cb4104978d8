//! The NATS client protocol, sans-IO: bytes in, operations out, and back.
//!
//! [`Decoder`] turns what a client sent into [`ClientOp`]s that borrow from the read buffer;
//! [`encode`] appends what the server says to a buffer; [`Headers`] reads a header block. There is
//! no socket, no clock and no state beyond the limits: whatever way the input is split, the same
//! operations come out.
//!
//! Source: nats-server 2.15's parser and the client protocol reference.

mod connect;
mod decode;
pub mod encode;
mod headers;
mod info;
mod op;

pub use connect::{Connect, ConnectError};
pub use decode::{DecodeError, Decoder, Step};
pub use headers::{EMPTY_HEADERS, HEADER_LINE, Headers, without};
pub use info::Info;
pub use op::{ClientOp, Publish};
