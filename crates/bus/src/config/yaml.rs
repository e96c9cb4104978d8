//! Configurations in YAML files.

mod keys;
#[cfg(test)]
mod tests;
mod value;

use std::path::{Path, PathBuf};

use serde_saphyr::DuplicateKeyPolicy;

use super::{Config, ConfigError};
pub(super) use keys::{Draft, KEYS, Key};
pub(super) use value::Value;

/// Names the file to load.
const VARIABLE: &str = "NATS_CONFIG";
/// Where the file is if nothing names it: here or in a directory above.
const FILE: &str = "configs/sdk/nats.yaml";
/// Sections that only group: their keys mean the same without them.
const SECTIONS: [&str; 7] =
    ["nats", "client", "server", "auth", "connection", "producer", "consumer"];
/// Letters by which a key may be wrong and still be guessed.
const GUESS_DISTANCE: usize = 2;

/// A key of a file with its value.
struct Entry {
    /// With its sections, `tls.ca`.
    name: String,
    line: u64,
    value: Value,
    /// Its place in [`KEYS`].
    key: usize,
}

impl Config {
    /// The configuration that the YAML `text` says, over the defaults.
    ///
    /// Keys are those of `configs/sdk/nats.yaml` and, under `client:` and `server:`, the options of
    /// a client and a server; both tell the same bus. Durations are texts with a unit (`2s`) or
    /// numbers of seconds. A secret may be in a file that its key with `_file` names.
    ///
    /// # Errors
    ///
    /// If `text` is no YAML, a key is unknown, or a value is not of its kind: with key and line.
    /// What fits together is left to [`Config::check`].
    pub fn from_yaml(text: &str) -> Result<Config, ConfigError> {
        Ok(draft_of(text)?.into())
    }

    /// As [`Config::from_yaml`], of the text of a file.
    ///
    /// # Errors
    ///
    /// Those of [`Config::from_yaml`], with the path, and if the file can't be read.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Config, ConfigError> {
        Ok(draft_of_file(path.as_ref())?.into())
    }

    /// The file that [`Config::load`] reads: what `NATS_CONFIG` names, else `configs/sdk/nats.yaml`
    /// in the current directory or the nearest one above that has it.
    pub fn find_file() -> Option<PathBuf> {
        find_file_from(std::env::var(VARIABLE).ok(), std::env::current_dir().ok()?.as_path())
    }

    /// The defaults, the file of [`Config::find_file`] if there is one, and the environment, each
    /// over the one before.
    ///
    /// # Errors
    ///
    /// Those of [`Config::from_file`] and [`Config::apply_environment`].
    pub fn load() -> Result<Config, ConfigError> {
        load_from(Config::find_file().as_deref(), &|name| std::env::var(name).ok())
    }
}

/// As one draft, so that the environment can turn on a Consul that the file told all of but to use.
fn load_from(
    file: Option<&Path>,
    variables: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, ConfigError> {
    let mut draft = match file {
        Some(path) => draft_of_file(path)?,
        None => Draft::from(Config::default()),
    };
    super::environment::apply(&mut draft, variables)?;
    Ok(draft.into())
}

fn find_file_from(named: Option<String>, start: &Path) -> Option<PathBuf> {
    match named.filter(|name| !name.is_empty()) {
        Some(name) => Some(PathBuf::from(name)),
        None => start.ancestors().map(|dir| dir.join(FILE)).find(|path| path.is_file()),
    }
}

fn draft_of_file(path: &Path) -> Result<Draft, ConfigError> {
    let text = read(path)?;
    draft_of(&text)
        .map_err(|source| ConfigError::InFile { path: path.to_owned(), source: Box::new(source) })
}

fn draft_of(text: &str) -> Result<Draft, ConfigError> {
    let root = parse(text)?;
    let mut entries = Vec::new();
    match root {
        Value::Null => {}
        Value::Map(map) => flatten("", map, &mut entries)?,
        // Not shown: it may be the content of a file with a secret.
        _ => {
            let problem = "is no configuration: write keys with values, `urls: …`".to_owned();
            return Err(ConfigError::Yaml { line: 1, problem });
        }
    }
    // Stable: keys of one meaning stay in the order of the file.
    entries.sort_by_key(|entry| entry.key);
    let mut draft = Draft::from(Config::default());
    apply(&mut draft, &entries)?;
    Ok(draft)
}

fn parse(text: &str) -> Result<Value, ConfigError> {
    // A key that comes twice is no error if it says the same, as anywhere in the file.
    let options = serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::PassThrough };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error.location().map_or(0, |location| location.line());
        // The lines around would show secrets.
        let message = error.without_snippet().to_string();
        let problem = message.rsplit_once(" at line ").map_or(&*message, |(problem, _)| problem);
        ConfigError::Yaml { line, problem: problem.to_owned() }
    })
}

/// The keys of `map` and of its sections as one list.
fn flatten(
    section: &str,
    map: Vec<(String, u64, Value)>,
    entries: &mut Vec<Entry>,
) -> Result<(), ConfigError> {
    for (key, line, value) in map {
        let name = if section.is_empty() { key } else { format!("{section}.{key}") };
        match (find(&name), value) {
            (Some(key), value) => entries.push(entry(name, line, value, key)?),
            (None, Value::Map(map)) if is_section(&name) => flatten(&name, map, entries)?,
            (None, Value::Null) if is_section(&name) => {}
            (None, _) if is_section(&name) => {
                let problem = "is a section: put keys with values under it".to_owned();
                return Err(ConfigError::Key { line, key: name, problem });
            }
            (None, _) => {
                let nearest = nearest(strip_sections(&name));
                return Err(ConfigError::UnknownKey { line, key: name, nearest });
            }
        }
    }
    Ok(())
}

fn strip_sections(mut name: &str) -> &str {
    while let Some((section, rest)) = name.split_once('.') {
        if !SECTIONS.contains(&section) || Key::find(name).is_some() {
            break;
        }
        name = rest;
    }
    name
}

/// The place of `name` in [`KEYS`], with grouping sections and `_file` or without.
fn find(name: &str) -> Option<usize> {
    let name = strip_sections(name);
    Key::find(name).or_else(|| Key::find(name.strip_suffix("_file")?).filter(|key| is_secret(*key)))
}

fn is_secret(key: usize) -> bool {
    KEYS.get(key).is_some_and(|key| key.is_secret)
}

fn is_section(name: &str) -> bool {
    let name = strip_sections(name);
    let has_it = |known: &&str| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
    SECTIONS.contains(&name) || KEYS.iter().any(|key| key.names.iter().any(&has_it))
}

/// An entry whose secret is read, if it is in a file.
fn entry(name: String, line: u64, value: Value, key: usize) -> Result<Entry, ConfigError> {
    let is_in_file = Key::find(strip_sections(&name)).is_none();
    if !is_in_file || value.is_blank() {
        return Ok(Entry { name, line, value, key });
    }
    let path =
        value.path().map_err(|problem| ConfigError::Key { line, key: name.clone(), problem })?;
    let value = secret_of_file(&path)?;
    Ok(Entry { name, line, value, key })
}

/// The trimmed content of a file with a secret.
pub(super) fn secret_of_file(path: &Path) -> Result<Value, ConfigError> {
    read(path).map(|text| Value::Text(text.trim().to_owned()))
}

fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })
}

fn apply(draft: &mut Draft, entries: &[Entry]) -> Result<(), ConfigError> {
    let mut last: Option<&Entry> = None;
    for entry in entries.iter().filter(|entry| !entry.value.is_blank()) {
        let Some(key) = KEYS.get(entry.key) else { continue };
        let before = last.filter(|last| last.key == entry.key).map(|last| (last, draft.clone()));
        (key.set)(draft, &entry.value).map_err(|problem| ConfigError::Key {
            line: entry.line,
            key: entry.name.clone(),
            problem,
        })?;
        if let Some((other, before)) = before
            && before != *draft
            && !key.names.contains(&"client_id")
        {
            return Err(ConfigError::Twice {
                line: entry.line,
                key: entry.name.clone(),
                other_line: other.line,
                other: other.name.clone(),
            });
        }
        last = Some(entry);
    }
    draft.client_id = None;
    Ok(())
}

/// The known key that differs least from `name`, if by a slip only.
fn nearest(name: &str) -> Option<&'static str> {
    let known = KEYS.iter().flat_map(|key| key.names);
    let distances = known.map(|known| (distance(known, name), *known));
    distances.min().filter(|(least, _)| *least <= GUESS_DISTANCE).map(|(_, known)| known)
}

/// Letters to add, drop or change to make `left` of `right`.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = i;
        let mut previous = i + 1;
        if let Some(first) = row.first_mut() {
            *first = previous;
        }
        for (cell, r) in row.iter_mut().skip(1).zip(right.chars()) {
            let changed = diagonal + usize::from(l != r);
            diagonal = *cell;
            previous = changed.min(previous + 1).min(diagonal + 1);
            *cell = previous;
        }
    }
    row.last().copied().unwrap_or(0)
}
