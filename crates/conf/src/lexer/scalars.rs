//! Values that are neither block nor array: strings in five forms, numbers, dates, variables.

use super::{LexError, Lexer, State, Step, Token, shown};

/// How the string being read ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quoting {
    Double,
    Bare,
}

impl Lexer<'_> {
    pub(super) fn value(&mut self) -> Step {
        match self.next_after_blank() {
            Some('[') => {
                self.ignore();
                self.emit(Token::ArrayStart, 0);
                Ok(Some(State::ArrayValue))
            }
            Some('{') => {
                self.ignore();
                self.emit(Token::MapStart, 0);
                Ok(Some(State::MapKey))
            }
            Some('\'') => {
                self.ignore();
                self.single_quoted()
            }
            Some('"') => {
                self.ignore();
                self.string(Quoting::Double)
            }
            Some('(') => {
                self.ignore();
                self.block()
            }
            Some('-') => self.negative(),
            Some('0'..='9') => self.number_or_text(),
            Some('.') => self.fail("Floats must start with a digit"),
            Some('\n' | '\r') => self.fail("Expected value but found new line"),
            _ => {
                self.back();
                self.string(Quoting::Bare)
            }
        }
    }

    fn single_quoted(&mut self) -> Step {
        loop {
            match self.peek() {
                Some('\'') => break,
                Some(_) => _ = self.next(),
                None if self.start < self.pos => return self.fail("Unexpected EOF."),
                None => return Ok(self.end()),
            }
        }
        self.emit_text(Token::Text);
        self.next();
        self.ignore();
        self.leave()
    }

    /// Text up to a `)` alone on its line. At the very end of the file that `)` stays part of the
    /// text: so does nats-server.
    fn block(&mut self) -> Step {
        loop {
            match self.next() {
                None => return self.fail("Unexpected EOF processing block."),
                Some(')') if self.input[..self.pos].ends_with("\n)") => match self.peek() {
                    None => {
                        self.emit_text(Token::Text);
                        return self.leave();
                    }
                    Some('\n') => break,
                    Some(_) => (),
                },
                Some(_) => (),
            }
        }
        self.pos -= 1;
        self.emit_text(Token::Text);
        self.next();
        self.ignore();
        self.leave()
    }

    fn string(&mut self, quoting: Quoting) -> Step {
        loop {
            match (self.next(), quoting) {
                (Some('\\'), _) => self.escape()?,
                (Some('"'), Quoting::Double) => break,
                (None, Quoting::Double) if self.start < self.pos => {
                    return self.fail("Unexpected EOF.");
                }
                (None, Quoting::Double) => return Ok(self.end()),
                (None | Some('\n' | '\r' | ';' | ',' | ']' | '}' | ' ' | '\t'), Quoting::Bare) => {
                    self.back();
                    self.bare_text()?;
                    return self.leave();
                }
                // A bare string may end in a stray quote, which is dropped.
                (Some('\''), Quoting::Bare) => break,
                (Some(_), _) => (),
            }
        }
        self.back();
        self.unescaped_text()?;
        self.next();
        self.ignore();
        self.leave()
    }

    /// Hands out the bare word just read as what it looks like.
    fn bare_text(&mut self) -> Result<(), LexError> {
        const BOOLS: [&str; 6] = ["true", "false", "on", "off", "yes", "no"];
        if self.unescaped.is_some() {
            return self.unescaped_text();
        }
        let text = self.text();
        if BOOLS.iter().any(|word| text.eq_ignore_ascii_case(word)) {
            self.emit_text(Token::Bool);
        } else if text.starts_with('$') {
            self.start += 1;
            self.emit_text(Token::Variable);
        } else {
            self.emit_text(Token::Text);
        }
        Ok(())
    }

    /// Hands out a string, the results of its escapes put in.
    fn unescaped_text(&mut self) -> Result<(), LexError> {
        let Some(mut bytes) = self.unescaped.take() else {
            self.emit_text(Token::Text);
            return Ok(());
        };
        bytes.extend_from_slice(&self.input.as_bytes()[self.start..self.pos]);
        let len = bytes.len();
        let text = String::from_utf8(bytes).map_err(|_| {
            self.error("Escape sequences '\\xXX' of one string have to make valid UTF-8")
        })?;
        self.emit(Token::Text(text), len);
        Ok(())
    }

    /// Reads what follows a backslash and keeps what it stands for.
    fn escape(&mut self) -> Result<(), LexError> {
        let before = &self.input.as_bytes()[self.start..self.pos - 1];
        self.unescaped.get_or_insert_default().extend_from_slice(before);
        self.start = self.pos;
        let byte = match self.next() {
            Some('x') => self.hexadecimal()?,
            Some('t') => b'\t',
            Some('n') => b'\n',
            Some('r') => b'\r',
            Some('"') => b'"',
            Some('\\') => b'\\',
            other => {
                return Err(self.error(&format!(
                    "Invalid escape character '{}'. Only the following escape characters are allowed: \\xXX, \\t, \\n, \\r, \\\", \\\\.",
                    shown(other)
                )));
            }
        };
        self.unescaped.get_or_insert_default().push(byte);
        self.start = self.pos;
        Ok(())
    }

    fn hexadecimal(&mut self) -> Result<u8, LexError> {
        for _ in 0..2 {
            if matches!(self.next(), Some('\n' | '\r')) {
                return Err(
                    self.error("Expected two hexadecimal digits after '\\x', but hit end of line")
                );
            }
        }
        let digits = &self.input.as_bytes()[self.pos - 2..self.pos];
        let value = |digit: u8| char::from(digit).to_digit(16).and_then(|it| u8::try_from(it).ok());
        match (value(digits[0]), value(digits[1])) {
            (Some(high), Some(low)) => Ok(high * 16 + low),
            _ => Err(self.error(&format!(
                "Expected two hexadecimal digits after '\\x', but got '{}'",
                String::from_utf8_lossy(digits)
            ))),
        }
    }

    fn negative(&mut self) -> Step {
        match self.next() {
            Some('0'..='9') => (),
            Some('.') => return self.fail("Floats must start with a digit, not '.'."),
            other => return self.fail(&format!("Expected a digit but got '{}'.", shown(other))),
        }
        match self.next_after_digits() {
            Some('.') => self.float(),
            Some(read) if is_suffix(read) => self.suffix(),
            _ => self.integer(),
        }
    }

    /// What starts with a digit: a number, a date, an address, or text after all.
    fn number_or_text(&mut self) -> Step {
        match self.next_after_digits() {
            Some('-') if self.pos - self.start == "2026-".len() => self.date_after_year(),
            Some('-') => self.fail("All ISO8601 dates must be in full Zulu form."),
            Some('.') => self.float(),
            Some(read) if is_suffix(read) => self.suffix(),
            read if ends_number(read) => self.integer(),
            // `]` is among what makes it text: `[1]` is an unfinished array, `[1 ]` is not.
            _ => self.string_again(),
        }
    }

    /// Goes on reading as bare text what began as a number. The character read last is part of it,
    /// whatever it is.
    fn string_again(&mut self) -> Step {
        self.string(Quoting::Bare)
    }

    /// After the first letter of a size suffix.
    fn suffix(&mut self) -> Step {
        while matches!(self.peek(), Some('b' | 'B' | 'i' | 'I')) {
            self.next();
        }
        if ends_number(self.peek()) {
            self.emit_text(Token::Integer);
            return self.leave();
        }
        self.string_again()
    }

    /// Steps back over what ended the digits, and hands them out.
    fn integer(&mut self) -> Step {
        self.back();
        self.emit_text(Token::Integer);
        self.leave()
    }

    /// After the point.
    fn float(&mut self) -> Step {
        let first = self.next();
        if !first.is_some_and(|read| read.is_ascii_digit()) {
            return self.fail(&format!(
                "Floats must have a digit after the '.', but got '{}' instead.",
                shown(first)
            ));
        }
        if self.next_after_digits() != Some('.') {
            self.back();
            self.emit_text(Token::Float);
            return self.leave();
        }
        // Two points: an address such as 127.0.0.1:4222.
        while matches!(self.peek(), Some('0'..='9' | '.' | ':' | '-')) {
            self.next();
        }
        self.emit_text(Token::Text);
        self.leave()
    }

    fn date_after_year(&mut self) -> Step {
        for form in "00-00T00:00:00Z".chars() {
            let read = self.next();
            if form == '0' && !read.is_some_and(|read| read.is_ascii_digit()) {
                return self.fail(&format!(
                    "Expected digit in ISO8601 datetime, but found '{}' instead.",
                    shown(read)
                ));
            }
            if form != '0' && read != Some(form) {
                return self.fail(&format!(
                    "Expected '{form}' in ISO8601 datetime, but found '{}' instead.",
                    shown(read)
                ));
            }
        }
        self.emit_text(Token::Datetime);
        self.leave()
    }

    fn next_after_digits(&mut self) -> Option<char> {
        loop {
            let read = self.next();
            if !read.is_some_and(|read| read.is_ascii_digit()) {
                return read;
            }
        }
    }

    fn error(&self, reason: &str) -> LexError {
        LexError { line: self.line, reason: reason.to_owned() }
    }
}

fn is_suffix(read: char) -> bool {
    matches!(read.to_ascii_lowercase(), 'k' | 'm' | 'g' | 't' | 'p' | 'e')
}

fn ends_number(read: Option<char>) -> bool {
    matches!(read, None | Some('\n' | '\r' | '}' | ';' | ',' | ' ' | '\t'))
}
