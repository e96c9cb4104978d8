//! Options read and refused, the texts compared with those of `nats-server -t` 2.15.1.

use std::time::Duration;

use crate::{
    AllowResponses, Block, Config, Credentials, KEYS, NoSource, OnIoError, Permissions, Problems,
    Secret, Setting, SubjectPermission, Support, SyncInterval, parse,
};

fn read(text: &str) -> Result<Config, Problems> {
    Config::read(&parse(text, &mut NoSource).unwrap())
}

#[track_caller]
fn accepted(text: &str) -> Config {
    read(text).unwrap_or_else(|problems| panic!("{text}: {problems}"))
}

/// What is said about `text`, errors and warnings that fail the check, without the file's name.
fn complaint(text: &str) -> String {
    let said = match read(text) {
        Err(problems) => problems.to_string(),
        Ok(config) => {
            let strict = config.warnings.iter().filter(|warning| warning.fails_check);
            strict.map(|warning| warning.text.as_str()).collect::<Vec<_>>().join("\n")
        }
    };
    said.lines().map(|line| line.strip_prefix(':').unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

fn value<T>(setting: Option<Setting<T>>) -> Option<T> {
    setting.map(|setting| setting.value)
}

#[test]
fn options_at_the_top_are_read() {
    let config = accepted(
        "server_name: n1\nhost: '::'\nport: -1\nclient_advertise: 'a:1'\nserver_tags: [B, ' a ', b]\n\
         debug: yes\ntrace: false\nlogtime: off\nlogtime_utc: true\nlogfile: /l\nlog_size_limit: 1MB\n\
         pidfile: /p\nports_file_dir: /d\nmonitor_port: 8222\nhttp_base_path: /x\nmax_conn: 0\n\
         max_subs: 7\nmax_sub_tokens: 8\nmax_control_line: 1KB\nmax_payload: 128KB\nmax_pending: 1GB\n\
         max_closed_clients: 9\nping_interval: '100ms'\nping_max: 3\nwrite_deadline: 5s\n\
         lame_duck_duration: '1m'\nlame_duck_grace_period: 0s\nno_header_support: true\n\
         no_auth_user: u\nfeature_flags { x: true }\nmax_traced_msg_len: 10\nsystem_account: '$SYS'",
    );

    let tags: Vec<_> = config.server_tags.iter().map(|tag| tag.value.as_str()).collect();
    assert_eq!(tags, ["b", "a"], "as nats-server shows them");
    assert_eq!(value(config.host).as_deref(), Some("::"));
    assert_eq!(value(config.port), Some(-1));
    assert_eq!(value(config.debug), Some(true));
    assert_eq!(value(config.log_size_limit), Some(1 << 20));
    assert_eq!(value(config.http_port), Some(8222));
    assert_eq!(value(config.max_connections), Some(-1), "0 means no limit");
    assert_eq!(value(config.max_payload), Some(128 << 10));
    assert_eq!(value(config.ping_interval), Some(Duration::from_millis(100)));
    assert_eq!(value(config.write_deadline), Some(Duration::from_secs(5)));
    assert_eq!(value(config.lame_duck_grace_period), Some(Duration::ZERO));
    assert!(config.feature_flags["x"].value);
    assert_eq!(config.server_name.map(|name| name.at.to_string()).as_deref(), Some(":1:0"));
    assert_eq!(config.warnings, []);
}

#[test]
fn listen_takes_a_port_or_an_address() {
    let listen = |text: &str| {
        let config = accepted(text);
        (value(config.host).unwrap(), value(config.port).unwrap())
    };

    assert_eq!(listen("listen: localhost:4222"), ("localhost".to_owned(), 4222));
    assert_eq!(listen("listen: 127.0.0.1:-1"), ("127.0.0.1".to_owned(), -1));
    assert_eq!(listen("listen: '[::1]:4222'"), ("::1".to_owned(), 4222));
    assert_eq!(listen("listen: 4222"), (String::new(), 4222));
    assert_eq!(listen("listen: ':1'\nport: 2"), (String::new(), 2));
    assert_eq!(accepted("listen: ':1'\nport: 2").warnings.len(), 1);
    assert_eq!(value(accepted("http: 'h:8222'").http_host).as_deref(), Some("h"));
}

#[test]
fn keys_do_not_depend_on_case() {
    assert_eq!(value(accepted("PORT: 1").port), Some(1));
    assert_eq!(value(accepted("Max_Payload: 1").max_payload), Some(1));
    assert!(accepted("JetStream: ENABLED").jetstream.unwrap().value.enabled);
}

#[test]
fn the_later_of_two_spellings_wins_with_a_warning() {
    let config = accepted("net: a\nhost: b");

    assert_eq!(value(config.host).as_deref(), Some("b"));
    assert_eq!(config.warnings[0].text, ":2:1: \"host\" replaces \"net\" of line 1");
}

#[test]
fn bad_values_at_the_top_are_refused_in_the_words_of_nats_server() {
    let cases = [
        ("port: \"4222\"", "1:0: interface conversion: interface {} is string, not int64"),
        ("port: 4222.5", "1:0: interface conversion: interface {} is float64, not int64"),
        ("host: 5", "1:0: interface conversion: interface {} is int64, not string"),
        ("host: [a]", "1:0: interface conversion: interface {} is []interface {}, not string"),
        ("debug: \"true\"", "1:0: interface conversion: interface {} is string, not bool"),
        ("max_payload: \"1KB\"", "1:0: interface conversion: interface {} is string, not int64"),
        ("max_payload: 3GB", "1:0: max_payload value is too big"),
        ("max_sub_tokens: 300", "1:0: max_sub_tokens value is too big"),
        ("max_sub_tokens: 0", "1:0: max_sub_tokens value can not be negative"),
        ("listen: foo", "1:0: could not parse address string \"foo\""),
        ("listen: \"::1:4222\"", "1:0: could not parse address string \"::1:4222\""),
        ("listen: \"a:b\"", "1:0: could not parse port \"b\""),
        ("listen: true", "1:0: expected port or host:port, got bool"),
        ("server_name: \"a b\"", "1:0: server name cannot contain spaces"),
        ("server_tags: 5", "1:0: error parsing tags: unsupported type int64"),
        ("feature_flags: 5", "1:0: error parsing feature flags: unsupported type int64"),
        (
            "feature_flags {a: 1}",
            "1:15: error parsing feature flag \"a\": expected bool, got int64",
        ),
        ("system_account: 5", "1:0: system account name must be a string"),
        ("store_dir: /a\nstoredir: /b", "2:1: Duplicate 'store_dir' configuration"),
        ("foo: bar", "1:0: unknown field \"foo\""),
        ("\n  Foo { a: 1 }", "2:3: unknown field \"Foo\""),
        ("write_timeout: foo", "1:0: write_timeout must be 'default', 'close' or 'retry'"),
        ("ping_interval: abc", "1:0: error parsing ping_interval: time: invalid duration \"abc\""),
        (
            "ping_interval: '10'",
            "1:0: error parsing ping_interval: time: missing unit in duration \"10\"",
        ),
        (
            "lame_duck_duration: 10s",
            "1:0: invalid lame_duck_duration of 10s, minimum is 30 seconds",
        ),
        ("lame_duck_duration: 60", "1:0: interface conversion: interface {} is int64, not string"),
        (
            "lame_duck_grace_period: '-1s'",
            "1:0: invalid lame_duck_grace_period, needs to be positive",
        ),
        (
            "authorization: foo",
            "1:0: interface conversion: interface {} is string, not map[string]interface {}",
        ),
        // nats-server fails on this one only when it listens.
        ("port: 70000", "1:0: port 70000 is none: use 1 to 65535, or -1 for any"),
    ];

    for (text, expected) in cases {
        assert_eq!(complaint(text), expected, "{text}");
    }
}

#[test]
fn warnings_of_nats_server_fail_the_check_and_not_the_start() {
    let cases = [
        (
            "ping_interval: 10",
            "1:0: invalid use of field \"ping_interval\": ping_interval should be converted to a duration",
        ),
        (
            "write_deadline: 2m",
            "1:0: invalid use of field \"write_deadline\": write_deadline should be converted to a duration",
        ),
        (
            "jetstream {sync: 5}",
            "1:11: invalid use of field \"sync\": sync should be converted to a duration",
        ),
        (
            "authorization { timeout: 2m }",
            "1:16: invalid use of field \"timeout\": timeout of 2000000 (2000000.000000 seconds) is high, consider \
             keeping it under 60 seconds. possibly caused by unquoted duration; use '1m' instead of 1m, for example",
        ),
        ("# nothing", " config has no values or is empty"),
    ];

    for (text, expected) in cases {
        assert!(read(text).is_ok(), "{text}");
        assert_eq!(complaint(text), expected, "{text}");
    }
    assert_eq!(value(accepted("write_deadline: 2").write_deadline), Some(Duration::from_secs(2)));
}

#[test]
fn an_unknown_key_that_a_variable_uses_is_fine() {
    assert_eq!(value(accepted("base: 4000\nport: $base").port), Some(4000));
    assert_eq!(complaint("base: 1\nother: 2\nport: $base"), "2:1: unknown field \"other\"");
}

#[test]
fn all_errors_are_told_at_once_in_the_order_of_the_file() {
    let text = "zzz: 1\ncluster { name: x }\nport: x\njetstream { domain: d, foo: 1 }\naaa: 2";

    let problems = read(text).unwrap_err();

    let lines: Vec<u32> = problems.errors.iter().map(|problem| problem.at.line).collect();
    assert_eq!(lines, [1, 2, 3, 4, 4, 5]);
}

#[test]
fn a_known_key_without_support_is_refused_with_a_sentence() {
    for key in KEYS {
        let (Support::No(reason) | Support::UnlessOff(reason)) = key.support else { continue };
        for name in key.names {
            let text = match key.block {
                Block::Top => format!("{name}: x"),
                Block::Authorization => format!("authorization {{ {name}: x }}"),
                Block::User => format!("authorization {{ users [ {{ user: a, {name}: x }} ] }}"),
                Block::JetStream => format!("jetstream {{ {name}: x }}"),
                Block::Limits => format!("jetstream {{ limits {{ {name}: x }} }}"),
            };
            let expected = format!(
                ": {name:?} is known to nats-server but not supported by tradewind yet: {reason}"
            );
            assert!(complaint(&text).ends_with(&expected), "{text}: {}", complaint(&text));
        }
    }
    let refusal = complaint("a {\n}\n  cluster {}");
    assert!(refusal.contains("3:3: \"cluster\" is known"), "{refusal}");
}

#[test]
fn what_is_switched_off_needs_no_support() {
    let config = accepted(
        "syslog: false\nno_system_account: false\nprof_port: 0\ntrace_headers: false\nocsp: false",
    );

    assert_eq!(config.warnings, []);
    assert_eq!(complaint("syslog: true").lines().count(), 1);
}

#[test]
fn tuning_of_nats_servers_insides_is_accepted_with_a_warning() {
    let config = accepted("connect_error_reports: 5\njetstream { max_buffered_msgs: 10 }");

    assert_eq!(config.warnings.len(), 2);
    assert!(config.warnings.iter().all(|warning| !warning.fails_check));
    assert_eq!(
        config.warnings[1].text,
        ":2:13: \"max_buffered_msgs\" has no effect: it sizes queues of nats-server; this server bounds its own."
    );
}

#[test]
fn jetstream_is_read_in_all_its_forms() {
    let enabled = |text: &str| accepted(text).jetstream.unwrap().value.enabled;
    for text in
        ["jetstream: true", "jetstream: enabled", "jetstream {}", "jetstream { strict: true }"]
    {
        assert!(enabled(text), "{text}");
    }
    for text in ["jetstream: false", "jetstream: \"disabled\"", "jetstream { enabled: false }"] {
        assert!(!enabled(text), "{text}");
    }

    let config = accepted(
        "jetstream { store_dir: /s, max_mem: 64MiB, max_file: \"10G\", sync_interval: Always, strict: false, on_io_error: exit\n\
         limits { default_max_consumers: -1, max_ack_pending: 5, max_request_batch: 6, duplicate_window: '2m' } }",
    );
    let jetstream = config.jetstream.unwrap().value;

    assert_eq!(value(config.store_dir).as_deref(), Some("/s"));
    assert_eq!(value(jetstream.max_memory_store), Some(64 << 20));
    assert_eq!(value(jetstream.max_file_store), Some(10 << 30));
    assert_eq!(value(jetstream.sync_interval), Some(SyncInterval::Always));
    assert_eq!(value(jetstream.strict), Some(false));
    assert_eq!(value(jetstream.on_io_error), Some(OnIoError::Exit));
    assert_eq!(value(jetstream.limits.default_max_consumers), Some(-1));
    assert_eq!(value(jetstream.limits.duplicate_window), Some(Duration::from_mins(2)));
}

#[test]
fn bad_jetstream_options_are_refused_in_the_words_of_nats_server() {
    let cases = [
        ("jetstream: maybe", "1:0: Expected 'enabled' or 'disabled' for string value, got 'maybe'"),
        ("jetstream: 5", "1:0: Expected map, bool or string to define JetStream, got int64"),
        ("jetstream { on_io_error: wait }", "1:12: on_io_error: use continue or exit"),
        ("jetstream { foo: 1 }", "1:12: unknown field \"foo\""),
        (
            "jetstream { strict: maybe }",
            "1:12: Expected 'true' or 'false' for bool value, got 'maybe'",
        ),
        (
            "jetstream { max_file: \"10GB\" }",
            "1:12: max_file_store strconv.ParseInt: parsing \"10G\": invalid syntax",
        ),
        (
            "jetstream { max_mem: \"10GiB\" }",
            "1:12: max_mem_store strconv.ParseInt: parsing \"10Gi\": invalid syntax",
        ),
        (
            "jetstream { max_mem: \"1048576\" }",
            "1:12: max_mem_store sizes defined as strings must end in K, M, G, T",
        ),
        ("jetstream { max_mem: true }", "1:12: max_mem_store must be int64 or string"),
        ("jetstream { sync: x }", "1:12: error parsing sync: time: invalid duration \"x\""),
        ("jetstream { limits: 5 }", "1:12: Expected a map to define JetStreamLimits, got int64"),
        ("jetstream { limits { foo: 5 } }", "1:21: unknown field \"foo\""),
        ("store_dir: /a\njetstream { store_dir: /b }", "2:13: Duplicate 'store_dir' configuration"),
    ];

    for (text, expected) in cases {
        assert_eq!(complaint(text), expected, "{text}");
    }
}

const NKEY: &str = "UC435ZYS52HF72E2VMQF4GO6CUJOCHDUUPEBU7XDXW5AQLIC6JZ46PO5";

#[test]
fn users_get_their_own_permissions_or_the_default_ones() {
    let config = accepted(&format!(
        "authorization {{ timeout: '2s', default_permissions {{ subscribe: 'x.>' }}\n users [\n\
         {{user: a, password: $2a$04$x, permission {{ publish: [a, b] }}}}\n {{nkey: {NKEY}}}\n ] }}"
    ));
    let auth = config.authorization.unwrap().value;
    let users = auth.users.unwrap();
    let only = |subjects: &[&str]| SubjectPermission {
        allow: Some(subjects.iter().map(|subject| (*subject).to_owned()).collect()),
        deny: Vec::new(),
    };

    assert_eq!(value(auth.timeout), Some(Duration::from_secs(2)));
    let hash = Secret("$2a$04$x".to_owned());
    assert_eq!(
        users[0].credentials,
        Credentials::Password { username: "a".to_owned(), password: hash }
    );
    let own = Permissions { publish: Some(only(&["a", "b"])), ..Permissions::default() };
    assert_eq!(users[0].permissions.as_ref(), Some(&own));
    assert_eq!(users[1].credentials, Credentials::Nkey(NKEY.to_owned()));
    let default = Permissions { subscribe: Some(only(&["x.>"])), ..Permissions::default() };
    assert_eq!(users[1].permissions.as_ref(), Some(&default));
}

#[test]
fn a_single_user_or_a_token_is_read() {
    let auth = accepted("authorization { user: u, pass: p }").authorization.unwrap().value;
    assert_eq!(value(auth.username).as_deref(), Some("u"));
    assert_eq!(value(auth.password), Some(Secret("p".to_owned())));
    assert_eq!(auth.users, None);

    let auth = accepted("authorization { token: t, timeout: 1.5 }").authorization.unwrap().value;
    assert_eq!(value(auth.token), Some(Secret("t".to_owned())));
    assert_eq!(value(auth.timeout), Some(Duration::from_millis(1500)));
}

fn permissions(text: &str) -> Permissions {
    let text = format!("authorization {{ users [ {{ user: a, permissions {{ {text} }} }} ] }}");
    let users = accepted(&text).authorization.unwrap().value.users.unwrap();
    users[0].permissions.clone().unwrap()
}

#[test]
fn allowing_responses_allows_no_other_publish_that_is_not_listed() {
    let none = || Some(SubjectPermission { allow: Some(Vec::new()), deny: Vec::new() });
    assert_eq!(permissions("allow_responses: true").publish, none());
    assert_eq!(permissions("allow_responses: false").publish, None);

    let denied = permissions("allow_responses: true, publish { deny: x }").publish.unwrap();
    assert_eq!((denied.allow, denied.deny), (Some(Vec::new()), vec!["x".to_owned()]));

    let block = permissions("allow_responses { max: 5, expires: '1m' }").allow_responses;
    let wanted = AllowResponses { max: Some(5), expires: Some(Duration::from_mins(1)) };
    assert_eq!(block, Some(wanted));
    let endless = permissions("allow_responses { max: -1, ttl: '-1s' }").allow_responses;
    assert_eq!(endless, Some(AllowResponses { max: None, expires: None }));
    let zero = permissions("allow_responses { max: 0, ttl: '0s' }").allow_responses;
    assert_eq!(zero, Some(AllowResponses::default()));
}

#[test]
fn an_empty_list_of_allowed_subjects_allows_all() {
    assert_eq!(permissions("publish: []").publish.unwrap().allow, None);
    assert_eq!(permissions("publish {}").publish, None);
    let text = "authorization { users [ { user: a, permissions { sub: [] } } ] }";
    assert_eq!(accepted(text).warnings.len(), 1);
}

#[test]
fn bad_authorization_is_refused_in_the_words_of_nats_server() {
    let user = |fields: &str| format!("authorization {{ users [ {{{fields}}} ] }}");
    let cases = [
        (
            "authorization { user: a, pass: b, token: c }".to_owned(),
            "1:0: Cannot have a user/pass and token",
        ),
        (
            "authorization { user: a, users: [] }".to_owned(),
            "1:0: Can not have a single user/pass and a users array",
        ),
        (
            "authorization { token: a, users: [] }".to_owned(),
            "1:0: Can not have a token and a users array",
        ),
        (
            "authorization { users: 5 }".to_owned(),
            "1:16: Expected users field to be an array, got 5",
        ),
        (
            "authorization { users: [x ] }".to_owned(),
            "1:24: Expected user entry to be a map/struct, got x",
        ),
        (
            "authorization { timeout: x }".to_owned(),
            "1:16: error parsing authorization config, 'timeout' time: invalid duration \"x\"",
        ),
        (
            "authorization { timeout: true }".to_owned(),
            "1:16: error parsing authorization config, 'timeout' wrong type",
        ),
        (
            "authorization { permissions: foo }".to_owned(),
            "1:16: Expected permissions to be a map/struct, got foo",
        ),
        ("authorization { foo: 1 }".to_owned(), "1:16: unknown field \"foo\""),
        (
            "authorization { user: 5 }".to_owned(),
            "1:16: interface conversion: interface {} is int64, not string",
        ),
        (user("password: a"), "1:25: User entry requires a user"),
        (user("user: a, foo: b"), "1:34: unknown field \"foo\""),
        (user("nkey: foo"), "1:25: Not a valid public nkey for a user"),
        (
            user(&format!("user: a, nkey: {NKEY}")),
            "1:25: Nkey users do not take usernames or passwords",
        ),
        (user("user: a}, {user: a"), "1:0: Duplicate user \"a\" detected"),
    ];

    for (text, expected) in cases {
        assert_eq!(complaint(&text), expected, "{text}");
    }
}

#[test]
fn bad_permissions_are_refused_in_the_words_of_nats_server() {
    let perms =
        |text: &str| format!("authorization {{ users [ {{user: a, permissions: {{{text}}}}} ] }}");
    let cases = [
        (perms("foo: c"), "1:48: Unknown field \"foo\" parsing permissions"),
        (perms("publish: 'a b'"), "1:48: subject \"a b\" is not a valid subject"),
        (perms("publish: 'a..b'"), "1:48: subject \"a..b\" is not a valid subject"),
        (perms("subscribe: 'a b c'"), "1:48: subject \"a b c\" is not a valid subject"),
        (perms("subscribe: 'a. b'"), "1:48: subject \"a.\" is not a valid subject"),
        (perms("subscribe: 'a b.'"), "1:48: queue \"b.\" is not a valid queue"),
        (perms("publish: [5 ]"), "1:58: Subject in permissions array cannot be cast to string"),
        (
            perms("publish {foo: b}"),
            "1:57: Unknown field name \"foo\" parsing subject permissions, only 'allow' or 'deny' are permitted",
        ),
        (
            perms("allow_responses: 5"),
            "1:48: error parsing response permissions, expected a boolean or a map",
        ),
        (
            perms("allow_responses {expires: 5}"),
            "1:65: error parsing expires, not a duration string",
        ),
        (perms("allow_responses {foo: 5}"), "1:65: Unknown field \"foo\" parsing permissions"),
    ];

    for (text, expected) in cases {
        assert_eq!(complaint(&text), expected, "{text}");
    }
    assert!(read(&perms("subscribe: ['a.* q.1', '>' ]")).is_ok());
}

#[test]
fn permissions_without_users_draw_a_warning() {
    let config = accepted("authorization { user: a, pass: b, permissions { publish: x } }");

    assert_eq!(config.warnings.len(), 1, "they would apply to nobody");
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let config = accepted("authorization { user: a, pass: hidden, token: '' }");

    assert!(!format!("{config:?}").contains("hidden"));
}
