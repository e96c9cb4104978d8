use std::fmt::Write as _;

use super::*;
use crate::auth::AllowDeny;

const NKEY: &str = "UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK";
const OTHER_NKEY: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";
const NONCE: &[u8] = b"test-nonce";

/// Made from the seed `SUAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H776Y` by another
/// implementation.
const SIG: &str =
    "krWu1yuXFuNeo2RhUnGNt25Ijqis8-SQ3clkqasr6Yl0xYbDMUVNQ101PDwYszBw0HNnOk9jIQKDu-4nq2A1Cw";

/// `U*U`, from the test vectors of crypt_blowfish.
const BCRYPT_2A: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
const BCRYPT_2B: &str = "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

fn password_user(user: &str, password: &str) -> UserConfig {
    let identity = Identity::Password { user: user.to_owned(), password: Secret::from(password) };
    UserConfig { identity, permissions: None }
}

fn nkey_user(nkey: &str) -> UserConfig {
    UserConfig { identity: Identity::Nkey(nkey.to_owned()), permissions: None }
}

fn users(users: &[UserConfig], no_auth_user: Option<&str>) -> AuthConfig {
    AuthConfig {
        users: users.to_vec(),
        no_auth_user: no_auth_user.map(str::to_owned),
        ..AuthConfig::default()
    }
}

fn single(user: &str, password: &str) -> AuthConfig {
    AuthConfig {
        user: Some(user.to_owned()),
        password: Some(Secret::from(password)),
        ..AuthConfig::default()
    }
}

fn token(token: &str) -> AuthConfig {
    AuthConfig { token: Some(Secret::from(token)), ..AuthConfig::default() }
}

fn publish_only(subject: &str) -> PermissionsConfig {
    let publish = Some(AllowDeny { allow: vec![subject.to_owned()], deny: vec![] });
    PermissionsConfig { publish, ..PermissionsConfig::default() }
}

fn user_pass<'a>(user: &'a str, pass: &'a str) -> Credentials<'a> {
    Credentials { user, pass, ..Credentials::default() }
}

fn auth_token(auth_token: &str) -> Credentials<'_> {
    Credentials { auth_token, ..Credentials::default() }
}

fn signed<'a>(nkey: &'a str, sig: &'a str) -> Credentials<'a> {
    Credentials { nkey, sig, ..Credentials::default() }
}

fn finish(begin: Begin) -> Result<Arc<User>, AuthFailure> {
    match begin {
        Begin::Done(outcome) => outcome,
        Begin::Bcrypt(check) => check.run(),
    }
}

/// The name of who is let in, or the line for the log.
fn outcome(authenticator: &Authenticator, credentials: &Credentials<'_>) -> String {
    match finish(authenticator.begin(credentials, NONCE)) {
        Ok(user) => user.name.as_deref().unwrap_or("-").to_owned(),
        Err(failure) => failure.to_string(),
    }
}

const ANONYMOUS: Credentials<'static> =
    Credentials { user: "", pass: "", auth_token: "", nkey: "", sig: "", names_account: false };

const NOBODY: &str = "authentication error";
const REFUSED_TOKEN: &str = "authentication error - Token \"[REDACTED]\"";

fn refused(user: &str) -> String {
    format!("authentication error - User {user:?}")
}

fn refused_nkey(nkey: &str) -> String {
    format!("authentication error - Nkey {nkey:?}")
}

fn with_nkey(nkey: &str) -> Credentials<'_> {
    Credentials { nkey, ..user_pass("a", "b") }
}

fn assert_rows(config: AuthConfig, rows: &[(Credentials<'_>, &str)]) {
    let authenticator = Authenticator::new(config).unwrap();
    for (credentials, expected) in rows {
        assert_eq!(outcome(&authenticator, credentials), *expected, "{credentials:?}");
        let names_account = Credentials { names_account: true, ..*credentials };
        assert!(finish(authenticator.begin(&names_account, NONCE)).is_err(), "{credentials:?}");
    }
}

// The rows were seen on nats-server 2.15.1, where nothing else is said.

#[test]
fn without_any_credentials_configured_everybody_is_let_in() {
    assert_rows(
        AuthConfig::default(),
        &[
            (ANONYMOUS, "-"),
            (user_pass("zz", "c"), "zz"),
            (auth_token("b"), "-"),
            (signed(NKEY, "AA"), "-"),
        ],
    );
}

#[test]
fn a_listed_user_needs_the_right_password() {
    let list = [password_user("a", "b"), password_user("e", ""), password_user("n", "x")];
    assert_rows(
        users(&list, None),
        &[
            (ANONYMOUS, NOBODY),
            (user_pass("a", "b"), "a"),
            (user_pass("a", "c"), &refused("a")),
            (user_pass("a", ""), &refused("a")),
            (user_pass("zz", "b"), &refused("zz")),
            (user_pass("zz", ""), &refused("zz")),
            (user_pass("e", ""), "e"),
            (user_pass("e", "x"), &refused("e")),
            (user_pass("", "b"), NOBODY),
            (auth_token("b"), REFUSED_TOKEN),
            (Credentials { auth_token: "b", ..user_pass("a", "c") }, &refused("a")),
            (signed(NKEY, SIG), &refused_nkey(NKEY)),
            (with_nkey("UABC"), "a"),
        ],
    );
}

#[test]
fn no_auth_user_is_for_those_who_present_nothing() {
    let list = [password_user("a", "b"), password_user("n", "x")];
    assert_rows(
        users(&list, Some("n")),
        &[
            (ANONYMOUS, "n"),
            (user_pass("a", "b"), "a"),
            (user_pass("a", "c"), &refused("a")),
            (user_pass("zz", "b"), &refused("zz")),
            (user_pass("", "b"), NOBODY),
            (auth_token("b"), REFUSED_TOKEN),
            (signed(NKEY, "AA"), "n"),
        ],
    );
    assert_rows(
        users(&[nkey_user(NKEY), password_user("a", "b")], Some(NKEY)),
        &[
            (ANONYMOUS, NKEY),
            (user_pass("a", "c"), &refused("a")),
            // nats-server lets these two in.
            (signed(NKEY, "AA"), &refused_nkey(NKEY)),
            (signed(OTHER_NKEY, SIG), &refused_nkey(OTHER_NKEY)),
        ],
    );
}

#[test]
fn a_single_user_or_token_is_the_only_way_in() {
    assert_rows(
        single("a", "b"),
        &[
            (ANONYMOUS, NOBODY),
            (user_pass("a", "b"), "a"),
            (user_pass("a", "c"), &refused("a")),
            (user_pass("b", "b"), &refused("b")),
            (auth_token("b"), REFUSED_TOKEN),
            (with_nkey("UABC"), "a"),
        ],
    );
    assert_rows(
        token("t"),
        &[
            (ANONYMOUS, NOBODY),
            (auth_token("t"), "[REDACTED]"),
            (auth_token("b"), REFUSED_TOKEN),
            (user_pass("t", ""), &refused("t")),
            (user_pass("a", "t"), &refused("a")),
            (user_pass("", "t"), NOBODY),
            (Credentials { auth_token: "t", ..user_pass("a", "b") }, "a"),
            (with_nkey("UABC"), &refused_nkey("UABC")),
        ],
    );
}

#[test]
fn an_nkey_decides_alone() {
    assert_rows(
        users(&[nkey_user(NKEY), password_user("a", "b")], None),
        &[
            (ANONYMOUS, NOBODY),
            (signed(NKEY, SIG), NKEY),
            (signed(NKEY, ""), &refused_nkey(NKEY)),
            (signed(NKEY, "AA"), &refused_nkey(NKEY)),
            (signed(OTHER_NKEY, SIG), &refused_nkey(OTHER_NKEY)),
            (user_pass("a", "b"), "a"),
            (with_nkey(NKEY), &refused_nkey(NKEY)),
            (with_nkey("UABC"), &refused_nkey("UABC")),
        ],
    );
}

#[test]
fn a_signature_may_come_in_two_alphabets() {
    let authenticator = Authenticator::new(users(&[nkey_user(NKEY)], None)).unwrap();
    let standard = SIG.replace('-', "+").replace('_', "/");
    // The last character carries four bits that belong to no byte.
    let loose = SIG.replace("1Cw", "1Cx");
    for (sig, expected) in [
        (SIG.to_owned(), true),
        (format!("{SIG}=="), false),
        (standard.clone(), true),
        (format!("{standard}=="), true),
        (loose, true),
        (SIG.replace("krW", "krX"), false),
        (SIG[..84].to_owned(), false),
        (format!("{SIG}AAAA"), false),
        ("*".to_owned(), false),
    ] {
        let outcome = finish(authenticator.begin(&signed(NKEY, &sig), NONCE));
        assert_eq!(outcome.is_ok(), expected, "{sig}");
    }
}

#[test]
fn a_signature_holds_for_one_nonce() {
    let authenticator = Authenticator::new(users(&[nkey_user(NKEY)], None)).unwrap();
    for (nonce, expected) in [(NONCE, true), (b"test-noncf", false), (b"", false)] {
        let outcome = finish(authenticator.begin(&signed(NKEY, SIG), nonce));
        assert_eq!(outcome.is_ok(), expected, "{nonce:?}");
    }
    let nothing = KeyPair::from_seed("SUAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H776Y")
        .unwrap()
        .sign(b"")
        .unwrap();
    let nothing = URL_RAW.encode(nothing);
    assert!(finish(authenticator.begin(&signed(NKEY, &nothing), b"")).is_err());
}

#[test]
fn a_bcrypt_hash_is_checked_elsewhere() {
    let list = [
        password_user("a", BCRYPT_2A),
        password_user("b", BCRYPT_2B),
        password_user("malformed", "$2a$99$xx"),
        password_user("plain", "p"),
    ];
    let authenticator = Authenticator::new(users(&list, None)).unwrap();
    let long = "x".repeat(3000);
    for (user, pass, elsewhere, expected) in [
        ("a", "U*U", true, true),
        ("b", "U*U", true, true),
        ("a", "U*V", true, false),
        ("a", "", true, false),
        ("a", BCRYPT_2A, true, false),
        ("b", long.as_str(), true, false),
        ("malformed", "$2a$99$xx", true, false),
        ("plain", "p", false, true),
        // As slow as a known user's wrong password.
        ("plain", "q", true, false),
        ("unknown", "U*U", true, false),
        ("unknown", "p", true, false),
        ("", "p", false, false),
    ] {
        let begin = authenticator.begin(&user_pass(user, pass), NONCE);
        assert_eq!(matches!(begin, Begin::Bcrypt(_)), elsewhere, "{user}");
        assert_eq!(finish(begin).is_ok(), expected, "{user}");
    }
}

#[test]
fn a_token_may_be_a_bcrypt_hash() {
    let authenticator = Authenticator::new(token(BCRYPT_2A)).unwrap();
    assert_eq!(outcome(&authenticator, &auth_token("U*U")), "[REDACTED]");
    assert!(finish(authenticator.begin(&auth_token(BCRYPT_2A), NONCE)).is_err());
}

#[test]
fn default_permissions_are_for_listed_users_without_their_own() {
    let own = UserConfig { permissions: Some(publish_only("own")), ..password_user("own", "p") };
    let mut config = users(&[own, password_user("plain", "p"), nkey_user(NKEY)], Some("plain"));
    config.default_permissions = Some(publish_only("default"));
    let authenticator = Authenticator::new(config).unwrap();
    for (credentials, subject) in [
        (user_pass("own", "p"), "own"),
        (user_pass("plain", "p"), "default"),
        (signed(NKEY, SIG), "default"),
        (Credentials::default(), "default"),
    ] {
        let user = finish(authenticator.begin(&credentials, NONCE)).unwrap();
        assert_eq!(user.permissions.as_ref().unwrap().config(), &publish_only(subject));
        assert_eq!(&*user.account, GLOBAL_ACCOUNT);
    }
    for mut config in [single("a", "b"), token("b"), AuthConfig::default()] {
        config.default_permissions = Some(publish_only("default"));
        let authenticator = Authenticator::new(config).unwrap();
        let credentials = Credentials { auth_token: "b", ..user_pass("a", "b") };
        let user = finish(authenticator.begin(&credentials, NONCE)).unwrap();
        assert_eq!(user.permissions, None);
    }
}

#[test]
fn a_contradictory_configuration_is_refused() {
    let account_nkey = "ACSU3Q6LTLBLVGAQUONAGXJHVNWGSKKAUA7IY5TB4Z7PLEKSR5O6JTGR";
    let list = users(&[password_user("a", "b")], None);
    let bad = UserConfig { permissions: Some(publish_only("a..b")), ..password_user("a", "b") };
    for (config, text) in [
        (users(&[password_user("", "b")], None), "User entry requires a user"),
        (
            users(&[password_user("a", "b"), password_user("a", "c")], None),
            r#"Duplicate user "a" detected"#,
        ),
        (
            users(&[nkey_user(NKEY), nkey_user(NKEY)], None),
            &format!("Duplicate nkey {NKEY:?} detected"),
        ),
        (users(&[nkey_user("UABC")], None), "Not a valid public nkey for a user"),
        (users(&[nkey_user(account_nkey)], None), "Not a valid public nkey for a user"),
        (
            users(&[nkey_user(&NKEY.replace("UAB", "UAC"))], None),
            "Not a valid public nkey for a user",
        ),
        (users(&[bad], None), r#"subject "a..b" is not a valid subject"#),
        (
            AuthConfig { token: Some(Secret::from("t")), ..single("a", "b") },
            "Cannot have a user/pass and token",
        ),
        (
            AuthConfig { user: Some("a".to_owned()), ..list.clone() },
            "Can not have a single user/pass and a users array",
        ),
        (
            AuthConfig { token: Some(Secret::from("t")), ..list.clone() },
            "Can not have a token and a users array",
        ),
        (
            AuthConfig { no_auth_user: Some("a".to_owned()), ..single("a", "b") },
            r#"no_auth_user: "a" present, but users/nkeys are not defined"#,
        ),
        (users(&[], Some("x")), r#"no_auth_user: "x" present, but users/nkeys are not defined"#),
        (
            AuthConfig { no_auth_user: Some("x".to_owned()), ..list },
            r#"no_auth_user: "x" not present as user or nkey in authorization block or account configuration"#,
        ),
        // With these two nats-server asks nobody for anything.
        (single("", "b"), "a password requires a user"),
        (token(""), "the token is empty"),
    ] {
        assert_eq!(Authenticator::new(config).unwrap_err().to_string(), text);
    }
}

#[test]
fn info_and_warnings_follow_the_configuration() {
    for (config, required, nonce, plaintext) in [
        (AuthConfig::default(), false, false, false),
        (single("a", "b"), true, false, true),
        (single("a", BCRYPT_2A), true, false, false),
        (token("t"), true, false, false),
        (users(&[nkey_user(NKEY)], None), true, true, false),
        (users(&[nkey_user(NKEY)], Some(NKEY)), false, true, false),
        (users(&[password_user("a", BCRYPT_2A), password_user("b", "c")], None), true, false, true),
    ] {
        let authenticator = Authenticator::new(config).unwrap();
        assert_eq!(authenticator.required(), required, "{authenticator:?}");
        assert_eq!(authenticator.needs_nonce(), nonce, "{authenticator:?}");
        assert_eq!(authenticator.plaintext_passwords(), plaintext, "{authenticator:?}");
    }
}

#[test]
fn no_secret_is_ever_shown() {
    let canary = "canary-7f3a";
    let configs = [
        single("a", canary),
        token(canary),
        users(&[password_user("a", canary), nkey_user(NKEY)], None),
        users(&[password_user("a", canary), password_user("b", BCRYPT_2A)], None),
    ];
    for config in configs {
        let mut shown = format!("{config:?}");
        let authenticator = Authenticator::new(config).unwrap();
        write!(shown, "{authenticator:?}").unwrap();
        let credentials =
            Credentials { pass: canary, auth_token: canary, sig: canary, ..Credentials::default() };
        for credentials in [
            credentials,
            Credentials { user: "a", ..credentials },
            Credentials { user: "b", ..credentials },
            Credentials { user: "unknown", ..credentials },
            Credentials { nkey: NKEY, ..credentials },
        ] {
            let begin = authenticator.begin(&credentials, NONCE);
            write!(shown, "{credentials:?} {begin:?}").unwrap();
            if let Err(failure) = finish(begin) {
                write!(shown, "{failure} {failure:?}").unwrap();
            }
        }
        assert!(!shown.contains(canary) && !shown.contains("$2a$"), "{shown}");
    }
}

#[test]
fn a_refused_name_is_cut_and_quoted_in_the_log() {
    let authenticator = Authenticator::new(single("a", "b")).unwrap();
    let line = outcome(&authenticator, &user_pass("x\r\n[INF] \"ok\"", "b"));
    assert_eq!(line, r#"authentication error - User "x\r\n[INF] \"ok\"""#);
    let line = outcome(&authenticator, &user_pass(&"é".repeat(3000), "b"));
    assert!(line.chars().count() < 200);
}
