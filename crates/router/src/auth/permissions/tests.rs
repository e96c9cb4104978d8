use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::naive::{Naive, UNIVERSE};
use super::*;
use SubscribeVerdict::{Allowed, Denied, Filtered};

fn list(words: &str) -> Vec<String> {
    words.split(", ").filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}

fn both(allow: &str, deny: &str) -> AllowDeny {
    AllowDeny { allow: list(allow), deny: list(deny) }
}

fn subscribe(allow: &str, deny: &str) -> Permissions {
    let subscribe = Some(both(allow, deny));
    Permissions::compile(PermissionsConfig { subscribe, ..PermissionsConfig::default() }).unwrap()
}

fn publish(allow: &str, deny: &str, responses: bool) -> Permissions {
    let allow_responses = responses.then(ResponsePermission::default);
    let publish = Some(both(allow, deny));
    Permissions::compile(PermissionsConfig { publish, subscribe: None, allow_responses }).unwrap()
}

/// Rows seen on nats-server 2.15.1.
#[test]
fn publishing_needs_an_allow_entry_and_no_deny_entry() {
    let everywhere = ["x", "foo.a", "foo.a.b", "foo.*", "_INBOX.x", "$SYS.x", "$JS.ACK.x"];
    for (allow, deny, responses, yes, no) in [
        ("", "", false, &everywhere[..], &[][..]),
        ("", "", true, &[], &everywhere),
        ("", "x", false, &everywhere[1..], &["x"]),
        ("", "x", true, &[], &everywhere),
        ("foo.*", "", false, &["foo.a", "foo.*", "foo.>", "foo.a*"], &["foo", "foo.a.b", "foo..a"]),
        ("", "foo.a, bar.*", false, &["foo.*", "foo.>", "foo.a.b", "foo..a"], &["foo.a", "bar.x"]),
        ("foo.>", "foo.*.b", false, &["foo.a", "foo.>"], &["foo", "foo.a.b", "foo.*.b", "foo..a"]),
        ("foo.*", "foo.a*", false, &["foo.a", "foo.*"], &["foo.a*"]),
        ("rep.a", "", true, &["rep.a"], &["rep.b"]),
        ("", "foo.>", false, &["foo..a", "foo"], &["foo.a"]),
    ] {
        let permissions = publish(allow, deny, responses);
        for (subjects, expected) in [(yes, true), (no, false)] {
            for subject in subjects {
                let got = permissions.can_publish(subject.as_bytes());
                assert_eq!(got, expected, "allow [{allow}] deny [{deny}] {subject}");
            }
        }
    }
}

/// Rows seen on nats-server 2.15.1: allow, deny, filter, queue, verdict.
const SUBSCRIBE_ROWS: &[(&str, &str, &str, &str, SubscribeVerdict)] = &[
    ("", "", ">", "", Allowed),
    ("", "", "_INBOX.>", "q", Allowed),
    ("foo.*", "", "foo.*", "", Allowed),
    ("foo.*", "", "foo.a", "q", Allowed),
    ("foo.*", "", "foo.a.b", "", Denied),
    ("foo.*", "", "*.bar", "", Denied),
    ("foo.*", "", "*", "", Denied),
    ("foo.>", "", "foo", "", Denied),
    ("foo.>", "", "foo.*.>", "", Allowed),
    ("*.b, a.*", "", "a.*", "", Allowed),
    ("*.b, a.*", "", "*.*", "", Denied),
    // A deny entry that covers the filter refuses it; others filter.
    ("", "foo.*", "foo.*", "", Denied),
    ("", "foo.*", "foo.a", "q", Denied),
    ("", "foo.*", "foo.>", "", Denied),
    ("", "foo.*", "foo.*.>", "", Allowed),
    ("", "foo.*", ">", "", Filtered),
    ("", "foo.*", "*.bar", "r", Filtered),
    ("", "foo.bar", "foo.*", "", Filtered),
    ("", "foo.bar", "*.bar", "", Filtered),
    ("", "foo.bar", "*.bar.*", "", Allowed),
    ("", "foo.bar", "*", "", Allowed),
    ("", "*.bar", "foo.>", "", Filtered),
    ("", "*.bar", "foo.*", "q", Filtered),
    ("", "*.bar.>", "*.bar.*", "", Denied),
    ("", "*.bar.>", "foo.*", "", Allowed),
    ("", "*.bar.>", "foo.>", "", Filtered),
    // Entries with a queue.
    ("foo q", "", "foo", "", Denied),
    ("foo q", "", "foo", "q", Allowed),
    ("foo q", "", "foo", "r", Denied),
    ("foo, foo q.*", "", "foo", "", Allowed),
    ("foo, foo q.*", "", "foo", "q", Denied),
    ("foo, foo q.*", "", "foo", "q.a", Allowed),
    ("foo, foo q.*", "", "foo", "q.*", Allowed),
    ("foo, foo q.*", "", "foo", "q.>", Denied),
    ("foo *", "", "foo", "q", Allowed),
    ("foo *", "", "foo", "q.a", Denied),
    ("foo *", "", "foo", ">", Denied),
    ("foo >", "", "foo", "q.a", Allowed),
    ("foo >", "", "foo", "", Denied),
    ("foo.>, foo.* q", "", "foo.*", "r", Denied),
    ("foo.>, foo.* q", "", "foo.>", "", Allowed),
    ("foo.>, foo.* q", "", "foo.>", "q", Allowed),
    ("foo.>, foo.* q", "", "foo.>", "r", Denied),
    ("foo.> q, foo.bar r", "", "foo.bar", "r", Allowed),
    ("foo.> q, foo.bar r", "", "foo.*", "r", Denied),
    ("", "foo q", "foo", "", Allowed),
    ("", "foo q", "foo", "q", Denied),
    ("", "foo q", "foo", "*", Allowed),
    ("", "foo, foo q", "foo", "r", Denied),
    ("", "foo.bar q", "foo.*", "", Allowed),
    ("", "foo.bar q", "foo.*", "q", Filtered),
    ("", "foo.bar q", "foo.*", "r", Allowed),
    ("", "foo.bar q.*", ">", "q.a", Filtered),
    ("", "foo.bar q.*", ">", "q", Allowed),
    ("", "foo.> q, foo.bar", "foo.*", "q", Denied),
    ("", "foo.> q, foo.bar", "foo.*", "r", Filtered),
    ("", "foo.> q, foo.bar", "*.bar.*", "q", Filtered),
    ("foo.> q, foo.>", "foo.bar q", "foo.*", "q", Filtered),
    ("foo.> q", "foo.bar", "foo.>", "q", Filtered),
];

#[test]
fn a_subscription_is_a_subset_of_an_allow_entry_and_of_no_deny_entry() {
    for &(allow, deny, filter, queue, expected) in SUBSCRIBE_ROWS {
        let queue = Some(queue.as_bytes()).filter(|queue| !queue.is_empty());
        let verdict = subscribe(allow, deny).check_subscribe(filter.as_bytes(), queue);
        assert_eq!(verdict, expected, "allow [{allow}] deny [{deny}] {filter} {queue:?}");
    }
}

/// nats-server 2.15.1 accepts these and delivers what is on no allow list.
#[test]
fn a_full_wildcard_is_no_subset_of_a_star() {
    for (allow, filter, queue) in
        [("foo.*", "foo.>", None), ("*", ">", None), ("a.* q", "a.>", Some(&b"q"[..]))]
    {
        let verdict = subscribe(allow, "").check_subscribe(filter.as_bytes(), queue);
        assert_eq!(verdict, Denied, "{allow} {filter}");
    }
}

#[test]
fn a_filtered_subscription_gets_what_is_not_denied_to_its_queue() {
    let permissions = subscribe("", "foo.bar, foo.> q, x.* q.*");
    for (subject, queue, expected) in [
        ("foo.bar", "", false),
        ("foo.bar", "r", false),
        ("foo.a", "", true),
        ("foo.a", "q", false),
        ("foo.a", "r", true),
        ("x.y", "q", true),
        ("x.y", "q.1", false),
        ("x", "q.1", true),
    ] {
        let queue = Some(queue.as_bytes()).filter(|queue| !queue.is_empty());
        assert_eq!(permissions.may_deliver(subject.as_bytes(), queue), expected, "{subject}");
    }
}

#[test]
fn an_entry_that_is_no_filter_is_an_error() {
    for (entry, text) in [
        ("foo..bar", r#"subject "foo..bar" is not a valid subject"#),
        ("foo q r", r#"subject "foo q r" is not a valid subject"#),
        ("foo ", r#"subject "foo " is not a valid subject"#),
        ("", r#"subject "" is not a valid subject"#),
        ("foo q..r", r#"queue "q..r" is not a valid queue"#),
        ("foo >.q", r#"queue ">.q" is not a valid queue"#),
        ("foo.>.a q", r#"subject "foo.>.a" is not a valid subject"#),
    ] {
        let lists = AllowDeny { allow: vec![], deny: vec![entry.to_owned()] };
        let subscribe = Some(lists.clone());
        let config = PermissionsConfig { subscribe, ..PermissionsConfig::default() };
        assert_eq!(Permissions::compile(config).unwrap_err().to_string(), text);
        let config = PermissionsConfig { publish: Some(lists), ..PermissionsConfig::default() };
        assert!(Permissions::compile(config).is_err(), "{entry}");
    }
    let only_word = PermissionsConfig { publish: Some(both("foo q", "")), ..Default::default() };
    assert_eq!(
        Permissions::compile(only_word).unwrap_err().to_string(),
        r#"subject "foo q" is not a valid subject"#
    );
    for entry in ["foo  q", "foo\tq", "foo q>"] {
        subscribe(entry, entry);
    }
}

fn filter() -> impl Strategy<Value = String> {
    let token = prop_oneof![3 => Just("a"), 2 => Just("b"), 2 => Just("*")];
    let last = prop_oneof![2 => Just("a"), 1 => Just("b"), 2 => Just("*"), 2 => Just(">")];
    (vec(token, 0..=2), last).prop_map(|(mut tokens, last)| {
        tokens.push(last);
        tokens.join(".")
    })
}

fn queue() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["q", "r", "q.a", "q.b", "*", ">", "q.*", "q.>"])
}

fn entry() -> impl Strategy<Value = String> {
    (filter(), option::weighted(0.4, queue())).prop_map(|(filter, queue)| match queue {
        Some(queue) => format!("{filter} {queue}"),
        None => filter,
    })
}

fn config() -> impl Strategy<Value = PermissionsConfig> {
    let publish = (vec(filter(), 0..4), vec(filter(), 0..4));
    let subscribe = (vec(entry(), 0..4), vec(entry(), 0..4));
    let lists = |(allow, deny)| AllowDeny { allow, deny };
    let parts =
        (option::of(publish.prop_map(lists)), option::of(subscribe.prop_map(lists)), any::<bool>());
    parts.prop_map(|(publish, subscribe, responses)| PermissionsConfig {
        publish,
        subscribe,
        allow_responses: responses.then(ResponsePermission::default),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6_000))]

    #[test]
    fn permissions_say_what_the_sets_say(
        config in config(),
        filter in filter(),
        queue in option::of(queue()),
    ) {
        let naive = Naive::new(&config);
        let permissions = Permissions::compile(config).unwrap();
        let queue_bytes = queue.map(str::as_bytes);
        let verdict = permissions.check_subscribe(filter.as_bytes(), queue_bytes);
        prop_assert_eq!(verdict, naive.subscribe(&filter, queue));

        let publishable = naive.publishable();
        let deliverable = naive.deliverable(&filter, queue);
        for (bit, subject) in UNIVERSE.iter().enumerate() {
            let is_in = |set: u128| set & (1 << bit) != 0;
            let subject_bytes = subject.as_bytes();
            prop_assert_eq!(permissions.can_publish(subject_bytes), is_in(publishable), "{}", subject);
            let reaches = matches(filter.as_bytes(), subject_bytes)
                && match verdict {
                    Allowed => true,
                    Filtered => permissions.may_deliver(subject_bytes, queue_bytes),
                    Denied => false,
                };
            prop_assert_eq!(reaches, verdict != Denied && is_in(deliverable), "{}", subject);
            prop_assert!(!reaches || is_in(naive.allowed(queue)), "{} is on no allow list", subject);
        }
    }
}
