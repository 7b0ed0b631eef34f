//! Puts the layers on top of each other.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use toml::{Table, Value};

use super::Settings;
use crate::auth::without_value;

const ENVIRONMENT_PREFIX: &str = "ARACHNE_";

/// Where settings are looked for. The environment is handed in, so that a test has its own.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// A TOML file; it must exist.
    pub file: Option<PathBuf>,
    pub environment: Vec<(String, String)>,
    /// What the command line said.
    pub flags: Vec<Override>,
}

/// One value from a flag.
#[derive(Debug, Clone)]
pub struct Override {
    /// Dotted: `compute.mode`.
    pub key: String,
    pub value: String,
    /// As the user typed it: `--compute`.
    pub flag: String,
}

#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("the settings file {path} cannot be read: {source}", path = .path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("the settings file {path} is not TOML: {reason}", path = .path.display())]
    NotToml { path: PathBuf, reason: String },
    #[error("the setting `{key}` (from {origin}) is wrong: {reason}")]
    Wrong { key: String, origin: Origin, reason: String },
    /// The values are right one by one, but not together.
    #[error("the settings do not fit together: {0}")]
    Contradiction(String),
}

/// Where a value came from.
#[derive(Debug, Clone)]
pub enum Origin {
    File(PathBuf),
    Variable(String),
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => write!(f, "the environment variable {name}"),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

impl Sources {
    /// What this process sees: `file`, else `config.toml` in the user's configuration folder where it exists; and its environment.
    pub fn of_process(file: Option<PathBuf>, flags: Vec<Override>) -> Self {
        let usual = || dirs::config_dir().map(|dir| dir.join("arachne/config.toml")).filter(|path| path.exists());
        // Variables that are not Unicode cannot be ours.
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self { file: file.or_else(usual), environment: std::env::vars_os().filter_map(text).collect(), flags }
    }

    pub fn load(&self) -> Result<Settings, SettingsError> {
        let mut merged = Table::new();
        if let Some(path) = &self.file {
            add_file(&mut merged, path)?;
        }
        for (name, text) in &self.environment {
            if let Some(key) = key_of_variable(name).filter(|_| !text.is_empty()) {
                add_text(&mut merged, &key, text, &Origin::Variable(name.clone()))?;
            }
        }
        for flag in &self.flags {
            let key: Vec<String> = flag.key.split('.').map(String::from).collect();
            add_text(&mut merged, &key, &flag.value, &Origin::Flag(flag.flag.clone()))?;
        }
        Settings::deserialize(Value::Table(merged))
            .map_err(|error| SettingsError::Contradiction(error.message().into()))
    }
}

/// `ARACHNE_COMPUTE__LAMBDA__FUNCTION` is `compute.lambda.function`; a name without `__` is no setting.
fn key_of_variable(name: &str) -> Option<Vec<String>> {
    let name = name.strip_prefix(ENVIRONMENT_PREFIX)?;
    name.contains("__").then(|| name.split("__").map(str::to_ascii_lowercase).collect())
}

fn add_file(merged: &mut Table, path: &Path) -> Result<(), SettingsError> {
    let unreadable = |source| SettingsError::Unreadable { path: path.into(), source };
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let table: Table = text.parse().map_err(|error| not_toml(path, &text, &error))?;
    for (key, value) in leaves(table) {
        check(&key, &value).map_err(|reason| wrong(&key, &Origin::File(path.into()), reason))?;
        insert(merged, &key, value);
    }
    Ok(())
}

/// Text has no type: it is taken as a string where that fits, else as the TOML value it spells.
fn add_text(merged: &mut Table, key: &[String], text: &str, origin: &Origin) -> Result<(), SettingsError> {
    let as_string = Value::String(text.into());
    let Err(reason) = check(key, &as_string) else {
        insert(merged, key, as_string);
        return Ok(());
    };
    let spelled = format!("value = {text}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
    let value = spelled.filter(|value| check(key, value).is_ok()).ok_or_else(|| wrong(key, origin, reason))?;
    insert(merged, key, value);
    Ok(())
}

fn wrong(key: &[String], origin: &Origin, reason: String) -> SettingsError {
    SettingsError::Wrong { key: key.join("."), origin: origin.clone(), reason }
}

/// Every setting has a default, so a value can be tried alone.
fn check(key: &[String], value: &Value) -> Result<(), String> {
    let mut alone = Table::new();
    insert(&mut alone, key, value.clone());
    let checked = Settings::deserialize(Value::Table(alone)).map(|_| ());
    // What is written there may be a secret, even where it is wrong.
    let may_be_secret = key.first().is_some_and(|section| section == "access");
    checked.map_err(|error| if may_be_secret { without_value(error.message()) } else { error.message().to_owned() })
}

/// Says the line and does not show it: it may hold a secret.
fn not_toml(path: &Path, text: &str, error: &toml::de::Error) -> SettingsError {
    let line = error.span().map_or(1, |span| 1 + text.bytes().take(span.start).filter(|byte| *byte == b'\n').count());
    SettingsError::NotToml { path: path.into(), reason: format!("line {line}: {}", error.message()) }
}

fn leaves(table: Table) -> Vec<(Vec<String>, Value)> {
    let mut found = Vec::new();
    for (name, value) in table {
        match value {
            // `[access.users.etl]` says something without a key.
            Value::Table(inner) if inner.is_empty() => found.push((vec![name], Value::Table(inner))),
            Value::Table(inner) => found.extend(leaves(inner).into_iter().map(|(mut key, value)| {
                key.insert(0, name.clone());
                (key, value)
            })),
            value => found.push((vec![name], value)),
        }
    }
    found
}

fn insert(table: &mut Table, key: &[String], value: Value) {
    let [first, rest @ ..] = key else { return };
    if rest.is_empty() {
        table.insert(first.clone(), value);
        return;
    }
    let inner = table.entry(first.clone()).or_insert_with(|| Value::Table(Table::new()));
    if !inner.is_table() {
        *inner = Value::Table(Table::new());
    }
    if let Value::Table(inner) = inner {
        insert(inner, rest, value);
    }
}
