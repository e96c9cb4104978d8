//! Requests and answers of the JetStream API.
//!
//! A call is a subject ([`subject::ApiCall`]) and a JSON body ([`request`]); the answer is JSON
//! too ([`response`]). Bodies, defaults, limits and errors are those of nats-server.

pub mod config;
pub mod error;
#[rustfmt::skip]
mod error_codes;
pub mod json;
pub mod request;
pub mod response;
pub mod subject;
pub mod time;
pub mod validate;
