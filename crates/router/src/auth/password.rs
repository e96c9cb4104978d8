use std::fmt;
use std::hint::black_box;
use std::sync::Arc;

use super::authenticator::{AuthFailure, User};

/// A password or token, in clear text or as a bcrypt hash. `{:?}` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

/// bcrypt looks at no more of a password.
const BCRYPT_BYTES_MAX: usize = 72;

impl Secret {
    /// Whether this is a bcrypt hash, by its prefix: `$2a$`, `$2b$`, `$2x$` or `$2y$`, a cost of two
    /// digits, `$`.
    pub fn is_bcrypt(&self) -> bool {
        matches!(
            self.0.as_bytes(),
            [b'$', b'2', b'a' | b'b' | b'x' | b'y', b'$', tens, ones, b'$', ..]
                if tens.is_ascii_digit() && ones.is_ascii_digit()
        )
    }

    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares with a clear-text secret, in a time that depends on the length of `given` only.
    pub(super) fn equals(&self, given: &str) -> bool {
        let expected = self.0.as_bytes();
        let mut difference = usize::from(given.len() != expected.len());
        for (at, byte) in given.bytes().enumerate() {
            difference |= usize::from(byte ^ expected.get(at).copied().unwrap_or(0));
            difference = black_box(difference);
        }
        black_box(difference) == 0
    }

    /// The cost of a bcrypt hash: each step doubles the work. Zero if this is none.
    pub(super) fn bcrypt_cost(&self) -> u32 {
        if self.is_bcrypt() { self.0[4..6].parse().unwrap_or(0) } else { 0 }
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Secret {
        Secret(Arc::from(text))
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Secret {
        Secret(Arc::from(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

/// A password that is yet to be held against a bcrypt hash, which takes a processor for tens of
/// milliseconds and more. Can be moved to a thread of its own; how many run at once is the
/// caller's to limit.
pub struct BcryptCheck {
    password: Box<[u8]>,
    hash: Secret,
    /// Who it is if the hash fits; nobody if the work is only for show.
    user: Option<Arc<User>>,
    failure: AuthFailure,
}

impl BcryptCheck {
    pub(super) fn new(
        given: &str,
        hash: Secret,
        user: Option<Arc<User>>,
        failure: AuthFailure,
    ) -> BcryptCheck {
        let len = given.len().min(BCRYPT_BYTES_MAX);
        BcryptCheck { password: Box::from(&given.as_bytes()[..len]), hash, user, failure }
    }

    /// Does the work.
    ///
    /// # Errors
    ///
    /// The password is wrong, or the hash is malformed.
    pub fn run(self) -> Result<Arc<User>, AuthFailure> {
        let fits = bcrypt::verify(&self.password, &self.hash.0).unwrap_or(false);
        match self.user {
            Some(user) if fits => Ok(user),
            _ => Err(self.failure),
        }
    }
}

impl fmt::Debug for BcryptCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BcryptCheck").field("failure", &self.failure).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bcrypt_prefix_makes_a_bcrypt_hash() {
        for (text, expected) in [
            ("$2a$11$abc", true),
            ("$2b$04$", true),
            ("$2x$10$x", true),
            ("$2y$10$x", true),
            ("$2c$10$x", false),
            ("$2$10$x", false),
            ("$2a$1$x", false),
            ("$2a$1x$x", false),
            ("2a$10$x", false),
            ("", false),
        ] {
            assert_eq!(Secret::from(text).is_bcrypt(), expected, "{text}");
        }
        assert_eq!(Secret::from("$2b$04$x").bcrypt_cost(), 4);
        assert_eq!(Secret::from("$2b").bcrypt_cost(), 0);
    }

    #[test]
    fn equality_of_secrets_is_equality_of_bytes() {
        let texts = ["", "a", "b", "ab", "a\0", "\0", "pass", "pasS", "passe"];
        for expected in texts {
            for given in texts {
                assert_eq!(Secret::from(expected).equals(given), expected == given);
            }
        }
    }
}
