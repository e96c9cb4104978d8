use proptest::prelude::*;

use super::*;

const DECODER: Decoder = Decoder { max_control_line: 64, max_payload: 100, connect_first: false };

/// All operations of `input`, printed, with what ended the reading.
fn read_all(decoder: Decoder, input: &[u8]) -> Vec<String> {
    read_split(decoder, &[input])
}

/// The same, with the bytes arriving in `pieces`.
fn read_split(decoder: Decoder, pieces: &[&[u8]]) -> Vec<String> {
    let mut seen = Vec::new();
    let mut buffer = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match decoder.decode(&buffer) {
                Ok(Step::Op { op, len }) => {
                    seen.push(show(&op));
                    buffer.drain(..len);
                }
                Ok(Step::Incomplete { missing }) => {
                    assert!(0 < missing);
                    break;
                }
                Err(error) => {
                    seen.push(error.to_string());
                    return seen;
                }
            }
        }
    }
    seen
}

fn show(op: &ClientOp<'_>) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match op {
        ClientOp::Connect(json) => format!("connect {}", text(json)),
        ClientOp::Publish { publish, with_headers } => format!(
            "pub {} reply={} hdr={}:{} payload={}",
            text(publish.subject),
            text(publish.reply),
            with_headers,
            text(publish.headers).escape_debug(),
            text(publish.payload)
        ),
        ClientOp::Subscribe { subject, queue, sid } => {
            format!("sub {} {:?} {}", text(subject), queue.map(text), text(sid))
        }
        ClientOp::Unsubscribe { sid, max } => format!("unsub {} {max:?}", text(sid)),
        ClientOp::Ping => "ping".to_owned(),
        ClientOp::Pong => "pong".to_owned(),
        ClientOp::Ignored => "ignored".to_owned(),
    }
}

#[track_caller]
fn check(input: &str, expected: &[&str]) {
    assert_eq!(read_all(DECODER, input.as_bytes()), expected, "{input:?}");
}

#[test]
fn each_verb_is_read_whatever_its_case_and_blanks() {
    check("PUB a 2\r\nhi\r\n", &["pub a reply= hdr=false: payload=hi"]);
    check("pub\ta \t b  2 \r\nhi\r\n", &["pub a reply=b hdr=false: payload=hi"]);
    check("PUB a 0\r\n\r\nPING\r\n", &["pub a reply= hdr=false: payload=", "ping"]);
    check("Hpub a 3 5\r\nHHHhi\r\n", &["pub a reply= hdr=true:HHH payload=hi"]);
    check("HPUB a b 0 2\r\nhi\r\n", &["pub a reply=b hdr=true: payload=hi"]);
    check("SUB a 1\r\nsub a.* q 2\n", &["sub a None 1", "sub a.* Some(\"q\") 2"]);
    check(
        "UNSUB 1\r\nUNSUB 1 5\r\nUNSUB 1 0\r\nUNSUB 1 x\r\n",
        &["unsub 1 None", "unsub 1 Some(5)", "unsub 1 None", "unsub 1 None"],
    );
    check("ping with more\r\nPONG\n", &["ping", "pong"]);
    check("CONNECT {\"a\":1}\r\nCONNECT{}\r\n", &["connect {\"a\":1}", "connect {}"]);
    check("+OK\r\nINFO {}\r\n", &["ignored", "ignored"]);
}

#[test]
fn a_verb_without_arguments_or_an_unknown_one_is_an_unknown_operation() {
    for input in
        ["PUB\r\n", "SUB\r\n", "UNSUB\r\n", "\r\n", "FOO\r\n", "X", "MSG a 1 2\r\n", "A+ a\r\n"]
    {
        check(input, &["unknown protocol operation"]);
    }
    check("PUB a 2\r\nhello\r\n", &["unknown protocol operation"]);
    check("PUB a 2\r\nhiX", &["unknown protocol operation"]);
}

#[test]
fn malformed_arguments_are_told_from_unknown_operations() {
    for input in [
        "PUB a\r\n",
        "PUB a b c 2\r\n",
        "PUB a -1\r\n",
        "PUB a x\r\n",
        "PUB a 1234567890\r\n",
        "PUB \r\n",
    ] {
        check(input, &["malformed arguments of PUB"]);
    }
    check("HPUB a 5 3\r\n", &["malformed arguments of HPUB"]);
    check("HPUB a 5\r\n", &["malformed arguments of HPUB"]);
    check("SUB a\r\n", &["malformed arguments of SUB"]);
    check("SUB a b c d\r\n", &["malformed arguments of SUB"]);
    check("UNSUB  \r\n", &["malformed arguments of UNSUB"]);
    check("-ERR 'x'\r\n", &["client reported an error"]);
}

#[test]
fn limits_hold_also_before_the_newline_has_come() {
    let argument = format!("SUB {} 1", "a".repeat(62));
    check(&format!("{argument}\r\n"), &[&format!("sub {} None 1", "a".repeat(62))]);
    check(&format!("SUB {} 1", "a".repeat(63)), &["maximum control line exceeded"]);
    check("PUB a 101\r\n", &["message of 101 bytes is over the limit"]);
}

#[test]
fn connect_first_looks_at_the_first_byte_only() {
    let strict = Decoder { connect_first: true, ..DECODER };
    assert_eq!(read_all(strict, b"P"), ["first operation is not CONNECT"]);
    assert_eq!(read_all(strict, b"CONNECT {}\r\n"), ["connect {}"]);
}

proptest! {
    #[test]
    fn any_split_gives_the_same_operations(
        ops in prop::collection::vec(prop::sample::select(vec![
            "PUB a 2\r\nhi\r\n", "PUB a.b c 0\r\n\r\n", "HPUB x 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
            "SUB a 1\r\n", "SUB a q 1\n", "UNSUB 1 2\r\n", "PING\r\n", "pong\r\n", "CONNECT {}\r\n",
            "+OK\r\n", "BAD\r\n", "PUB a x\r\n", "PUB a 2\r\nhix", "-ERR 'a'\r\n",
        ]), 0..8),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let input = ops.concat().into_bytes();
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        at.extend([0, input.len()]);
        at.sort_unstable();
        let pieces: Vec<&[u8]> = at.windows(2).map(|pair| &input[pair[0]..pair[1]]).collect();
        prop_assert_eq!(read_split(DECODER, &pieces), read_all(DECODER, &input));
    }

    #[test]
    fn arbitrary_bytes_never_panic(input in prop::collection::vec(any::<u8>(), 0..200)) {
        let whole = read_all(DECODER, &input);
        let pieces: Vec<&[u8]> = input.chunks(1).collect();
        prop_assert_eq!(read_split(DECODER, &pieces), whole);
    }
}
