use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u64,
    lines: Vec<Line>,
    note: Option<String>,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    article: String,
    count: i32,
    blob: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    New,
    Change { of: u64 },
    Gone(String),
}

const FORMATS: [Format; 2] = [Format::Json, Format::MessagePack];

/// As a bus has them: a publish for all that can be encoded, a handler for all that can be decoded.
fn publish<T: Encode + ?Sized>(value: &T, format: Format) -> Encoded {
    value.encode(format).unwrap()
}

fn handle<T: Decode, R>(message: Encoded, handler: impl Fn(T) -> R) -> R {
    handler(T::decode(message.format, message.body).unwrap())
}

/// Rows: S2-12.
#[test]
fn s2_12_a_dict_is_published_as_json() {
    let message = publish(&serde_json::json!({"value": "Hello, World!"}), Format::default());

    assert_eq!(message.body, r#"{"value":"Hello, World!"}"#);
    assert_eq!(message.format.unwrap().content_type(), "application/json");
}

#[test]
fn typed_and_raw_handlers_need_no_annotation() {
    let line = Line { article: "rope".to_owned(), count: 3, blob: vec![1] };

    for format in FORMATS {
        let message = publish(&line, format);
        handle(message.clone(), |got: Line| assert_eq!(got, line));
        handle(message.clone(), |got: Raw| assert_eq!(got.0, message.body));
    }
    for raw in [
        Raw::from("as it is"),
        Raw::from("as it is".to_owned()),
        Raw::from(b"as it is".to_vec()),
        Raw::from(b"as it is"),
        Raw::from(Bytes::from_static(b"as it is")),
    ] {
        let message = publish(&raw, Format::Json);
        assert_eq!(message, Encoded { body: Bytes::from_static(b"as it is"), format: None });
        assert_eq!(publish(&&raw, Format::Json), message);
        handle(message, |got: Raw| assert_eq!(got.as_str(), Ok("as it is")));
    }
}

#[test]
fn a_raw_body_is_not_copied() {
    let body = Bytes::from(vec![7; 1000]);

    let message = publish(&Raw(body.clone()), Format::MessagePack);
    let Raw(got) = Raw::decode(None, message.body).unwrap();

    assert_eq!(got.as_ptr(), body.as_ptr());
}

#[test]
fn unsized_values_and_references_are_published() {
    assert_eq!(publish("text", Format::Json).body, "\"text\"");
    assert_eq!(publish(&[1, 2][..], Format::Json).body, "[1,2]");
    assert_eq!(publish(&&"text", Format::Json).body, "\"text\"");
}

#[test]
fn a_body_without_content_type_is_read_as_json() {
    assert_eq!(u8::decode(None, Bytes::from_static(b"17")), Ok(17));
}

#[test]
fn content_types_are_told_whatever_their_case_and_parameters() {
    for (text, format) in [
        ("application/json", Some(Format::Json)),
        ("application/json; charset=utf-8", Some(Format::Json)),
        (" Application/JSON ;charset=utf-8;x=y", Some(Format::Json)),
        ("application/msgpack", Some(Format::MessagePack)),
        ("application/x-msgpack", Some(Format::MessagePack)),
        ("application/vnd.msgpack", Some(Format::MessagePack)),
        ("application/jsonp", None),
        ("text/plain; application/json", None),
        ("", None),
        (";", None),
    ] {
        assert_eq!(Format::of_content_type(text), format, "{text}");
    }
    for format in FORMATS {
        assert_eq!(Format::of_content_type(format.content_type()), Some(format));
    }
}

#[test]
fn an_error_names_type_format_and_position() {
    let error =
        Format::Json.decode::<Line>(b"{\"article\":\"rope\",\n \"count\":true}").unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("no tradewind_bus::codec::tests::Line can be read"), "{text}");
    assert!(text.contains("from this JSON, at line 2 column 13: invalid type: boolean"), "{text}");
    assert_eq!(text.matches("column").count(), 1, "{text}");

    // {"article": "rope", "count": true}
    let body = b"\x82\xa7article\xa4rope\xa5count\xc3";
    let text = Format::MessagePack.decode::<Line>(body).unwrap_err().to_string();
    assert!(text.contains("Line can be read from this MessagePack, at byte 21: "), "{text}");

    let map = BTreeMap::from([((1, 2), 3)]);
    let text = Format::Json.encode(&map).unwrap_err().to_string();
    assert!(text.contains("BTreeMap") && text.contains("can't be written as JSON: key"), "{text}");
}

#[test]
fn what_follows_the_value_is_refused() {
    let json = Format::Json.decode::<u8>(b"1 2").unwrap_err().to_string();
    assert!(json.contains("line 1 column 3: trailing characters"), "{json}");

    let pack = Format::MessagePack.decode::<u8>(b"\x01\x02").unwrap_err().to_string();
    assert!(pack.contains("at byte 1: 1 bytes after the value"), "{pack}");

    for format in FORMATS {
        assert!(format.decode::<u8>(b"").is_err());
    }
}

#[test]
fn deep_nesting_is_refused_before_it_overflows_the_stack() {
    assert!(Format::Json.decode::<serde_json::Value>(&b"[".repeat(1_000_000)).is_err());
    assert!(Format::MessagePack.decode::<serde_json::Value>(&b"\x91".repeat(1_000_000)).is_err());
}

fn order() -> impl Strategy<Value = Order> {
    let line = (".{0,8}", any::<i32>(), proptest::collection::vec(any::<u8>(), 0..9))
        .prop_map(|(article, count, blob)| Line { article, count, blob });
    let kind = prop_oneof![
        Just(Kind::New),
        any::<u64>().prop_map(|of| Kind::Change { of }),
        ".{0,8}".prop_map(Kind::Gone),
    ];
    (any::<u64>(), proptest::collection::vec(line, 0..4), proptest::option::of(".*"), kind)
        .prop_map(|(id, lines, note, kind)| Order { id, lines, note, kind })
}

proptest! {
    /// Rows: S2-12.
    #[test]
    fn s2_12_every_value_comes_back(order in order()) {
        for format in FORMATS {
            let message = publish(&order, format);
            handle(message, |got: Order| assert_eq!(got, order));
        }
    }

    #[test]
    fn a_corrupt_body_never_panics(
        order in order(), cut in any::<prop::sample::Index>(), bits in 1u8..
    ) {
        for format in FORMATS {
            let mut body = format.encode(&order).unwrap().to_vec();
            let place = cut.index(body.len());
            prop_assert!(format.decode::<Order>(&body[..place]).is_err());
            body[place] ^= bits;
            drop(format.decode::<Order>(&body));
        }
    }

    #[test]
    fn any_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..64)) {
        for format in FORMATS {
            drop(format.decode::<Order>(&body));
            drop(format.decode::<serde_json::Value>(&body));
        }
    }
}
