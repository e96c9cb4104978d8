use super::*;
use tradewind_subject::Timestamp;

#[test]
fn a_message_is_selected_in_one_way() {
    let at = Timestamp(1_000_000_000);
    for (body, selector) in [
        (r#"{"seq":5}"#, MsgSelector::At(Start::Seq(5))),
        (r#"{"last_by_subj":"a"}"#, MsgSelector::Last { subject: "a" }),
        (r#"{"next_by_subj":"a"}"#, MsgSelector::Next { subject: "a", start: Start::Seq(0) }),
        (
            r#"{"seq":5,"next_by_subj":"a"}"#,
            MsgSelector::Next { subject: "a", start: Start::Seq(5) },
        ),
        (r#"{"start_time":"1970-01-01T00:00:01Z"}"#, MsgSelector::At(Start::Time(at))),
        (
            r#"{"start_time":"1970-01-01T00:00:01Z","next_by_subj":"a"}"#,
            MsgSelector::Next { subject: "a", start: Start::Time(at) },
        ),
    ] {
        let request = MsgGetRequest::parse(body.as_bytes(), true).unwrap();
        assert_eq!(request.selector(), Some(selector), "{body}");
        assert_eq!(MsgGetRequest::direct(body.as_bytes()), Ok(request), "{body}");
    }
}

#[test]
fn a_message_is_not_selected_in_two_ways() {
    for body in [
        "",
        "{}",
        "null",
        r#"{"seq":0}"#,
        r#"{"multi_last":["a"]}"#,
        r#"{"seq":1,"batch":2}"#,
        r#"{"seq":1,"max_bytes":2}"#,
        r#"{"seq":1,"last_by_subj":"a"}"#,
        r#"{"seq":1,"start_time":"1970-01-01T00:00:01Z"}"#,
        r#"{"last_by_subj":"a","start_time":"1970-01-01T00:00:01Z"}"#,
        r#"{"last_by_subj":"a","next_by_subj":"b"}"#,
    ] {
        let refused = MsgGetRequest::parse(body.as_bytes(), true);
        assert_eq!(refused, Err(ApiError::BAD_REQUEST), "{body}");
    }
}

#[test]
fn a_direct_get_is_refused_with_a_status() {
    use DirectGetRefusal::{BadRequest, EmptyRequest, MalformedRequest};
    for (body, refusal) in [
        ("", EmptyRequest),
        ("{}", EmptyRequest),
        ("x", MalformedRequest),
        (r#"{"seq":"1"}"#, MalformedRequest),
        (r#"{"seq":1,"last_by_subj":"a"}"#, BadRequest),
        (r#"{"last_by_subj":"a","batch":2}"#, BadRequest),
        (r#"{"next_by_subj":"a","multi_last":["b"]}"#, BadRequest),
        (r#"{"multi_last":["b"],"up_to_seq":1,"up_to_time":"1970-01-01T00:00:01Z"}"#, BadRequest),
    ] {
        assert_eq!(MsgGetRequest::direct(body.as_bytes()), Err(refusal), "{body}");
    }
    let batch = MsgGetRequest::direct(br#"{"seq":1,"batch":3,"max_bytes":9,"bogus":1}"#).unwrap();
    assert_eq!((batch.batch, batch.max_bytes), (3, 9));
    let multi = MsgGetRequest::direct(br#"{"multi_last":["a","b"],"up_to_seq":7}"#).unwrap();
    assert_eq!((multi.multi_last.len(), multi.up_to_seq, multi.selector()), (2, 7, None));
    for (body, is_fine) in
        [("", true), ("{}", true), (r#"{"no_hdr":true}"#, true), (r#"{"seq":1}"#, false)]
    {
        assert_eq!(MsgGetRequest::direct_last("a.b", body.as_bytes()).is_ok(), is_fine, "{body}");
    }
    let last = MsgGetRequest::direct_last("a.b", b"").unwrap();
    assert_eq!(last.selector(), Some(MsgSelector::Last { subject: "a.b" }));
}

#[test]
fn other_bodies_are_read() {
    let purge = PurgeRequest::parse(br#"{"seq":5,"filter":"a"}"#, true).unwrap();
    assert_eq!(purge, PurgeRequest { seq: 5, filter: Some("a".to_owned()), keep: 0 });
    assert_eq!(PurgeRequest::parse(b"anything", true), Ok(PurgeRequest::default()));
    assert_eq!(PurgeRequest::parse(br#"{"seq":5,"keep":1}"#, true), Err(ApiError::BAD_REQUEST));
    let delete = MsgDeleteRequest::parse(br#"{"seq":5,"no_erase":true}"#, true).unwrap();
    assert_eq!(delete, MsgDeleteRequest { seq: 5, no_erase: true });
    assert_eq!(MsgDeleteRequest::parse(b"{}", true), Err(ApiError::BAD_REQUEST));
    let list = ListRequest::parse(List::StreamNames, br#"{"offset":-5,"subject":"a"}"#, true);
    assert_eq!(list, Ok(ListRequest { offset: 0, subject: Some("a".to_owned()) }));
    assert_eq!(ListRequest::parse(List::Consumers, b"null", true), Ok(ListRequest::default()));
    let info = StreamInfoRequest::parse(br#"{"offset":-1,"deleted_details":true}"#, true).unwrap();
    assert_eq!((info.offset, info.deleted_details), (0, true));
    assert_eq!(expect_empty(b" {} "), Ok(()));
    assert_eq!(expect_empty(b"{\"a\":1}"), Err(ApiError::NOT_EMPTY_REQUEST));
    let error = ListRequest::parse(List::StreamInfos, b"[]", true).unwrap_err();
    let text = "json: cannot unmarshal array into Go value of type server.JSApiStreamListRequest";
    assert_eq!(error, ApiError::invalid_json(text));
}
