//! Keys, includes, and what stands between values in blocks and arrays.

use super::{Lexer, Scope, State, Step, Token, shown};

impl Lexer<'_> {
    pub(super) fn key(&mut self) -> Step {
        match self.peek() {
            Some(separator @ ('=' | ':')) => {
                self.fail(&format!("Unexpected key separator '{separator}'"))
            }
            Some(quote @ ('"' | '\'')) => self.quoted_key(quote, Scope::Top),
            _ => self.bare_key(Scope::Top),
        }
    }

    pub(super) fn key_end(&mut self) -> Option<State> {
        match self.next_after_space() {
            Some('=' | ':') => self.ignore(),
            None => return self.end(),
            Some(_) => self.back(),
        }
        Some(State::Value)
    }

    pub(super) fn map_key(&mut self) -> Step {
        match self.next_after_space() {
            Some(separator @ ('=' | ':')) => {
                return self.fail(&format!("Unexpected key separator '{separator}'."));
            }
            Some(']') => return self.fail("Unexpected array end ']' processing map."),
            Some('}') => return self.map_end(),
            Some('#') => return self.enter(State::MapKey, State::Comment),
            Some('/') if self.second_slash() => return self.enter(State::MapKey, State::Comment),
            // A lone slash before a key is dropped.
            Some('/') => (),
            None => return self.fail("Unexpected EOF processing map."),
            Some(_) => self.back(),
        }
        match self.peek() {
            Some(quote @ ('"' | '\'')) if self.pos == self.start => {
                self.quoted_key(quote, Scope::Map)
            }
            _ => self.bare_key(Scope::Map),
        }
    }

    pub(super) fn map_key_end(&mut self) -> State {
        match self.next_after_space() {
            Some('=' | ':') => self.ignore(),
            _ => self.back(),
        }
        State::MapValue
    }

    pub(super) fn map_value(&mut self) -> Step {
        match self.next_after_space() {
            Some(',') => self.fail("Unexpected map value terminator \",\"."),
            Some('}') => self.map_end(),
            _ => {
                self.back();
                self.enter(State::MapValueEnd, State::Value)
            }
        }
    }

    pub(super) fn map_value_end(&mut self) -> Step {
        match self.next_after_blank() {
            Some('#') => return self.enter(State::MapValueEnd, State::Comment),
            Some('/') if self.second_slash() => {
                return self.enter(State::MapValueEnd, State::Comment);
            }
            Some('/' | ';' | ',' | '\n' | '\r') => self.ignore(),
            Some('}') => return self.map_end(),
            other => {
                return self.fail(&format!(
                    "Expected a map value terminator \",\" or a map terminator \"}}\", but got '{}' instead.",
                    shown(other)
                ));
            }
        }
        Ok(Some(State::MapKey))
    }

    fn map_end(&mut self) -> Step {
        self.ignore();
        self.emit(Token::MapEnd, 0);
        self.leave()
    }

    pub(super) fn array_value(&mut self) -> Step {
        match self.next_after_space() {
            Some('#') => self.enter(State::ArrayValue, State::Comment),
            Some('/') if self.second_slash() => self.enter(State::ArrayValue, State::Comment),
            Some('/' | ',') => self.fail("Unexpected array value terminator ','."),
            Some(']') => self.array_end(),
            _ => {
                self.back();
                self.enter(State::ArrayValueEnd, State::Value)
            }
        }
    }

    pub(super) fn array_value_end(&mut self) -> Step {
        match self.next_after_blank() {
            Some('#') => return self.enter(State::ArrayValueEnd, State::Comment),
            Some('/') if self.second_slash() => {
                return self.enter(State::ArrayValueEnd, State::Comment);
            }
            Some('/' | ',' | '\n' | '\r') => self.ignore(),
            Some(']') => return self.array_end(),
            other => {
                return self.fail(&format!(
                    "Expected an array value terminator \",\" or an array terminator \"]\", but got '{}' instead.",
                    shown(other)
                ));
            }
        }
        Ok(Some(State::ArrayValue))
    }

    fn array_end(&mut self) -> Step {
        self.ignore();
        self.emit(Token::ArrayEnd, 0);
        self.leave()
    }

    fn quoted_key(&mut self, quote: char, scope: Scope) -> Step {
        self.next();
        self.ignore();
        loop {
            match self.peek() {
                Some(read) if read == quote => break,
                Some(_) => _ = self.next(),
                None if scope == Scope::Map && quote == '"' => {
                    return self.fail("Unexpected EOF processing double quoted map key.");
                }
                None if scope == Scope::Map => {
                    return self.fail("Unexpected EOF processing quoted map key.");
                }
                None if self.start < self.pos => return self.fail("Unexpected EOF."),
                None => return Ok(self.end()),
            }
        }
        self.emit_text(Token::Key);
        self.next();
        self.ignore();
        Ok(Some(key_end_of(scope)))
    }

    fn bare_key(&mut self, scope: Scope) -> Step {
        self.ignore();
        self.next();
        loop {
            match self.peek() {
                None if scope == Scope::Map => {
                    return self.fail("Unexpected EOF processing map key.");
                }
                Some(read) if read.is_whitespace() => break,
                None | Some('=' | ':') => {
                    self.emit_text(Token::Key);
                    return Ok(Some(key_end_of(scope)));
                }
                Some(_) => _ = self.next(),
            }
        }
        if !self.input[self.start..self.pos].eq_ignore_ascii_case("include") {
            self.emit_text(Token::Key);
            return Ok(Some(key_end_of(scope)));
        }
        self.ignore();
        match scope {
            Scope::Top => Ok(Some(State::IncludePath)),
            Scope::Map => self.enter(State::MapValueEnd, State::IncludePath),
        }
    }

    pub(super) fn include_path(&mut self) -> Step {
        let found = match self.next_after_blank() {
            Some(quote @ ('"' | '\'')) => return self.quoted_include(quote),
            Some('[') => "start of an array",
            Some('{') => "start of a map",
            Some('(') => "start of a block",
            Some('0'..='9' | '-') => "start of a number",
            Some('\\') => "escape sequence",
            Some('\n' | '\r') => "new line",
            _ => {
                self.back();
                return self.bare_include();
            }
        };
        self.fail(&format!("Expected include value but found {found}"))
    }

    fn quoted_include(&mut self, quote: char) -> Step {
        self.ignore();
        loop {
            match self.peek() {
                Some(read) if read == quote => break,
                Some(_) => _ = self.next(),
                None if quote == '"' => {
                    return self.fail("Unexpected EOF in double quoted include");
                }
                None => return self.fail("Unexpected EOF in quoted include"),
            }
        }
        self.emit_text(Token::Include);
        self.next();
        self.ignore();
        self.leave()
    }

    fn bare_include(&mut self) -> Step {
        while !matches!(self.peek(), None | Some('\n' | '\r' | ';' | '}' | ' ' | '\t' | '\'')) {
            self.next();
        }
        self.emit_text(Token::Include);
        if self.peek() == Some('\'') {
            self.next();
            self.ignore();
        }
        self.leave()
    }

    /// Reads past blanks and tabs, not newlines, and gives the character after them.
    pub(super) fn next_after_blank(&mut self) -> Option<char> {
        loop {
            let read = self.next();
            if !matches!(read, Some(' ' | '\t')) {
                return read;
            }
            self.ignore();
        }
    }
}

fn key_end_of(scope: Scope) -> State {
    match scope {
        Scope::Top => State::KeyEnd,
        Scope::Map => State::MapKeyEnd,
    }
}
