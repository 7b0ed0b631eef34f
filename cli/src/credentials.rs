//! `arachne password` and `arachne token`: what a credentials file is made of.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context as _, bail};
use arachne_server::auth::{Moment, NewToken, hash_password};
use arachne_server::settings::HumanDuration;
use clap::Args;

use crate::exit::Exit;
use crate::sql::run::say;

#[derive(Debug, Args)]
#[command(after_help = "\
Asks for the password on a terminal, else reads the first line of standard input.
Prints its hash on standard output.

Examples:
  arachne password
  pass show arachne/ana | arachne password

In the file that access.credentials (ARACHNE_ACCESS__CREDENTIALS) names:
  [users.ana]
  password = '$argon2id$v=19$...'
  workgroup = 'analysts'")]
pub(crate) struct PasswordOptions {}

#[derive(Debug, Args)]
#[command(after_help = "\
The token goes to standard output, once: only its hash is kept.
What belongs into the file that access.credentials names goes to standard error.

Examples:
  arachne token nightly --user etl --valid-for 90d
  TOKEN=$(arachne token nightly --user etl --valid-for 90d 2>> credentials.toml)
  curl -H \"Authorization: Bearer $TOKEN\" -d 'SELECT 1' https://host:8642/v1/sql")]
pub(crate) struct TokenOptions {
    /// What the token is for; a name for the file
    #[arg(value_parser = plain_name)]
    name: String,

    /// Whose token it is; the file has to know the user, with or without a password
    #[arg(long, value_name = "USER")]
    user: String,

    /// How long it is valid: 12h, 90d [default: until it is removed]
    #[arg(long, value_name = "DURATION")]
    valid_for: Option<HumanDuration>,
}

pub(crate) fn password(_: PasswordOptions) -> anyhow::Result<Exit> {
    let password = if io::stdin().is_terminal() { ask_twice()? } else { read_line()? };
    if password.is_empty() {
        bail!("the password is empty");
    }
    let hash = hash_password(&password).map_err(anyhow::Error::msg)?;
    writeln!(io::stdout(), "{hash}").context("cannot write to standard output")?;
    Ok(Exit::Done)
}

pub(crate) fn token(options: TokenOptions) -> anyhow::Result<Exit> {
    let TokenOptions { name, user, valid_for } = options;
    let expires = valid_for.map(|valid| SystemTime::now() + valid.0).map(Moment::from);
    let token = NewToken::random();
    writeln!(io::stdout(), "{}", token.text).context("cannot write to standard output")?;
    say(&format!("[tokens.{name}]"));
    say(&format!("user = {}", toml_string(&user)));
    say(&format!("sha256 = '{}'", token.sha256));
    if let Some(expires) = expires {
        say(&format!("expires = '{expires}'"));
    }
    Ok(Exit::Done)
}

/// JSON's strings are TOML's too.
fn toml_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn plain_name(text: &str) -> Result<String, String> {
    let is_plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    if is_plain { Ok(text.to_owned()) } else { Err("a name is made of letters, digits, - and _".to_owned()) }
}

fn ask_twice() -> anyhow::Result<String> {
    let password = ask("Password: ")?;
    if ask("Once more: ")? != password {
        bail!("the two are not the same");
    }
    Ok(password)
}

fn ask(prompt: &str) -> anyhow::Result<String> {
    let mut stderr = io::stderr();
    write!(stderr, "{prompt}")?;
    stderr.flush()?;
    let hidden = Hidden::begin();
    let line = read_line();
    drop(hidden);
    writeln!(stderr)?;
    line
}

fn read_line() -> anyhow::Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).context("cannot read the password")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// What is typed is not shown until this is dropped.
struct Hidden;

impl Hidden {
    fn begin() -> Self {
        stty("-echo");
        Self
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        stty("echo");
    }
}

/// A terminal that does not know it shows what is typed.
fn stty(mode: &str) {
    let _ = Command::new("stty").arg(mode).stdin(std::process::Stdio::inherit()).status();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_users_fit_into_toml() {
        assert!(plain_name("nightly-2_b").is_ok());
        for wrong in ["", "a.b", "a b", "a]"] {
            assert!(plain_name(wrong).is_err(), "{wrong}");
        }
        assert_eq!(toml_string("an\"a"), r#""an\"a""#);
    }
}
