//! A location as people write it, taken apart.

use std::fmt;

use globset::{GlobBuilder, GlobMatcher};
use object_store::path::Path;

use super::path_format::PathFormat;
use crate::error::{Error, ErrorCode, Result};
use crate::storage::StoreUrl;

/// Where files lie. What follows the bucket is the key itself: nothing in it is decoded or encoded, so that `a%20b`, `a b` and
/// `a+b` are three different objects, as they are to S3. The same holds for `file://`.
#[derive(Debug, Clone)]
pub struct Location {
    pub store: StoreUrl,
    pub place: Place,
}

#[derive(Debug, Clone)]
pub enum Place {
    /// Ends with a slash: everything below.
    Folder(Path),
    /// One object, or a folder written without its slash.
    ObjectOrFolder(Path),
    /// Every object below the folder whose key matches. `*` and `?` stay within a folder, `**` crosses folders.
    Glob { folder: Path, pattern: Box<GlobMatcher> },
}

/// Whether a table's name is meant as a location: a URL, a local path that starts with `/`, `./` or `../`, a folder (`fruit/`), or
/// a name that ends as a data file's does (`gen.parquet`, `data/*.csv.gz`). No table of Hive has a dot or a slash in its name.
pub fn is_path(name: &str) -> bool {
    name.contains("://")
        || name.ends_with('/')
        || ["/", "./", "../", "file:/"].iter().any(|start| name.starts_with(start))
        || PathFormat::of(&Path::from(name)).is_some()
}

impl Location {
    /// Reads a location. Relative paths start at the process's working directory.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid =
            |why: String| Error::new(ErrorCode::InvalidArgument, format!("'{text}' is not a location: {why}"));
        // Hadoop writes local locations with one slash.
        let local = text.strip_prefix("file:").filter(|path| path.starts_with('/') && !path.starts_with("//"));
        let (store, key) = match local.unwrap_or(text).split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("file") => {
                (StoreUrl::new("file", "")?, absolute(rest, &invalid)?)
            }
            Some((scheme, rest)) => {
                let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
                // `s3://bucket` is the whole bucket.
                let key = if rest.contains('/') { key.to_owned() } else { "/".to_owned() };
                (StoreUrl::new(scheme, bucket)?, key)
            }
            None => (StoreUrl::new("file", "")?, absolute(local.unwrap_or(text), &invalid)?),
        };
        let key = key.trim_start_matches('/');
        let path = |key: &str| Path::parse(key).map_err(|error| invalid(error.to_string()));
        let place = if let Some(folder) = before_pattern(key) {
            let pattern =
                GlobBuilder::new(key).literal_separator(true).build().map_err(|error| invalid(error.to_string()))?;
            Place::Glob { folder: path(folder)?, pattern: Box::new(pattern.compile_matcher()) }
        } else if key.is_empty() || key.ends_with('/') {
            Place::Folder(path(key)?)
        } else {
            Place::ObjectOrFolder(path(key)?)
        };
        Ok(Self { store, place })
    }

    /// A table's or partition's location: always a folder, with or without its slash.
    pub fn folder(text: &str) -> Result<(StoreUrl, Path)> {
        let with_slash = format!("{}/", text.trim_end_matches('/'));
        // A pattern character in a declared location is part of the name.
        let Self { store, place } = match Self::parse(&with_slash)? {
            Self { store, place: Place::Glob { .. } } => {
                let key = with_slash.split_once("://").map_or(with_slash.as_str(), |(_, rest)| {
                    if store.scheme() == "file" { rest } else { rest.split_once('/').map_or("", |(_, key)| key) }
                });
                let folder = Path::parse(key.trim_start_matches('/')).map_err(|error| {
                    Error::new(ErrorCode::InvalidArgument, format!("'{text}' is not a location: {error}"))
                })?;
                Self { store, place: Place::Folder(folder) }
            }
            other => other,
        };
        match place {
            Place::Folder(path) | Place::ObjectOrFolder(path) | Place::Glob { folder: path, .. } => Ok((store, path)),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Folder(path) if path.is_root() => write!(f, "{}/", self.store),
            Place::Folder(path) => write!(f, "{}/", self.store.object(path)),
            Place::ObjectOrFolder(path) => f.write_str(&self.store.object(path)),
            Place::Glob { pattern, .. } => write!(f, "{}/{}", self.store, pattern.glob().glob()),
        }
    }
}

/// The folder part before the first segment with a pattern character; `None` when there is none.
fn before_pattern(key: &str) -> Option<&str> {
    let first = key.find(['*', '?', '[', '{'])?;
    Some(key[..first].rsplit_once('/').map_or("", |(folder, _)| folder))
}

fn absolute(path: &str, invalid: &impl Fn(String) -> Error) -> Result<String> {
    let slash = if path.ends_with('/') { "/" } else { "" };
    let absolute = std::path::absolute(path).map_err(|error| invalid(error.to_string()))?;
    let mut parts = Vec::new();
    for part in absolute.components() {
        match part {
            std::path::Component::ParentDir => {
                parts.pop();
            }
            std::path::Component::Normal(name) => match name.to_str() {
                Some(name) => parts.push(name),
                None => return Err(invalid("it is not UTF-8".to_owned())),
            },
            _ => {}
        }
    }
    Ok(format!("/{}{slash}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let Location { store, place } = Location::parse(text).unwrap();
        match place {
            Place::Folder(path) => format!("{store} folder {path}"),
            Place::ObjectOrFolder(path) => format!("{store} object {path}"),
            Place::Glob { folder, .. } => format!("{store} glob in {folder}"),
        }
    }

    #[test]
    fn takes_locations_apart() {
        assert_eq!(shown("s3://b"), "s3://b folder ");
        assert_eq!(shown("s3://b/"), "s3://b folder ");
        assert_eq!(shown("S3A://b/x/y/"), "s3://b folder x/y");
        assert_eq!(shown("s3://b/x/y.parquet"), "s3://b object x/y.parquet");
        assert_eq!(shown("s3://b/x/*.parquet"), "s3://b glob in x");
        assert_eq!(shown("s3://b/*"), "s3://b glob in ");
        assert_eq!(shown("/tmp/a/../b/c.csv"), "file:// object tmp/b/c.csv");
        assert_eq!(shown("file:///tmp/x/"), "file:// folder tmp/x");
        assert_eq!(shown("file:/tmp/x/"), "file:// folder tmp/x");
    }

    #[test]
    fn a_key_is_neither_decoded_nor_encoded() {
        for key in ["a b/c%20d+e=f.parquet", "%2F", "ü/日本.csv", "k=v/x&y;z", "100%"] {
            assert_eq!(shown(&format!("s3://b/{key}")), format!("s3://b object {key}"));
        }
    }

    #[test]
    fn a_star_stays_within_its_folder() {
        let Place::Glob { pattern, .. } = Location::parse("s3://b/x/*.parquet").unwrap().place else { panic!() };
        assert!(pattern.is_match("x/a b.parquet"));
        assert!(!pattern.is_match("x/y/a.parquet"));
        let Place::Glob { pattern, .. } = Location::parse("s3://b/x/**/*.parquet").unwrap().place else { panic!() };
        assert!(pattern.is_match("x/y/z/a.parquet"));
    }

    #[test]
    fn what_cannot_be_a_location_says_why() {
        for text in ["s3://", "s3:///x", "s3://b/a//b", "s3://b/[x"] {
            assert_eq!(Location::parse(text).unwrap_err().code, ErrorCode::InvalidArgument, "{text}");
        }
    }

    #[test]
    fn a_declared_location_is_a_folder_whatever_it_holds() {
        let folder = |text| Location::folder(text).map(|(store, path)| format!("{store} {path}")).unwrap();
        assert_eq!(folder("s3://b/t"), "s3://b t");
        assert_eq!(folder("s3://b/t[1]/"), "s3://b t[1]");
        assert_eq!(folder("s3://b"), "s3://b ");
    }

    #[test]
    fn paths_are_told_from_names() {
        assert!(is_path("s3://b/x") && is_path("./x") && is_path("/x") && is_path("../x") && is_path("x/"));
        assert!(!is_path("orders") && !is_path("db.orders"));
    }
}
