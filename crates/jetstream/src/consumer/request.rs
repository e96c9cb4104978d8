//! The body of a pull request.

use crate::api::json::{Decoder, FromJson, JsonError, from_json};

/// What a pull asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PullRequest {
    /// As it came; 0 and less mean one message, and are shown in statuses.
    pub(super) batch: i64,
    /// Nanoseconds; 0 is no expiry.
    pub(super) expires: i64,
    /// 0 or less is no limit.
    pub(super) max_bytes: i64,
    pub(super) no_wait: bool,
    /// Nanoseconds; 0 or less is none.
    pub(super) idle_heartbeat: i64,
}

impl FromJson for PullRequest {
    // Go's errors about these fields name no type.
    const GO_TYPE: &'static str = "";

    fn field(&mut self, key: &str, decoder: &mut Decoder<'_>) -> Result<bool, JsonError> {
        // Four of them matter to consumers with priority groups only; a wrong type is an error
        // anyway.
        let mut number = 0_i64;
        match key {
            "batch" => decoder.integer(&mut self.batch, "int")?,
            "expires" => decoder.duration(&mut self.expires)?,
            "max_bytes" => decoder.integer(&mut self.max_bytes, "int")?,
            "idle_heartbeat" => decoder.duration(&mut self.idle_heartbeat)?,
            "no_wait" => decoder.boolean(&mut self.no_wait)?,
            "group" | "id" => decoder.string(&mut String::new())?,
            "min_pending" | "min_ack_pending" => decoder.integer(&mut number, "int64")?,
            "priority" => decoder.integer(&mut number, "int")?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl PullRequest {
    /// Reads a body: nothing, a number or JSON; anything else asks for one message.
    ///
    /// # Errors
    ///
    /// What `400 Bad Request` says, in the words of Go's JSON reader.
    pub(super) fn parse(body: &[u8]) -> Result<PullRequest, String> {
        let body = body.trim_ascii();
        if !body.starts_with(b"{") {
            let number = str::from_utf8(body).ok().and_then(|text| text.parse().ok());
            return Ok(PullRequest { batch: number.unwrap_or(1), ..PullRequest::default() });
        }
        let request: PullRequest = from_json(body).map_err(|error| error.to_string())?;
        if 0 < request.idle_heartbeat && request.expires / 2 < request.idle_heartbeat {
            return Err("heartbeat value too large".to_owned());
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_nothing_a_number_or_json() {
        let none = PullRequest::default();
        let one = PullRequest { batch: 1, ..none.clone() };
        for (body, expected) in [
            ("", one.clone()),
            (" 10 ", PullRequest { batch: 10, ..none.clone() }),
            ("-3", PullRequest { batch: -3, ..none.clone() }),
            ("next please", one),
            ("{}", none.clone()),
            (r#"{"batch":0,"unknown":[1],"expires":null}"#, none.clone()),
            (
                r#"{"Batch":5,"no_wait":true}"#,
                PullRequest { batch: 5, no_wait: true, ..none.clone() },
            ),
            (
                r#"{"expires":10,"max_bytes":7,"idle_heartbeat":5,"group":"g","priority":3}"#,
                PullRequest { expires: 10, max_bytes: 7, idle_heartbeat: 5, ..none.clone() },
            ),
            (r#"{"expires":-5}"#, PullRequest { expires: -5, ..none }),
        ] {
            assert_eq!(PullRequest::parse(body.as_bytes()), Ok(expected), "{body}");
        }
    }

    #[test]
    fn a_bad_request_is_explained_as_go_does() {
        for (body, error) in [
            ("{", "unexpected end of JSON input"),
            (r#"{"batch":1}x"#, "invalid character 'x' after top-level value"),
            (r#"{"batch":x}"#, "invalid character 'x' looking for beginning of value"),
            (r#"{"batch" 1}"#, "invalid character '1' after object key"),
            (
                r#"{"batch":"x"}"#,
                "json: cannot unmarshal string into Go struct field .batch of type int",
            ),
            (
                r#"{"batch":1.5}"#,
                "json: cannot unmarshal number 1.5 into Go struct field .batch of type int",
            ),
            (r#"{"idle_heartbeat":1}"#, "heartbeat value too large"),
            (r#"{"idle_heartbeat":6,"expires":11}"#, "heartbeat value too large"),
        ] {
            assert_eq!(PullRequest::parse(body.as_bytes()), Err(error.to_owned()), "{body}");
        }
    }
}
