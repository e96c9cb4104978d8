//! Errors of the JetStream API: one table, `api_errors.json`, for the code and the words.

use std::borrow::Cow;

use serde::Serialize;

/// What a client is told when a request or a publish is refused.
///
/// Clients match on `err_code`; the constants and functions for every code are generated from
/// `api_errors.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{description} ({err_code})")]
pub struct ApiError {
    /// What kind of failure, like an HTTP status.
    pub code: u16,
    /// Which failure, 10002 and up.
    pub err_code: u16,
    /// For people; may be empty.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub description: Cow<'static, str>,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorRow {
    /// As [`ApiError::err_code`].
    pub err_code: u16,
    /// As [`ApiError::code`].
    pub code: u16,
    /// The name of the constant or function, in lower case.
    pub name: &'static str,
    /// The words, with placeholders in braces.
    pub text: &'static str,
}

impl ApiError {
    pub(super) const fn fixed(code: u16, err_code: u16, text: &'static str) -> ApiError {
        ApiError { code, err_code, description: Cow::Borrowed(text) }
    }

    pub(super) const fn filled(code: u16, err_code: u16, text: String) -> ApiError {
        ApiError { code, err_code, description: Cow::Owned(text) }
    }
}

pub use super::error_codes::ERROR_ROWS;

#[cfg(test)]
mod tests;
