use std::fmt;
use std::time::Duration;

/// What a handler says became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Ack,
    /// Once more: after a wait that grows with each delivery.
    Retry(String),
    /// Once more, after this wait.
    RetryAfter(Duration, String),
    /// Not worth keeping: acknowledged, and gone.
    Drop(String),
    /// Never to succeed: into the dead letters at once.
    DeadLetter(String),
}

impl Outcome {
    /// The word for it in metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Ack => "ack",
            Outcome::Retry(_) | Outcome::RetryAfter(..) => "retry",
            Outcome::Drop(_) => "drop",
            Outcome::DeadLetter(_) => "dead_letter",
        }
    }
}

/// Why a handler failed: an error that time may heal, or one that it will not.
///
/// Any error becomes a retryable one by `?`; [`HandlerError::permanent`] makes the other kind.
#[derive(Debug)]
pub struct HandlerError {
    text: String,
    is_permanent: bool,
}

impl HandlerError {
    /// Another try will fail, too: the message is a dead letter.
    pub fn permanent(error: impl fmt::Display) -> HandlerError {
        HandlerError { text: error.to_string(), is_permanent: true }
    }

    /// Another try may succeed.
    pub fn retryable(error: impl fmt::Display) -> HandlerError {
        HandlerError { text: error.to_string(), is_permanent: false }
    }

    /// Whether another try will fail, too.
    pub fn is_permanent(&self) -> bool {
        self.is_permanent
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<E: std::error::Error> From<E> for HandlerError {
    fn from(error: E) -> HandlerError {
        // The cause is often what says something.
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        HandlerError { text, is_permanent: false }
    }
}

impl From<()> for Outcome {
    fn from((): ()) -> Outcome {
        Outcome::Ack
    }
}

impl<T: Into<Outcome>> From<Result<T, HandlerError>> for Outcome {
    fn from(result: Result<T, HandlerError>) -> Outcome {
        match result {
            Ok(outcome) => outcome.into(),
            Err(error) if error.is_permanent => Outcome::DeadLetter(error.text),
            Err(error) => Outcome::Retry(error.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_retried_unless_they_are_permanent() {
        fn parse(text: &str) -> Result<(), HandlerError> {
            let number: u32 = text.parse()?;
            if number == 0 {
                return Err(HandlerError::permanent("zero is no amount"));
            }
            Ok(())
        }

        assert_eq!(Outcome::from(parse("1")), Outcome::Ack);
        assert_eq!(Outcome::from(parse("0")), Outcome::DeadLetter("zero is no amount".into()));
        assert_eq!(Outcome::from(parse("x")).name(), "retry");
    }
}
