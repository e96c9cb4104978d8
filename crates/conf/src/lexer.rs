//! Cuts configuration text into tokens.
//!
//! The dialect cannot be tokenized without context: `{` inside a bare word is text, a newline ends
//! an array element but not a key, `#` starts a comment only between values. So the lexer keeps a
//! stack of what encloses the current byte. It is a heap stack: hostile nesting cannot exhaust the
//! thread's.

mod keys;
mod scalars;

/// What the parser is told, in the order of the text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// A key; its value follows.
    Key(String),
    /// Text, quoted or bare.
    Text(String),
    /// `true`, `yes`, … as written.
    Bool(String),
    /// Digits with an optional sign and suffix.
    Integer(String),
    /// Digits with a fraction.
    Float(String),
    /// A date in the shape of ISO 8601.
    Datetime(String),
    /// The name after `$`.
    Variable(String),
    /// The path after `include`.
    Include(String),
    /// `[`
    ArrayStart,
    /// `]`
    ArrayEnd,
    /// `{` as a value.
    MapStart,
    /// The `}` that closes it.
    MapEnd,
    /// A comment, which means nothing.
    Comment,
    /// The end of the text.
    End,
}

/// A token and where it started.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub(crate) token: Token,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// Why the text cannot be tokenized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LexError {
    pub(crate) line: u32,
    pub(crate) reason: String,
}

/// What is expected next. The names say what has just been read or may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between entries at the top.
    Top,
    /// After an entry at the top.
    TopValueEnd,
    /// Between entries of a nameless `{ … }` around the top, as in JSON.
    Outer,
    /// After an entry in there.
    OuterValueEnd,
    /// Before the brace that closes it.
    OuterEnd,
    /// A key, at the top or in an outer block.
    Key,
    /// Between a key and its value.
    KeyEnd,
    Value,
    ArrayValue,
    ArrayValueEnd,
    MapKey,
    MapKeyEnd,
    MapValue,
    MapValueEnd,
    Comment,
    IncludePath,
}

/// How a key ends, which differs between the top and a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Top,
    Map,
}

type Step = Result<Option<State>, LexError>;

/// A cursor over one text.
#[derive(Debug)]
pub(crate) struct Lexer<'a> {
    input: &'a str,
    /// Where the token being read starts.
    start: usize,
    pos: usize,
    /// Bytes of the character read last, for stepping back.
    width: usize,
    line: u32,
    /// Offset of the newline before `pos`.
    line_start: usize,
    /// Offset of the newline before `start`.
    token_line_start: usize,
    /// Text of the current string before `start`: what stood before its last escape.
    unescaped: Option<Vec<u8>>,
    state: Option<State>,
    stack: Vec<State>,
    ready: Option<Item>,
}

impl<'a> Lexer<'a> {
    /// Starts at the top of `input`, which holds no NUL.
    pub(crate) fn new(input: &'a str) -> Lexer<'a> {
        Lexer {
            input,
            start: 0,
            pos: 0,
            width: 0,
            line: 1,
            line_start: 0,
            token_line_start: 0,
            unescaped: None,
            state: Some(State::Top),
            stack: Vec::new(),
            ready: None,
        }
    }

    /// The next token; [`Token::End`] for ever once the text is used up.
    pub(crate) fn next_item(&mut self) -> Result<Item, LexError> {
        loop {
            if let Some(item) = self.ready.take() {
                return Ok(item);
            }
            let Some(state) = self.state else {
                return Ok(Item { token: Token::End, line: self.line, column: 0 });
            };
            self.state = self.step(state)?;
        }
    }

    fn step(&mut self, state: State) -> Step {
        match state {
            State::Top => self.top(),
            State::TopValueEnd => self.top_value_end(),
            State::Outer => self.outer(),
            State::OuterValueEnd => self.outer_value_end(),
            State::OuterEnd => self.outer_end(),
            State::Key => self.key(),
            State::KeyEnd => Ok(self.key_end()),
            State::Value => self.value(),
            State::ArrayValue => self.array_value(),
            State::ArrayValueEnd => self.array_value_end(),
            State::MapKey => self.map_key(),
            State::MapKeyEnd => Ok(Some(self.map_key_end())),
            State::MapValue => self.map_value(),
            State::MapValueEnd => self.map_value_end(),
            State::Comment => self.comment(),
            State::IncludePath => self.include_path(),
        }
    }

    fn top(&mut self) -> Step {
        match self.next_after_space() {
            Some('{') => {
                self.ignore();
                self.enter(State::Top, State::Outer)
            }
            Some('#') => self.enter(State::Top, State::Comment),
            Some('/') if self.second_slash() => self.enter(State::Top, State::Comment),
            Some('/') => self.fail("Unexpected EOF."),
            None => Ok(self.end()),
            Some(_) => {
                self.back();
                self.enter(State::TopValueEnd, State::Key)
            }
        }
    }

    fn top_value_end(&mut self) -> Step {
        match self.next() {
            Some('#') => self.enter(State::Top, State::Comment),
            // A lone slash is passed over, here and in outer blocks: so does nats-server.
            Some('/') if self.second_slash() => self.enter(State::Top, State::Comment),
            Some('/') => Ok(Some(State::TopValueEnd)),
            Some(' ' | '\t') => Ok(Some(State::TopValueEnd)),
            None | Some('\n' | '\r' | ';' | ',' | '}') => {
                self.ignore();
                Ok(Some(State::Top))
            }
            other => self.fail(&format!(
                "Expected a top-level value to end with a new line, comment or EOF, but got '{}' instead.",
                shown(other)
            )),
        }
    }

    fn outer(&mut self) -> Step {
        match self.next_after_space() {
            Some('{') => {
                self.ignore();
                self.enter(State::OuterEnd, State::Outer)
            }
            Some('}') => {
                self.ignore();
                self.leave()
            }
            Some('#') => self.enter(State::Outer, State::Comment),
            Some('/') if self.second_slash() => self.enter(State::Outer, State::Comment),
            Some('/') => self.fail("Unexpected EOF."),
            None => Ok(self.end()),
            Some(_) => {
                self.back();
                self.enter(State::OuterValueEnd, State::Key)
            }
        }
    }

    fn outer_value_end(&mut self) -> Step {
        match self.next() {
            Some('#') => self.enter(State::OuterValueEnd, State::Comment),
            Some('/') if self.second_slash() => self.enter(State::OuterValueEnd, State::Comment),
            Some('/') => Ok(Some(State::OuterValueEnd)),
            Some(' ' | '\t') => Ok(Some(State::OuterValueEnd)),
            Some('\n' | '\r' | ';' | ',') => {
                self.ignore();
                Ok(Some(State::Outer))
            }
            Some('}') => {
                self.back();
                Ok(Some(State::OuterEnd))
            }
            other => self.fail(&format!(
                "Expected a block-level value to end with a new line, comment or EOF, but got '{}' instead.",
                shown(other)
            )),
        }
    }

    fn outer_end(&mut self) -> Step {
        match self.next() {
            Some('#') => self.enter(State::Outer, State::Comment),
            Some('/') if self.second_slash() => self.enter(State::Outer, State::Comment),
            Some('/') => Ok(Some(State::OuterEnd)),
            Some(' ' | '\t' | '\n' | '\r') => Ok(Some(State::OuterEnd)),
            Some(';' | ',') => {
                self.ignore();
                Ok(Some(State::Outer))
            }
            Some('}') => {
                self.ignore();
                self.leave()
            }
            other => self.fail(&format!(
                "Expected a block-level to end with a '}}', but got '{}' instead.",
                shown(other)
            )),
        }
    }

    fn comment(&mut self) -> Step {
        self.ignore();
        while !matches!(self.peek(), None | Some('\n' | '\r')) {
            self.next();
        }
        self.emit(Token::Comment, 0);
        self.leave()
    }

    /// Reads past white space, newlines included, and gives the character after it.
    fn next_after_space(&mut self) -> Option<char> {
        loop {
            let read = self.next();
            if !read.is_some_and(char::is_whitespace) {
                return read;
            }
            self.ignore();
        }
    }

    /// After one slash: reads a second one, or nothing.
    fn second_slash(&mut self) -> bool {
        let found = self.next() == Some('/');
        if !found {
            self.back();
        }
        found
    }

    fn next(&mut self) -> Option<char> {
        let Some(read) = self.input[self.pos..].chars().next() else {
            self.width = 0;
            return None;
        };
        if read == '\n' {
            self.line += 1;
            self.line_start = self.pos;
        }
        self.width = read.len_utf8();
        self.pos += self.width;
        Some(read)
    }

    /// Steps back over the character read last. Once per [`Lexer::next`].
    fn back(&mut self) {
        self.pos -= self.width;
        if self.input[self.pos..].starts_with('\n') {
            self.line -= 1;
        }
    }

    fn peek(&mut self) -> Option<char> {
        let read = self.next();
        self.back();
        read
    }

    /// Lets the next token start here.
    fn ignore(&mut self) {
        self.start = self.pos;
        self.token_line_start = self.line_start;
    }

    /// The text of the token being read.
    fn text(&self) -> String {
        self.input[self.start..self.pos].to_owned()
    }

    /// Hands out a token whose text is `len` bytes long and ends here.
    fn emit(&mut self, token: Token, len: usize) {
        let column = self.pos.saturating_sub(self.token_line_start).saturating_sub(len);
        let column = u32::try_from(column).unwrap_or(u32::MAX);
        self.ready = Some(Item { token, line: self.line, column });
        self.ignore();
    }

    /// Hands out the text read so far as a token.
    fn emit_text(&mut self, token: fn(String) -> Token) {
        let text = self.text();
        let len = text.len();
        self.emit(token(text), len);
    }

    /// Hands out the end of the text, after which there is no state.
    fn end(&mut self) -> Option<State> {
        let len = self.pos - self.start + self.unescaped.as_ref().map_or(0, Vec::len);
        self.emit(Token::End, len);
        None
    }

    /// Goes to `state`; `then` follows when it is done.
    #[expect(clippy::unnecessary_wraps, reason = "ends a step, as `leave` and `fail` do")]
    fn enter(&mut self, then: State, state: State) -> Step {
        self.stack.push(then);
        Ok(Some(state))
    }

    /// Goes back to what encloses the construct just finished.
    fn leave(&mut self) -> Step {
        match self.stack.pop() {
            Some(state) => Ok(Some(state)),
            None => self.fail("BUG in lexer: no states to pop."),
        }
    }

    fn fail(&self, reason: &str) -> Step {
        Err(LexError { line: self.line, reason: reason.to_owned() })
    }
}

/// A character as error texts show it; the end of the text shows as NUL.
fn shown(read: Option<char>) -> String {
    match read {
        None => "\0".to_owned(),
        Some('\n') => "\\n".to_owned(),
        Some(other) => other.to_string(),
    }
}
