//! Users and tokens as they are written down: in the settings (`access.users`, `access.tokens`), and in a file of their own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::secret::Secret;
use super::{passwords, tokens::KnownToken};

/// Whom a server knows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Credentials {
    pub users: BTreeMap<String, UserEntry>,
    /// By a name that says what the token is for.
    pub tokens: BTreeMap<String, TokenEntry>,
}

/// `[users.ana]`. A user without a password comes in by token or certificate only.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserEntry {
    /// What `arachne password` printed.
    pub password: Option<Secret>,
    /// Whose limits, results and grants are theirs; `primary` by default.
    pub workgroup: Option<String>,
}

/// `[tokens.nightly]`: what `arachne token` printed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenEntry {
    pub user: String,
    /// In hexadecimal.
    pub sha256: Option<Secret>,
    pub expires: Option<Moment>,
}

/// A point in time, as `2027-01-31` (its beginning, in UTC) or `2027-01-31T18:00:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since 1970.
    pub milliseconds: i64,
}

/// What is wrong with users or tokens; names them, never shows them.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    #[error("the credentials file {path} cannot be read: {source}", path = .path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("the credentials file {path} is wrong{}: {reason}", .line.map(|line| format!(" in line {line}")).unwrap_or_default(), path = .path.display())]
    NotToml { path: PathBuf, line: Option<usize>, reason: String },
    #[error("the password of user `{0}` is no argon2 hash: write what `arachne password` prints")]
    NoHash(String),
    #[error("user `{0}` is written down twice, in the settings and in the credentials file")]
    UserTwice(String),
    #[error("token `{0}` is written down twice, in the settings and in the credentials file")]
    TokenTwice(String),
    #[error("the sha256 of token `{0}` is not 64 hexadecimal digits: write what `arachne token` prints")]
    NoSha256(String),
    #[error("token `{token}` is for user `{user}`, who is not written down")]
    TokenOfNobody { token: String, user: String },
    #[error("`{0}` is no user name: it is empty, or has a colon or a control character in it")]
    NoName(String),
}

impl Credentials {
    /// # Errors
    /// What cannot be read; the message shows no line of the file.
    pub fn of_file(path: &Path) -> Result<Self, CredentialsError> {
        let unreadable = |source| CredentialsError::Unreadable { path: path.into(), source };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        toml::from_str(&text).map_err(|error| CredentialsError::NotToml {
            path: path.into(),
            line: error.span().map(|span| 1 + text.bytes().take(span.start).filter(|byte| *byte == b'\n').count()),
            reason: without_value(error.message()),
        })
    }

    /// Both together.
    ///
    /// # Errors
    /// A name that is in both.
    pub fn and(mut self, other: Self) -> Result<Self, CredentialsError> {
        for (name, user) in other.users {
            if self.users.insert(name.clone(), user).is_some() {
                return Err(CredentialsError::UserTwice(name));
            }
        }
        for (name, token) in other.tokens {
            if self.tokens.insert(name.clone(), token).is_some() {
                return Err(CredentialsError::TokenTwice(name));
            }
        }
        Ok(self)
    }

    pub fn is_empty(&self) -> bool {
        self.users.is_empty() && self.tokens.is_empty()
    }

    /// # Errors
    /// The first thing that is wrong.
    pub(super) fn check(&self) -> Result<Vec<KnownToken>, CredentialsError> {
        for (name, user) in &self.users {
            if name.is_empty() || name.contains(':') || name.contains(char::is_control) {
                return Err(CredentialsError::NoName(name.clone()));
            }
            if user.password.as_ref().is_some_and(|hash| !passwords::is_hash(hash.expose())) {
                return Err(CredentialsError::NoHash(name.clone()));
            }
        }
        self.tokens.iter().map(|(name, token)| self.known_token(name, token)).collect()
    }

    fn known_token(&self, name: &str, token: &TokenEntry) -> Result<KnownToken, CredentialsError> {
        let digits = token.sha256.as_ref().map_or("", Secret::expose);
        let mut sha256 = [0; 32];
        hex::decode_to_slice(digits, &mut sha256).map_err(|_| CredentialsError::NoSha256(name.to_owned()))?;
        if !self.users.contains_key(&token.user) {
            return Err(CredentialsError::TokenOfNobody { token: name.to_owned(), user: token.user.clone() });
        }
        let expires = token.expires.map(|moment| moment.milliseconds);
        Ok(KnownToken { user: token.user.clone(), sha256, expires })
    }
}

/// A message of serde's with the value left out that it quotes: `invalid type: string "...", expected a map`.
pub(crate) fn without_value(message: &str) -> String {
    let quotes = ["invalid type", "invalid value"].iter().any(|start| message.contains(start));
    match message.rfind(", expected ") {
        Some(at) if quotes => format!("the value is of the wrong kind{}", &message[at..]),
        _ => message.to_owned(),
    }
}

impl From<SystemTime> for Moment {
    fn from(time: SystemTime) -> Self {
        Self { milliseconds: DateTime::<Utc>::from(time).timestamp_millis() }
    }
}

impl std::str::FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let day = || text.parse::<NaiveDate>().ok().map(|day| day.and_time(NaiveTime::MIN).and_utc());
        let moment = DateTime::parse_from_rfc3339(text).map(|moment| moment.to_utc()).ok().or_else(day);
        let moment =
            moment.ok_or_else(|| format!("`{text}` is no time: write it like 2027-01-31 or 2027-01-31T18:00:00Z"))?;
        Ok(Self { milliseconds: moment.timestamp_millis() })
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let moment = DateTime::from_timestamp_millis(self.milliseconds).unwrap_or_default();
        write!(f, "{}", moment.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
