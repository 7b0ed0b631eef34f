//! What the parser, the planner and the catalog object to, as an error that points at the place.

use arachne_catalog::{CatalogError, CatalogErrorKind};
use datafusion::common::{Column, Diagnostic, SchemaError};
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::TokenizerError;

use super::near::nearest;
use super::places::{end_of, find_name, from_catalog, moved, of_location};
use crate::error::{Error, ErrorCode, Position};

/// Names that a message lists when none is near.
const LISTED: usize = 12;

impl From<CatalogError> for Error {
    fn from(error: CatalogError) -> Self {
        let code = match error.kind {
            CatalogErrorKind::NotFound => ErrorCode::NotFound,
            CatalogErrorKind::AlreadyExists => ErrorCode::AlreadyExists,
            // With a place it is the statement that is wrong, without one a definition that came some other way.
            CatalogErrorKind::Invalid if error.position.is_some() => ErrorCode::Syntax,
            CatalogErrorKind::NotEmpty | CatalogErrorKind::Invalid => ErrorCode::InvalidArgument,
            CatalogErrorKind::NotSupported => ErrorCode::NotSupported,
            CatalogErrorKind::PermissionDenied => ErrorCode::PermissionDenied,
            CatalogErrorKind::Unavailable => ErrorCode::Unavailable,
        };
        let described = Self::new(code, error.message);
        match error.position {
            Some(position) => described.at(from_catalog(position)),
            None => described,
        }
    }
}

/// What went wrong while `sql` was parsed or planned, with the place in it and the name that was probably meant.
///
/// `known_tables` are the names to suggest for a table that does not exist. Errors of ours that lie inside (from storage, from
/// the catalog) come out as they are.
pub fn describe(error: DataFusionError, sql: &str, known_tables: &[String]) -> Error {
    if let DataFusionError::SQL(..) = error.find_root() {
        return from_parser(error, end_of(sql), sql);
    }
    // DataFusion takes it for a mistake of its own.
    if let DataFusionError::Internal(message) = error.find_root()
        && let Some(types) = between(message, "Failed to coerce types ", " in BETWEEN expression")
    {
        let error = Error::new(ErrorCode::Syntax, format!("BETWEEN cannot compare {types}"));
        return at_name(error, sql, "BETWEEN").with_hint("cast them to one type, as in CAST(x AS double)");
    }
    let diagnostic = error.diagnostic();
    let position = diagnostic.and_then(|diagnostic| diagnostic.span).and_then(|span| {
        let (line, column) = (span.start.line, span.start.column);
        (line > 0).then_some(Position { line, column })
    });
    let described = match error.find_root() {
        DataFusionError::SchemaError(schema, _) => schema_error(schema, sql),
        DataFusionError::Plan(message) => plan_error(message, diagnostic, sql, known_tables),
        _ => {
            let ours = Error::from(error);
            match between(&ours.message, "table ", " does not exist").map(str::to_owned) {
                Some(name) if ours.code == ErrorCode::NotFound && ours.hint.is_none() => {
                    no_table(&name, sql, known_tables)
                }
                _ => ours,
            }
        }
    };
    match position {
        Some(position) if described.position.is_none() => described.at(position),
        Some(position) if described.code == ErrorCode::NotFound => described.at(position),
        _ => described,
    }
}

fn schema_error(error: &SchemaError, sql: &str) -> Error {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let message = format!("column {} does not exist", shown(field));
            let error = at_name(Error::new(ErrorCode::NotFound, message), sql, &field.name);
            match column_hint(field, valid_fields) {
                Some(hint) => error.with_hint(hint),
                None => error,
            }
        }
        SchemaError::AmbiguousReference { field } => {
            let name = &field.name;
            let error =
                Error::new(ErrorCode::Syntax, format!("column {name} is ambiguous: more than one table has it"));
            at_name(error, sql, name).with_hint(format!("say which one is meant: table.{name}"))
        }
        SchemaError::DuplicateQualifiedField { name, .. } | SchemaError::DuplicateUnqualifiedField { name } => {
            let error = Error::new(ErrorCode::Syntax, format!("two columns are named {name}"));
            at_name(error, sql, name).with_hint("give one of them another name with AS")
        }
    }
}

fn column_hint(field: &Column, valid: &[Column]) -> Option<String> {
    let of_relation: Vec<&Column> =
        valid.iter().filter(|column| field.relation.is_none() || column.relation == field.relation).collect();
    let candidates = if of_relation.is_empty() { valid.iter().collect() } else { of_relation };
    let mut names: Vec<&str> = candidates.iter().map(|column| column.name.as_str()).collect();
    names.dedup();
    if let Some(near) = nearest(&field.name, names.iter().copied()) {
        return Some(format!("did you mean {}?", written(near)));
    }
    match names.len() {
        0 => None,
        1..=LISTED => Some(format!("the columns are {}", names.join(", "))),
        count => Some(format!("the columns are {}, and {} more", names[..LISTED].join(", "), count - LISTED)),
    }
}

/// A name as it must be written in a query.
fn written(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

fn shown(field: &Column) -> String {
    match &field.relation {
        Some(relation) => format!("{}.{}", relation.table(), field.name),
        None => field.name.clone(),
    }
}

fn plan_error(message: &str, diagnostic: Option<&Diagnostic>, sql: &str, known_tables: &[String]) -> Error {
    if let Some(name) = between(message, "table '", "' not found") {
        return no_table(name, sql, known_tables);
    }
    if let Some(name) = between(message, "Invalid function '", "'") {
        let error = Error::new(ErrorCode::NotFound, format!("function {name} does not exist"));
        let error = at_name(error, sql, name);
        return match between(message, "Did you mean '", "'") {
            Some(near) => error.with_hint(format!("did you mean {near}?")),
            None => error,
        };
    }
    if let Some(call) = between(message, "No function matches the given name and argument types '", "'") {
        return no_such_signature(call, message, sql);
    }
    let Some(diagnostic) = diagnostic else {
        return Error::new(ErrorCode::Syntax, lower_first(message));
    };
    let error = Error::new(ErrorCode::Syntax, lower_first(&diagnostic.message));
    let helps = diagnostic.helps.iter().map(|help| &help.message);
    let advice: Vec<String> =
        helps.chain(diagnostic.notes.iter().map(|note| &note.message)).map(|text| lower_first(text)).collect();
    if advice.is_empty() { error } else { error.with_hint(advice.join("; ")) }
}

/// `call` is the function with the types that it was given: `sum(Utf8)`.
fn no_such_signature(call: &str, message: &str, sql: &str) -> Error {
    let name = call.split('(').next().unwrap_or(call);
    let error = at_name(Error::new(ErrorCode::Syntax, format!("there is no function {call}")), sql, name);
    let candidates: Vec<&str> = message
        .split_once("Candidate functions:")
        .map(|(_, list)| list.lines().map(str::trim).filter(|line| !line.is_empty()).collect())
        .unwrap_or_default();
    if candidates.is_empty() {
        return error.with_hint("cast the arguments to other types: CAST(x AS double)");
    }
    error.with_hint(format!("cast the arguments, as in CAST(x AS double); there are {}", candidates.join(", ")))
}

fn no_table(name: &str, sql: &str, known_tables: &[String]) -> Error {
    // DataFusion names it in full: catalog.schema.table.
    let short = if name.contains("://") || name.contains('/') { name } else { name.rsplit('.').next().unwrap_or(name) };
    // In a database that was named the other tables are not known.
    let database = name.strip_suffix(short).and_then(|rest| rest.trim_end_matches('.').rsplit('.').next());
    if let Some(database) = database.filter(|database| find_name(sql, database).is_some()) {
        let error = Error::new(ErrorCode::NotFound, format!("table {database}.{short} does not exist"));
        return at_name(error, sql, database)
            .with_hint("SHOW DATABASES and SHOW TABLES IN a database list those that exist");
    }
    let error = at_name(Error::new(ErrorCode::NotFound, format!("table {short} does not exist")), sql, short);
    match nearest(short, known_tables) {
        Some(near) => error.with_hint(format!("did you mean {}?", written(near))),
        None if known_tables.is_empty() => {
            error.with_hint("the database has no tables; create one, or name files: FROM 's3://bucket/prefix/'")
        }
        None => error.with_hint("SHOW TABLES lists those that exist"),
    }
}

fn at_name(error: Error, sql: &str, name: &str) -> Error {
    match find_name(sql, name) {
        Some(position) => error.at(position),
        None => error,
    }
}

/// The parser writes its place into its message. `end` is the place for what it misses at the end.
pub(super) fn from_parser(error: DataFusionError, end: Position, sql: &str) -> Error {
    let message = match error.find_root() {
        DataFusionError::SQL(parser, _) => match parser.as_ref() {
            ParserError::ParserError(message) | ParserError::TokenizerError(message) => message.clone(),
            ParserError::RecursionLimitExceeded => "the statement is nested too deeply".to_owned(),
        },
        other => other.strip_backtrace(),
    };
    let (text, place) = placed(&message);
    let text = lower_first(text)
        .replacen("expected: ", "expected ", 1)
        .replace("found: EOF", "found the end of the statement")
        .replacen("found: ", "found ", 1);
    let error = Error::new(ErrorCode::Syntax, text).at(place.unwrap_or(end));
    if has_bare_url(sql) { error.with_hint("a path stands in quotes: FROM 's3://bucket/prefix/'") } else { error }
}

pub(super) fn at_tokenizer_error(error: &TokenizerError, start: Position) -> Error {
    let described = Error::new(ErrorCode::Syntax, lower_first(&error.message));
    match of_location(moved(error.location, start)) {
        Some(position) => described.at(position),
        None => described,
    }
}

/// `... at Line: 3, Column: 5`
fn placed(message: &str) -> (&str, Option<Position>) {
    let parts = message.rsplit_once(" at Line: ").and_then(|(text, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        Some((text, Position { line: line.parse().ok()?, column: column.parse().ok()? }))
    });
    parts.map_or((message, None), |(text, position)| (text, Some(position)))
}

fn has_bare_url(sql: &str) -> bool {
    sql.match_indices("s3://").any(|(at, _)| !sql[..at].ends_with(['\'', '"', '`']))
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let rest = &text[text.find(before)? + before.len()..];
    rest.find(after).map(|end| &rest[..end])
}

/// Abbreviations (`UNION`, `SELECT`) keep their capitals.
fn lower_first(message: &str) -> String {
    let mut chars = message.chars();
    match (chars.next(), chars.next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => {
            first.to_lowercase().chain([second]).chain(chars).collect()
        }
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests;
