use proptest::prelude::*;

use super::text::unquote;
use super::*;
use crate::api::request::{ConsumerRequest, StreamRequest};

fn stream_error(body: &[u8]) -> String {
    from_request::<StreamRequest>(body, true).unwrap_err().0
}

/// All of it seen from nats-server 2.15.1.
#[test]
fn bad_json_is_refused_with_the_words_of_go() {
    for (body, error) in [
        (&b"{"[..], "unexpected EOF"),
        (b"[", "unexpected EOF"),
        (br#"{"a":tru"#, "unexpected EOF"),
        (br#"{"bogus":1,"x""#, "unexpected EOF"),
        (br#"{"name":"S"}{"name":"#, "unexpected EOF"),
        (br#"{"name":"S"} x"#, "invalid character 'x' looking for beginning of value at offset 14"),
        (br#"{"name":"S"}]"#, "invalid character ']' looking for beginning of value at offset 13"),
        (br#"{"name" "S"}"#, "invalid character '\"' after object key at offset 9"),
        (br#"{"a":1 "b"}"#, "invalid character '\"' after object key:value pair at offset 8"),
        (
            br#"{"a":1,}"#,
            "invalid character '}' looking for beginning of object key string at offset 8",
        ),
        (
            b"{'a':1}",
            r"invalid character '\'' looking for beginning of object key string at offset 2",
        ),
        (b"[1 2]", "invalid character '2' after array element at offset 4"),
        (b"[1,]", "invalid character ']' looking for beginning of value at offset 4"),
        (br#"{"a":nul}"#, "invalid character '}' in literal null (expecting 'l') at offset 9"),
        (br#"{"a":01}"#, "invalid character '1' after object key:value pair at offset 7"),
        (br#"{"a":-}"#, "invalid character '}' in numeric literal at offset 7"),
        (br#"{"a":1.}"#, "invalid character '}' in numeric literal at offset 8"),
        (b"{\"a\":\"\x01\"}", r"invalid character '\x01' in string at offset 7"),
        (b"{\"a\":\xff}", r"invalid character '\xff' looking for beginning of value at offset 6"),
        (
            b"\xef\xbb\xbf{}",
            r"invalid character '\ufeff' looking for beginning of value at offset 3",
        ),
        (br#"{"a":"\x"}"#, r"invalid escape sequence `\x` in string at offset 8"),
        (br#"{"a":"\u12x"}"#, "invalid escape sequence `\\u12x\"` in string at offset 12"),
        (br#"{"a":"\`"}"#, r#"invalid escape sequence "\\`" in string at offset 8"#),
    ] {
        assert_eq!(stream_error(body), error, "{}", String::from_utf8_lossy(body));
    }
    let deep = "[".repeat(20_000);
    assert_eq!(stream_error(deep.as_bytes()), "exceeded max depth at offset 10001");
}

/// All of it seen from nats-server 2.15.1.
#[test]
fn a_wrong_value_is_refused_with_the_words_of_go() {
    for (body, error) in [
        (r#"{"bogus":1,"retention":"x"}"#, r#"json: unknown field "bogus""#),
        (r#"{"a\u0062":1}"#, r#"json: unknown field "ab""#),
        (r#"{"sources":[{"name":"a","bogus":1}]}"#, r#"json: unknown field "bogus""#),
        ("[1]", "json: cannot unmarshal array into Go value of type server.StreamConfigRequest"),
        ("5", "json: cannot unmarshal number into Go value of type server.StreamConfigRequest"),
        (
            r#"{"num_replicas":"x","bogus":1}"#,
            "json: cannot unmarshal string into Go struct field StreamConfigRequest.num_replicas of type int",
        ),
        (
            r#"{"max_age":1.5}"#,
            "json: cannot unmarshal number 1.5 into Go struct field StreamConfigRequest.max_age of type time.Duration",
        ),
        (
            r#"{"max_msg_size":99999999999}"#,
            "json: cannot unmarshal number 99999999999 into Go struct field StreamConfigRequest.max_msg_size of type int32",
        ),
        (
            r#"{"first_seq":-0}"#,
            "json: cannot unmarshal number -0 into Go struct field StreamConfigRequest.first_seq of type uint64",
        ),
        (
            r#"{"subjects":"x"}"#,
            "json: cannot unmarshal string into Go struct field StreamConfigRequest.subjects of type []string",
        ),
        (
            r#"{"subjects":[1]}"#,
            "json: cannot unmarshal number into StreamConfigRequest.subjects.0 of type string",
        ),
        (
            r#"{"metadata":{"a":1}}"#,
            "json: cannot unmarshal number into Go struct field StreamConfigRequest.metadata.a of type string",
        ),
        (
            r#"{"mirror":{"external":{"api":5}}}"#,
            "json: cannot unmarshal number into Go struct field StreamConfigRequest.mirror.external.api of type string",
        ),
        (r#"{"retention":null}"#, r#"can not unmarshal "null""#),
        (r#"{"retention":["a", 1]}"#, r#"can not unmarshal "[\"a\", 1]""#),
        (r#"{"storage":"x"}"#, r#"can not unmarshal "\"x\"""#),
        (r#"{"compression":"zip"}"#, "unknown compression algorithm"),
        (r#"{"compression":1}"#, "json: cannot unmarshal number into Go value of type string"),
        (
            r#"{"sources":[{"opt_start_time":"x"}]}"#,
            r#"parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006""#,
        ),
    ] {
        assert_eq!(stream_error(body.as_bytes()), error, "{body}");
    }
    for (body, error) in [
        (r#"{"action":"x"}"#, r#"unknown consumer action: "x""#),
        (r#"{"config":{"priority_policy":"x"}}"#, r#"unknown priority policy: "x""#),
        (
            r#"{"config":{"backoff":["x"]}}"#,
            "json: cannot unmarshal string into CreateConsumerRequest.config.backoff.0 of type time.Duration",
        ),
        (
            r#"{"config":{"opt_start_time":5}}"#,
            "json: cannot unmarshal number into Go struct field CreateConsumerRequest.config.opt_start_time of type time.Time",
        ),
    ] {
        let read = from_request::<ConsumerRequest>(body.as_bytes(), true);
        assert_eq!(read.unwrap_err().0, error, "{body}");
    }
}

#[test]
fn reading_is_as_lenient_as_go() {
    for (body, description) in [
        (&br#"{"DESCRIPTION":"a"}"#[..], "a"),
        ("{\"de\u{17f}cription\":\"a\"}".as_bytes(), "a"),
        (br#"{"description":"a","description":"b"}"#, "b"),
        (br#"{"description":"a"} {"description":"b"}"#, "b"),
        (br#"{"description":"a"} null "#, "a"),
        (br#"{"description":"\ud83d\ude00\ud800\u0041\/"}"#, "\u{1f600}\u{fffd}A/"),
        (b"{\"description\":\"\xff\xfe\"}", "\u{fffd}\u{fffd}"),
    ] {
        let read: StreamRequest = from_request(body, true).unwrap();
        assert_eq!(read.config.description.as_deref(), Some(description));
    }
    for body in
        ["", "  ", "null", "{}", r#"{"name":null,"subjects":null,"mirror":null,"max_age":null}"#]
    {
        assert_eq!(from_request(body.as_bytes(), true), Ok(StreamRequest::default()), "{body}");
    }
}

#[test]
fn a_lenient_server_ignores_unknown_keys() {
    let read: StreamRequest = from_request(br#"{"name":"S","bogus":[{}]}"#, false).unwrap();
    assert_eq!(read.config.name, "S");
    let error = from_request::<StreamRequest>(br#"{"name":"S"} x"#, false).unwrap_err();
    assert_eq!(error.0, "invalid character 'x' after top-level value");
}

#[test]
fn only_an_empty_object_is_empty() {
    for (body, is_empty) in [
        ("", true),
        ("{}", true),
        (" { } ", true),
        ("null", false),
        (" ", false),
        ("[]", false),
        ("{", false),
        ("{}{}", false),
    ] {
        assert_eq!(is_empty_object(body.as_bytes()), is_empty, "{body:?}");
    }
}

proptest! {
    #[test]
    fn any_text_survives_writing_and_reading(text: String) {
        let bytes = to_json(&text);
        prop_assert_eq!(scan_value(&bytes, 0), Ok(bytes.len()));
        prop_assert_eq!(unquote(&bytes), text);
    }

    #[test]
    fn scanning_agrees_with_serde_json(text in r#"([{}\[\],:" 0-9.eE+-]|"a"|null|true){0,12}"#) {
        let ours = from_json::<StreamRequest>(text.as_bytes()).map_err(|error| error.0);
        let is_syntax = ours.err().is_some_and(|error| !error.starts_with("json: "));
        prop_assert_eq!(is_syntax, serde_json::from_str::<serde::de::IgnoredAny>(&text).is_err());
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
        let _ = from_request::<StreamRequest>(&bytes, true);
        let _ = from_request::<StreamRequest>(&bytes, false);
    }
}
