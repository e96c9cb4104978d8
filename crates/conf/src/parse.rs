//! From text to a [`Document`]: blocks and arrays, variables, includes.

mod scalar;

use std::mem;
use std::sync::Arc;

use crate::lexer::{Item, LexError, Lexer, Token};
use crate::source::{self, Source};
use crate::value::{Map, Node, Position, Value};

/// Blocks and arrays within each other.
const DEPTH_MAX: usize = 128;
/// Files and environment values within each other; a file that includes itself ends here.
const LEVEL_MAX: u32 = 24;
/// Work for one configuration, counted as one for each value and each 32 bytes of text. Variables
/// and includes can multiply text, so the size of the files alone bounds nothing.
const BUDGET: usize = 4_000_000;
/// The key an environment value is parsed under.
const ENV_KEY: &str = "pk";

/// A parsed configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The path it was read from; empty if it came from no file.
    pub file: Arc<str>,
    /// The entries at the top.
    pub root: Map,
}

/// Why a configuration cannot be parsed. The texts are nats-server's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The file cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// The text breaks the grammar.
    #[error("Parse error on line {line}: '{reason}'")]
    Syntax {
        /// Where reading stopped.
        line: u32,
        /// What was expected.
        reason: String,
    },
    /// A number or a date is well-formed and yet none.
    #[error("{0}")]
    Scalar(String),
    /// A `$name` that neither the enclosing blocks nor the environment know.
    #[error("variable reference for '{name}' on line {line} can not be found")]
    VariableMissing {
        /// The name.
        name: String,
        /// Where it is used.
        line: u32,
    },
    /// A `$name` whose environment value cannot be parsed.
    #[error("variable reference for '{name}' on line {line} could not be parsed: {reason}")]
    VariableUnusable {
        /// The name.
        name: String,
        /// Where it is used.
        line: u32,
        /// What is wrong with the value.
        reason: Box<ParseError>,
    },
    /// Environment variables that refer to each other in a circle.
    #[error("variable reference cycle for '{0}'")]
    VariableCycle(String),
    /// An included file cannot be read or parsed.
    #[error("error parsing include file '{path}', {reason}")]
    Include {
        /// The path as written.
        path: String,
        /// What is wrong with it.
        reason: Box<ParseError>,
    },
    /// The text ends within an entry, or a key has no value.
    #[error("config is invalid ({0})")]
    Incomplete(Position),
    /// Nesting, includes or repeated variables go beyond what any configuration needs.
    #[error("{at}: {what}")]
    TooLarge {
        /// Where the limit was met.
        at: Position,
        /// Which limit.
        what: &'static str,
    },
}

/// Parses `text`, which came from no file; includes are looked up in the current folder.
///
/// Never panics, whatever the text; depth and work are bounded.
///
/// # Errors
///
/// The first [`ParseError`] met.
pub fn parse(text: &str, source: &mut dyn Source) -> Result<Document, ParseError> {
    parse_named("", text, source)
}

/// Reads and parses the file at `path`.
///
/// # Errors
///
/// The first [`ParseError`] met.
pub fn parse_file(path: &str, source: &mut dyn Source) -> Result<Document, ParseError> {
    let text = read(path, source)?;
    parse_named(path, &text, source)
}

fn read(path: &str, source: &mut dyn Source) -> Result<String, ParseError> {
    source.read(path).map_err(|error| ParseError::Unreadable(source::describe(path, &error)))
}

fn parse_named(file: &str, text: &str, source: &mut dyn Source) -> Result<Document, ParseError> {
    let file: Arc<str> = Arc::from(file);
    let mut session = Session { source, budget: BUDGET, order: 0, env_open: Vec::new() };
    let root = Builder::run(&mut session, Arc::clone(&file), text, 0)?;
    Ok(Document { file, root })
}

/// What the files and environment values of one configuration share.
struct Session<'s> {
    source: &'s mut dyn Source,
    budget: usize,
    order: u64,
    /// Environment variables being parsed, to find circles.
    env_open: Vec<String>,
}

/// A key whose value is still to come.
struct Key {
    name: String,
    line: u32,
    column: u32,
}

/// A block or array still open.
enum Open {
    Map {
        entries: Map,
        /// Keys that were waiting when it began, its own included.
        keys: usize,
    },
    Array(Vec<Node>),
}

/// The values of one text as they come in.
struct Builder<'b, 's> {
    session: &'b mut Session<'s>,
    file: Arc<str>,
    level: u32,
    root: Map,
    open: Vec<Open>,
    keys: Vec<Key>,
}

impl<'b, 's> Builder<'b, 's> {
    fn run(
        session: &'b mut Session<'s>,
        file: Arc<str>,
        text: &str,
        level: u32,
    ) -> Result<Map, ParseError> {
        let mut builder =
            Builder { session, file, level, root: Map::new(), open: Vec::new(), keys: Vec::new() };
        builder.spend(1 + text.len() / 32, 1, 0)?;
        refuse_nul(text)?;
        let mut lexer = Lexer::new(text);
        let mut waiting_key = false;
        loop {
            let item = lexer.next_item().map_err(syntax)?;
            if item.token == Token::End {
                let place = builder.position(item.line, item.column);
                return builder.finish(waiting_key, place);
            }
            // A brace too many after a JSON-like document is read as a key.
            waiting_key = matches!(&item.token, Token::Key(name) if name != "}");
            builder.take(item)?;
        }
    }

    fn finish(self, waiting_key: bool, place: Position) -> Result<Map, ParseError> {
        // An open block would be dropped with all that it guards.
        if waiting_key || !self.open.is_empty() {
            return Err(ParseError::Incomplete(place));
        }
        Ok(self.root)
    }

    fn take(&mut self, item: Item) -> Result<(), ParseError> {
        let Item { token, line, column } = item;
        let value = match token {
            Token::Key(name) => {
                self.keys.push(Key { name, line, column });
                return Ok(());
            }
            Token::MapStart => {
                let keys = self.keys.len();
                return self.begin(Open::Map { entries: Map::new(), keys }, line, column);
            }
            Token::ArrayStart => return self.begin(Open::Array(Vec::new()), line, column),
            Token::MapEnd | Token::ArrayEnd => self.close(line, column)?,
            Token::Variable(name) => return self.variable(&name, line, column),
            Token::Include(path) => return self.include(path, line, column),
            Token::Comment | Token::End => return Ok(()),
            Token::Text(text) => Value::String(text),
            Token::Bool(text) => Value::Bool(scalar::boolean(&text)),
            Token::Integer(text) => scalar::integer(&text).map_err(ParseError::Scalar)?,
            Token::Float(text) => scalar::float(&text).map_err(ParseError::Scalar)?,
            Token::Datetime(text) => scalar::datetime(&text).map_err(ParseError::Scalar)?,
        };
        self.set(value, line, column)
    }

    fn begin(&mut self, open: Open, line: u32, column: u32) -> Result<(), ParseError> {
        self.check_depth(1, line, column)?;
        self.open.push(open);
        Ok(())
    }

    fn close(&mut self, line: u32, column: u32) -> Result<Value, ParseError> {
        match self.open.pop() {
            Some(Open::Array(items)) => Ok(Value::Array(items)),
            // `a { b }`: a key without a value.
            Some(Open::Map { entries, keys }) if keys == self.keys.len() => Ok(Value::Map(entries)),
            _ => Err(ParseError::Incomplete(self.position(line, column))),
        }
    }

    /// Puts `value`, just read, where it belongs.
    fn set(&mut self, value: Value, line: u32, column: u32) -> Result<(), ParseError> {
        let bytes = if let Value::String(text) = &value { text.len() } else { 0 };
        self.spend(1 + bytes / 32, line, column)?;
        if let Some(Open::Array(items)) = self.open.last_mut() {
            self.session.order += 1;
            let at = Position { file: Arc::clone(&self.file), line, column };
            items.push(Node { value, at, used_as_variable: false, order: self.session.order });
            return Ok(());
        }
        let Some(key) = self.keys.pop() else {
            return Err(ParseError::Incomplete(self.position(line, column)));
        };
        let at = self.position(key.line, key.column);
        self.insert(key.name, value, at);
        Ok(())
    }

    fn insert(&mut self, name: String, value: Value, at: Position) {
        self.session.order += 1;
        let node = Node { value, at, used_as_variable: false, order: self.session.order };
        match self.open.last_mut() {
            Some(Open::Map { entries, .. }) => _ = entries.insert(name, node),
            _ => _ = self.root.insert(name, node),
        }
    }

    fn variable(&mut self, name: &str, line: u32, column: u32) -> Result<(), ParseError> {
        // A bcrypt hash is taken as it is, so that it needs no quotes.
        if name.starts_with("2a$") {
            return self.set(Value::String(format!("${name}")), line, column);
        }
        let value = match self.find(name) {
            Some(value) => value.clone(),
            None => self.environment(name, line, column)?,
        };
        let size = measure(&value);
        self.check_depth(size.depth, line, column)?;
        self.spend(size.weight, line, column)?;
        self.set(value, line, column)
    }

    /// The innermost earlier entry called `name`, which thereby counts as used.
    fn find(&mut self, name: &str) -> Option<&Value> {
        let maps = self.open.iter_mut().rev().filter_map(|open| match open {
            Open::Map { entries, .. } => Some(entries),
            Open::Array(_) => None,
        });
        let node = maps.chain([&mut self.root]).find_map(|entries| entries.get_mut(name))?;
        node.used_as_variable = true;
        Some(&node.value)
    }

    fn environment(&mut self, name: &str, line: u32, column: u32) -> Result<Value, ParseError> {
        let missing = || ParseError::VariableMissing { name: name.to_owned(), line };
        let unusable = |reason| ParseError::VariableUnusable {
            name: name.to_owned(),
            line,
            reason: Box::new(reason),
        };
        if self.session.env_open.iter().any(|open| open == name) {
            return Err(unusable(ParseError::VariableCycle(name.to_owned())));
        }
        self.check_level(line, column)?;
        let text = self.session.source.env(name).ok_or_else(missing)?;
        self.session.env_open.push(name.to_owned());
        let text = format!("{ENV_KEY}={text}");
        let parsed = Builder::run(self.session, Arc::from(""), &text, self.level + 1);
        self.session.env_open.pop();
        let mut value = match parsed {
            Ok(mut entries) => entries.remove(ENV_KEY).ok_or_else(missing)?.value,
            Err(error @ ParseError::TooLarge { .. }) => return Err(error),
            Err(error) => return Err(unusable(error)),
        };
        // The value has no place of its own: everything in it is where it is used.
        relocate(&mut value, &self.position(line, column));
        Ok(value)
    }

    fn include(&mut self, path: String, line: u32, column: u32) -> Result<(), ParseError> {
        self.check_level(line, column)?;
        let full = source::join(&source::folder(&self.file), &path);
        let parsed = read(&full, self.session.source).and_then(|text| {
            // Variables of this file are not seen from there, nor a circle through here.
            let env_open = mem::take(&mut self.session.env_open);
            let parsed = Builder::run(self.session, Arc::from(full), &text, self.level + 1);
            self.session.env_open = env_open;
            parsed
        });
        let entries = match parsed {
            Ok(entries) => entries,
            Err(error @ ParseError::TooLarge { .. }) => return Err(error),
            Err(error) => return Err(ParseError::Include { path, reason: Box::new(error) }),
        };
        for (name, node) in entries {
            self.check_depth(measure(&node.value).depth, line, column)?;
            match self.open.last_mut() {
                Some(Open::Map { entries, .. }) => _ = entries.insert(name, node),
                _ => _ = self.root.insert(name, node),
            }
        }
        Ok(())
    }

    fn check_depth(&self, more: usize, line: u32, column: u32) -> Result<(), ParseError> {
        if self.open.len() + more <= DEPTH_MAX {
            return Ok(());
        }
        Err(self.too_large(line, column, "blocks are nested too deeply"))
    }

    fn check_level(&self, line: u32, column: u32) -> Result<(), ParseError> {
        if self.level < LEVEL_MAX {
            return Ok(());
        }
        Err(self.too_large(line, column, "includes are nested too deeply"))
    }

    fn spend(&mut self, work: usize, line: u32, column: u32) -> Result<(), ParseError> {
        match self.session.budget.checked_sub(work) {
            Some(left) => {
                self.session.budget = left;
                Ok(())
            }
            None => Err(self.too_large(line, column, "configuration is too large")),
        }
    }

    fn too_large(&self, line: u32, column: u32, what: &'static str) -> ParseError {
        ParseError::TooLarge { at: self.position(line, column), what }
    }

    fn position(&self, line: u32, column: u32) -> Position {
        Position { file: Arc::clone(&self.file), line, column }
    }
}

/// nats-server's lexer takes NUL for the end of the text in some places and would skip what
/// follows; no configuration needs one.
fn refuse_nul(text: &str) -> Result<(), ParseError> {
    let Some(at) = text.find('\0') else { return Ok(()) };
    let newlines = text[..at].bytes().filter(|byte| *byte == b'\n').count();
    let line = u32::try_from(newlines + 1).unwrap_or(u32::MAX);
    Err(ParseError::Syntax { line, reason: "Unexpected NUL character.".to_owned() })
}

fn syntax(error: LexError) -> ParseError {
    ParseError::Syntax { line: error.line, reason: error.reason }
}

/// How much there is of a value.
struct Size {
    /// Blocks and arrays within each other.
    depth: usize,
    /// In units of [`BUDGET`].
    weight: usize,
}

fn measure(value: &Value) -> Size {
    let around = |nodes: &mut dyn Iterator<Item = &Node>| {
        nodes.map(|node| measure(&node.value)).fold(Size { depth: 1, weight: 1 }, |sum, one| Size {
            depth: sum.depth.max(one.depth + 1),
            weight: sum.weight + one.weight,
        })
    };
    match value {
        Value::Map(entries) => around(&mut entries.values()),
        Value::Array(items) => around(&mut items.iter()),
        Value::String(text) => Size { depth: 0, weight: 1 + text.len() / 32 },
        _ => Size { depth: 0, weight: 1 },
    }
}

fn relocate(value: &mut Value, at: &Position) {
    let each = |node: &mut Node| {
        node.at = at.clone();
        relocate(&mut node.value, at);
    };
    match value {
        Value::Map(entries) => entries.values_mut().for_each(each),
        Value::Array(items) => items.iter_mut().for_each(each),
        _ => (),
    }
}

#[cfg(test)]
mod tests;
