//! The backslash commands.

use clap::ValueEnum;

use crate::format::Format;

/// How a command is shown by `\?` and by completion.
pub(super) struct CommandHelp {
    pub(super) name: &'static str,
    pub(super) arguments: &'static str,
    pub(super) help: &'static str,
}

pub(super) const COMMANDS: &[CommandHelp] = &[
    CommandHelp { name: "\\d", arguments: "[TABLE]", help: "list tables, or describe one" },
    CommandHelp { name: "\\l", arguments: "", help: "list databases" },
    CommandHelp { name: "\\c", arguments: "DATABASE", help: "use another database (as USE does)" },
    CommandHelp { name: "\\format", arguments: "[FORMAT]", help: "table, csv, tsv, json, ndjson or markdown" },
    CommandHelp { name: "\\timing", arguments: "[on|off]", help: "show time, bytes and cost after each query" },
    CommandHelp { name: "\\set", arguments: "[NAME VALUE]", help: "settings of this session (as SET does)" },
    CommandHelp { name: "\\unset", arguments: "NAME", help: "forget a setting" },
    CommandHelp { name: "\\i", arguments: "FILE", help: "run the statements of a file" },
    CommandHelp { name: "\\?", arguments: "", help: "this list" },
    CommandHelp { name: "\\q", arguments: "", help: "quit (so does Ctrl-D)" },
];

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    Tables,
    Describe(String),
    Databases,
    UseDatabase(String),
    ShowFormat,
    SetFormat(Format),
    /// None toggles.
    Timing(Option<bool>),
    ShowSettings,
    Set(String, String),
    Unset(String),
    RunFile(String),
    Help,
    Quit,
}

/// Reads a line that begins with a backslash, or one of the words that people try first. `Ok(None)`: it is SQL.
pub(super) fn parse(line: &str) -> Result<Option<Command>, String> {
    let line = line.trim().trim_end_matches(';').trim_end();
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let optional =
        |found: fn(String) -> Command, none: Command| if rest.is_empty() { none } else { found(rest.to_owned()) };
    let required = |found: fn(String) -> Command| {
        if rest.is_empty() { Err(format!("{name} needs an argument: see \\?")) } else { Ok(found(rest.to_owned())) }
    };
    let command = match name.to_ascii_lowercase().as_str() {
        "\\d" | "\\dt" => optional(Command::Describe, Command::Tables),
        "\\l" => Command::Databases,
        "\\c" | "\\connect" => required(Command::UseDatabase)?,
        "\\format" if rest.is_empty() => Command::ShowFormat,
        "\\format" => Command::SetFormat(format(rest)?),
        "\\timing" => Command::Timing(on_off(rest)?),
        "\\set" if rest.is_empty() => Command::ShowSettings,
        "\\set" => match rest.split_once(|c: char| c.is_whitespace() || c == '=') {
            Some((key, value)) => {
                Command::Set(key.to_owned(), value.trim().trim_start_matches('=').trim().trim_matches('\'').to_owned())
            }
            None => return Err("\\set needs a name and a value".to_owned()),
        },
        "\\unset" => required(Command::Unset)?,
        "\\i" => required(Command::RunFile)?,
        "\\?" | "\\h" | "\\help" => Command::Help,
        "\\q" | "\\quit" => Command::Quit,
        "help" if rest.is_empty() => Command::Help,
        "exit" | "quit" if rest.is_empty() => Command::Quit,
        other if other.starts_with('\\') => return Err(format!("unknown command {other}: \\? lists them")),
        _ => return Ok(None),
    };
    Ok(Some(command))
}

fn format(name: &str) -> Result<Format, String> {
    let format = Format::from_str(name, true)
        .map_err(|_| format!("unknown format {name}: use table, csv, tsv, json, ndjson or markdown"))?;
    if format.is_binary() {
        return Err(format!("{} cannot be shown here: use `arachne sql --format {0} -c ... > FILE`", format.name()));
    }
    Ok(format)
}

fn on_off(text: &str) -> Result<Option<bool>, String> {
    match text.to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "on" => Ok(Some(true)),
        "off" => Ok(Some(false)),
        _ => Err("\\timing takes on or off".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_from_sql() {
        assert_eq!(parse("\\d"), Ok(Some(Command::Tables)));
        assert_eq!(parse(" \\d  orders ;"), Ok(Some(Command::Describe("orders".into()))));
        assert_eq!(parse("quit"), Ok(Some(Command::Quit)));
        assert_eq!(parse("\\timing off"), Ok(Some(Command::Timing(Some(false)))));
        assert_eq!(parse("\\format CSV"), Ok(Some(Command::SetFormat(Format::Csv))));
        assert_eq!(
            parse("\\set arachne.max_workers = 4"),
            Ok(Some(Command::Set("arachne.max_workers".into(), "4".into())))
        );
        assert_eq!(parse("select 1;"), Ok(None));
        for wrong in ["\\nope", "\\format pdf", "\\format parquet", "\\timing maybe", "\\c", "\\set x"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
