//! Verdicts, values and places, compared with those of nats-server 2.15.1.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;

use proptest::prelude::*;

use super::*;
use crate::{NoSource, digest, print};

/// Files and variables kept in memory.
#[derive(Default)]
struct Memory {
    files: BTreeMap<&'static str, String>,
    env: BTreeMap<&'static str, String>,
}

impl Memory {
    fn file(mut self, path: &'static str, text: &str) -> Memory {
        self.files.insert(path, text.to_owned());
        self
    }

    fn var(mut self, name: &'static str, text: &str) -> Memory {
        self.env.insert(name, text.to_owned());
        self
    }

    /// What `main.conf` comes to, as JSON-like text, or the refusal.
    fn load(mut self) -> String {
        match parse_file("main.conf", &mut self) {
            Ok(document) => shown(&Value::Map(document.root)),
            Err(error) => error.to_string(),
        }
    }
}

impl Source for Memory {
    fn read(&mut self, path: &str) -> io::Result<String> {
        self.files.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn env(&mut self, name: &str) -> Option<String> {
        self.env.get(name).cloned()
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Map(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, node)| format!("{key}={}", shown(&node.value))).collect();
            format!("{{{}}}", entries.join(" "))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|node| shown(&node.value)).collect();
            format!("[{}]", items.join(" "))
        }
        Value::String(text) => format!("{text:?}"),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Bool(truth) => truth.to_string(),
        Value::Datetime(datetime) => datetime.as_str().to_owned(),
    }
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(Memory::default().file("main.conf", text).load(), expected, "{text}");
}

#[test]
fn entries_are_separated_in_every_known_way() {
    check("", "{}");
    check("a: 1", "{a=1}");
    check(" a = 1; b 2, c 3", "{a=1 b=2 c=3}");
    check("a: 1 # x\nb: 2 // y\n# z\nc: 3", "{a=1 b=2 c=3}");
    check("a: 1\r\nb: 2\r\n", "{a=1 b=2}");
    check("k\n  v\n", "{k=\"v\"}");
    check("a {\n b: 1\n c = 2; d 3 }\n", "{a={b=1 c=2 d=3}}");
    check("a = { b: 1 }", "{a={b=1}}");
    check(
        "a: [x, y\n z\n, 'w' ]",
        "Parse error on line 3: 'Unexpected array value terminator ','.'",
    );
    check("a: [x, y\n z\n 'w' ]", "{a=[\"x\" \"y\" \"z\" \"w\"]}");
    check("a: [{b: 1}, {c: 2}]", "{a=[{b=1} {c=2}]}");
    check("{\"a\": {\"b\": [true, null]}, \"c\": 1.5}", "{a={b=[true \"null\"]} c=1.5}");
    check("{\n a: 1\n}\n", "{a=1}");
    check("a: 1 /\nb: 2", "{a=1 b=2}");
    check("a {/b: 1}", "{a={b=1}}");
    check("}\n", "{}");
    check("a: 1\na: 2\n", "{a=2}");
    check("a {b: 1}\na {c: 2}\n", "{a={c=2}}");
    check("include: 5\n", "{include=5}");
}

#[test]
fn a_brace_right_after_a_key_is_part_of_it() {
    check("a{ b", "{a{=\"b\"}");
    check("x {\n a{\n}\n}", "config is invalid (main.conf:3:2)");
}

#[test]
fn strings_come_in_five_forms() {
    check("a: foo.bar.>", "{a=\"foo.bar.>\"}");
    check("a: 'x \\n \"y'", "{a=\"x \\\\n \\\"y\"}");
    check("a: \"x\\t\\n\\r\\\"\\\\\\x41\"", "{a=\"x\\t\\n\\r\\\"\\\\A\"}");
    check("a: \"\\xc3\\xa9\"", "{a=\"é\"}");
    check("a: x\\ty", "{a=\"x\\ty\"}");
    check("a: (\n two\n lines\n)\n", "{a=\"\\n two\\n lines\\n\"}");
    check("a: (\n x )\n y)\n)\n", "{a=\"\\n x )\\n y)\\n\"}");
    // At the end of the file the parenthesis is part of the text, in nats-server too.
    check("a: (\n x\n)", "{a=\"\\n x\\n)\"}");
    check("a: \"x\ny\"", "{a=\"x\\ny\"}");
    check("a: 127.0.0.1:4222", "{a=\"127.0.0.1:4222\"}");
    check("a: nats://localhost:4222", "{a=\"nats://localhost:4222\"}");
    check("a: 10s\nb: 1kx\nc: 0K1\nd: 5e7bcd", "{a=\"10s\" b=\"1kx\" c=\"0K1\" d=\"5e7bcd\"}");
    check("'a b': 1\n\"c d\" 2", "{a b=1 c d=2}");
}

#[test]
fn numbers_carry_suffixes() {
    check("a: 1k\nb: 1kb\nc: 1Ki\nd: 1KiB", "{a=1000 b=1024 c=1024 d=1024}");
    check("a: 2m\nb: 2MB\nc: 1g\nd: 1GiB", "{a=2000000 b=2097152 c=1000000000 d=1073741824}");
    check(
        "a: 1t\nb: 1TB\nc: 1p\nd: 1eb",
        "{a=1000000000000 b=1099511627776 c=1000000000000000 d=1152921504606846976}",
    );
    check("a: -1\nb: -2k\nc: -1.5", "{a=-1 b=-2000 c=-1.5}");
    check("a: -9223372036854775808", "{a=-9223372036854775808}");
    check("a: yes\nb: OFF\nc: True", "{a=true b=false c=true}");
    check("a: 2026-01-31T12:00:00Z", "{a=2026-01-31T12:00:00Z}");
    check("a: 9223372036854775808", "integer '9223372036854775808' is out of the range");
    check(
        "a: 2026-02-30T12:00:00Z",
        "expected Zulu formatted DateTime, but got '2026-02-30T12:00:00Z'",
    );
    // nats-server drops the first entry and lets the second wrap around.
    check("a: 1kbb", "integer '1kbb' has an unknown suffix");
    check("a: 10e", "integer '10e' is out of the range");
}

#[test]
fn broken_grammar_is_refused_in_the_words_of_nats_server() {
    let cases = [
        ("a:\nb: 1", 2, "Expected value but found new line"),
        (": 1", 1, "Unexpected key separator ':'"),
        ("a { : 1 }", 1, "Unexpected key separator ':'."),
        ("a { ] }", 1, "Unexpected array end ']' processing map."),
        ("a { b: , }", 1, "Unexpected map value terminator \",\"."),
        ("a {", 1, "Unexpected EOF processing map."),
        ("a { b", 1, "Unexpected EOF processing map key."),
        ("a { 'b", 1, "Unexpected EOF processing quoted map key."),
        ("a { \"b", 1, "Unexpected EOF processing double quoted map key."),
        (
            "a { b: 1 c: 2 }",
            1,
            "Expected a map value terminator \",\" or a map terminator \"}\", but got 'c' instead.",
        ),
        (
            "a: b c",
            1,
            "Expected a top-level value to end with a new line, comment or EOF, but got 'c' instead.",
        ),
        (
            "{a: b c}",
            1,
            "Expected a block-level value to end with a new line, comment or EOF, but got 'c' instead.",
        ),
        (
            "a: [1]",
            1,
            "Expected an array value terminator \",\" or an array terminator \"]\", but got '\0' instead.",
        ),
        ("a: [,]", 1, "Unexpected array value terminator ','."),
        (
            "a: [x y]",
            1,
            "Expected an array value terminator \",\" or an array terminator \"]\", but got 'y' instead.",
        ),
        ("a: 'x", 1, "Unexpected EOF."),
        ("a: \"x\n", 2, "Unexpected EOF."),
        ("'a", 1, "Unexpected EOF."),
        ("/", 1, "Unexpected EOF."),
        ("a: (\n x", 2, "Unexpected EOF processing block."),
        ("a: .5", 1, "Floats must start with a digit"),
        ("a: -.5", 1, "Floats must start with a digit, not '.'."),
        ("a: -x", 1, "Expected a digit but got 'x'."),
        ("a: 1.x", 1, "Floats must have a digit after the '.', but got 'x' instead."),
        ("a: 12-1", 1, "All ISO8601 dates must be in full Zulu form."),
        ("a: 2026-1x", 1, "Expected digit in ISO8601 datetime, but found 'x' instead."),
        ("a: 2026-01-01 00", 1, "Expected 'T' in ISO8601 datetime, but found ' ' instead."),
        (
            "a: \"\\q\"",
            1,
            "Invalid escape character 'q'. Only the following escape characters are allowed: \\xXX, \\t, \\n, \\r, \\\", \\\\.",
        ),
        ("a: \"\\xg1\"", 1, "Expected two hexadecimal digits after '\\x', but got 'g1'"),
        ("a: \"\\x1\n\"", 2, "Expected two hexadecimal digits after '\\x', but hit end of line"),
        ("include [x]", 1, "Expected include value but found start of an array"),
        ("include 5", 1, "Expected include value but found start of a number"),
        ("include \n", 2, "Expected include value but found new line"),
        ("include 'x", 1, "Unexpected EOF in quoted include"),
        ("include \"x", 1, "Unexpected EOF in double quoted include"),
        // Stricter than nats-server, whose strings are bytes and whose lexer stops at NUL.
        ("a: \"\\xff\"", 1, "Escape sequences '\\xXX' of one string have to make valid UTF-8"),
        ("a: 1\nb: \0", 2, "Unexpected NUL character."),
    ];

    for (text, line, reason) in cases {
        check(text, &format!("Parse error on line {line}: '{reason}'"));
    }
}

#[test]
fn a_text_that_ends_within_an_entry_is_refused() {
    check("a", "config is invalid (main.conf:1:1)");
    check("a: 1\nb ", "config is invalid (main.conf:2:3)");
    check("a: \"", "config is invalid (main.conf:1:4)");
    // nats-server would drop the array and all that it guards.
    check("a: [ \"x\", \"", "config is invalid (main.conf:1:11)");
    check("a { b }", "config is invalid (main.conf:1:7)");
}

#[test]
fn columns_count_from_zero_on_line_one_and_from_one_below() {
    let text = "a: 1\nb: 2\n  c {\n    d: [x, \"y\\tz\",\n  5 ]\n  }\n";
    let root = parse(text, &mut NoSource).unwrap().root;
    let place = |node: &Node| (node.at.line, node.at.column);

    let Value::Map(c) = &root["c"].value else { panic!("c is a block") };
    let Value::Array(items) = &c["d"].value else { panic!("d is an array") };

    assert_eq!(place(&root["a"]), (1, 0));
    assert_eq!(place(&root["b"]), (2, 1));
    assert_eq!(place(&root["c"]), (3, 3));
    assert_eq!(place(&c["d"]), (4, 5));
    let items: Vec<_> = items.iter().map(place).collect();
    assert_eq!(items, [(4, 9), (4, 14), (5, 3)]);
}

#[test]
fn a_variable_is_looked_up_outwards_and_then_in_the_environment() {
    let load = |text| {
        let vars =
            [("NUM", "5"), ("TEXT", "\"x y\""), ("REF", "$NUM"), ("LIST", "[a, b]"), ("EMPTY", "")];
        let source = Memory::default().file("main.conf", text);
        vars.into_iter().fold(source, |source, (name, text)| source.var(name, text)).load()
    };

    assert_eq!(load("x: 1\ny: $x"), "{x=1 y=1}");
    assert_eq!(load("x: 1\na { x: 2, y: $x }\nz: $x"), "{a={x=2 y=2} x=1 z=1}");
    assert_eq!(load("x: 1\na { y: $x, x: 2 }"), "{a={x=2 y=1} x=1}");
    assert_eq!(load("NUM: 1\na: $NUM"), "{NUM=1 a=1}");
    assert_eq!(
        load("a: $NUM\nb: $TEXT\nc: $REF\nd: $LIST\ne: $EMPTY"),
        "{a=5 b=\"x y\" c=5 d=[\"a\" \"b\"] e=\"\"}"
    );
    assert_eq!(load("a: [$NUM, $TEXT ]"), "{a=[5 \"x y\"]}");
    assert_eq!(load("a: '$NUM'\nb: \"$NUM\"\nc: x$NUM"), "{a=\"$NUM\" b=\"$NUM\" c=\"x$NUM\"}");
    assert_eq!(load("a: $2a$11$abc"), "{a=\"$2a$11$abc\"}");
    assert_eq!(load("\n\na: $none"), "variable reference for 'none' on line 3 can not be found");
}

#[test]
fn environment_variables_may_not_refer_to_each_other_in_a_circle() {
    let source = Memory::default().file("main.conf", "a: $X").var("X", "$Y").var("Y", "$X");

    assert_eq!(
        source.load(),
        "variable reference for 'X' on line 1 could not be parsed: \
         variable reference for 'Y' on line 1 could not be parsed: \
         variable reference for 'X' on line 1 could not be parsed: \
         variable reference cycle for 'X'"
    );
}

#[test]
fn an_entry_that_a_variable_refers_to_is_marked() {
    let root = parse("x: 1\ny: 2\nz: $x", &mut NoSource).unwrap().root;

    assert!(root["x"].used_as_variable);
    assert!(!root["y"].used_as_variable);
    assert!(!root["z"].used_as_variable);
    assert_eq!((root["z"].at.line, root["z"].at.column), (3, 1));
}

#[test]
fn includes_merge_into_the_block_they_stand_in() {
    let source = Memory::default()
        .file(
            "main.conf",
            "a: 1\ninclude 'sub/one.conf'\nb { include \"sub/two.conf\"; c: 3 }\ne: $d",
        )
        .file("sub/one.conf", "a: 2\nd: x\ninclude two.conf")
        .file("sub/two.conf", "t: 1");

    assert_eq!(source.load(), "{a=2 b={c=3 t=1} d=\"x\" e=\"x\" t=1}");
}

#[test]
fn an_included_file_does_not_see_the_variables_of_the_including_one() {
    let source =
        Memory::default().file("main.conf", "x: 1\ninclude 'sub.conf'").file("sub.conf", "\ny: $x");

    assert_eq!(
        source.load(),
        "error parsing include file 'sub.conf', variable reference for 'x' on line 2 can not be found"
    );
}

#[test]
fn unreadable_files_are_named() {
    check(
        "include 'none.conf'",
        "error parsing include file 'none.conf', open none.conf: no such file or directory",
    );
    check(
        "include '/none.conf'",
        "error parsing include file '/none.conf', open none.conf: no such file or directory",
    );
    assert_eq!(Memory::default().load(), "open main.conf: no such file or directory");
}

#[test]
fn a_place_in_an_included_file_names_that_file() {
    let mut source =
        Memory::default().file("main.conf", "include 'a/b.conf'").file("a/b.conf", "\nx: 1");
    let root = parse_file("main.conf", &mut source).unwrap().root;

    assert_eq!(root["x"].at.to_string(), "a/b.conf:2:1");
}

#[test]
fn what_could_grow_without_bound_is_refused() {
    let own = Memory::default().file("main.conf", "include 'main.conf'").load();
    assert_eq!(own, "main.conf:1:9: includes are nested too deeply");

    assert!(parse(&format!("a: {}", "[".repeat(200_000)), &mut NoSource).is_err());
    assert!(parse(&"{".repeat(200_000), &mut NoSource).is_ok(), "nothing but outer braces");

    let mut doubling = String::from("a0: [x, y]\n");
    for idx in 1..64 {
        writeln!(doubling, "a{idx}: [ $a{0}, $a{0} ]", idx - 1).unwrap();
    }
    let refusal = parse(&doubling, &mut NoSource).unwrap_err().to_string();
    assert!(refusal.ends_with("configuration is too large"), "{refusal}");

    let mut deepening = String::from("a0: x\n");
    for idx in 1..400 {
        writeln!(deepening, "a{idx}: [ $a{} ]", idx - 1).unwrap();
    }
    let refusal = parse(&deepening, &mut NoSource).unwrap_err().to_string();
    assert!(refusal.ends_with("blocks are nested too deeply"), "{refusal}");
}

#[test]
fn the_digest_is_that_of_nats_server() {
    let cases = [
        ("", "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356"),
        ("port: 4222\n", "797533ebd0dfba7d34a0f9337ecf147e442871f48ddfd07ed751575a5737267e"),
        (
            "server_name: \"a<b>&c\\t\\x01\\x7f\"\nf: 0.0000001\ng: 123456789012345678901234.5\nh: 1.50\n",
            "c0860d946aef9270ac401e4737b226bb7b70915684bea16cd5e0e2545652ef80",
        ),
        (
            "{\"a\": {\"z\": [], \"b\": [1 , 2.0 , \"x\"], \"é\": true}, \"t\": 2026-01-31T12:00:00Z}",
            "73eed6d6257442b986be5871e28ba820640c058437d7f000c9ea946e31c58f10",
        ),
        (
            "a {\n}\nb: 1GB\nB: -1k\n",
            "a61a773f5aeb55d44e7bee4b3036760d60c6b6216976ae4eab8c1bf78bcd7793",
        ),
        (
            "v: {x: 1}\nw: $v\nw2 [ $v ]\n",
            "c74244ed9feb113aa6940c6f5eccedd58c04c93b4426784424425604c1821574",
        ),
        (
            "s: (\n two\n lines\n)\n",
            "c886351309296aa72066cfe125f9865a2d1fec1490d455b8e7c7698c78ebdcb3",
        ),
    ];

    for (text, hash) in cases {
        let root = parse(text, &mut NoSource).unwrap().root;
        assert_eq!(digest(&root), format!("sha256:{hash}"), "{text}");
    }
}

/// Text made of the pieces that mean something, which random characters hardly ever hit.
fn fragments() -> impl Strategy<Value = String> {
    let pieces = [
        "a",
        "b",
        "include ",
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        "\n",
        "\r",
        " ",
        "\t",
        ":",
        "=",
        ",",
        ";",
        "#",
        "//",
        "/",
        "\"",
        "'",
        "\\",
        "\\x4",
        "\\n",
        "$a",
        "$X",
        "$2a$x",
        "1",
        "-",
        "1kb",
        "1kbb",
        ".",
        "2026-",
        "2026-01-31T12:00:00Z",
        "1.2.3",
        "true",
        "é",
        "\u{a0}",
        "\0",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..40).prop_map(|it| it.concat())
}

fn values() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        ".*".prop_map(Value::String),
        any::<i64>().prop_map(Value::Int),
        prop::num::f64::NORMAL.prop_map(Value::Float),
        any::<bool>().prop_map(Value::Bool),
        Just(Value::Datetime(crate::Datetime::parse("2024-02-29T01:02:03Z").unwrap())),
    ];
    let node = |value| Node { value, at: Position::default(), used_as_variable: false, order: 0 };
    scalar.prop_recursive(4, 24, 5, move |inner| {
        let inner = inner.prop_map(node);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map("[^\"\0]{0,8}", inner, 0..4).prop_map(Value::Map),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in prop_oneof![fragments(), ".*", "(?s).*"]) {
        let mut source = Memory::default().file("main.conf", &text).file("a", &text).var("X", &text);
        if let Ok(document) = parse_file("main.conf", &mut source) {
            digest(&document.root);
            let _ = crate::Config::read(&document);
        }
    }

    #[test]
    fn a_printed_tree_reads_back_as_itself(value in values()) {
        let node = Node { value, at: Position::default(), used_as_variable: false, order: 0 };
        let root = Map::from([("x".to_owned(), node)]);
        let text = print(&root).unwrap();
        prop_assert_eq!(parse(&text, &mut NoSource).map(|it| it.root), Ok(root), "{}", text);
    }
}
