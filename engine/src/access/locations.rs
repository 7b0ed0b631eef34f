//! Where data may lie, whoever asks for it.

use std::fmt;
use std::str::FromStr;

use object_store::path::Path;
use url::Url;

use crate::error::{Error, ErrorCode, Result};
use crate::lake::Location;
use crate::storage::StoreUrl;

/// What a query may read at all. By default everything; a server that others can reach should say less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocationRules {
    /// Files of the machine itself.
    pub local_files: bool,
    /// Prefixes of buckets (`s3://bucket/prefix/`) beside which nothing in object storage may be read; all of it if there are
    /// none.
    pub allowed: Vec<Url>,
}

impl Default for LocationRules {
    fn default() -> Self {
        Self { local_files: true, allowed: Vec::new() }
    }
}

/// A folder, with all that lies below it. Compared part by part, after everything that can be written in two ways has been
/// resolved: `s3://b/a` does not hold `s3://b/ab`, and there is no `..` in an object's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Prefix {
    store: StoreUrl,
    folder: Path,
}

impl LocationRules {
    pub(super) fn are_open(&self) -> bool {
        self.local_files && self.allowed.is_empty()
    }

    /// # Errors
    /// `PermissionDenied` for what may not be read.
    pub(super) fn check(&self, place: &Prefix) -> Result<()> {
        if place.store.scheme() == "file" {
            return if self.local_files { Ok(()) } else { Err(local_files_refused()) };
        }
        if self.allowed.is_empty()
            || self.allowed.iter().any(|url| Prefix::of(url).is_ok_and(|prefix| prefix.holds(place)))
        {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::PermissionDenied,
            format!("{place} is not among the locations that this server reads"),
        )
        .with_hint("whoever runs the server allows a location by access.locations.allowed"))
    }
}

fn local_files_refused() -> Error {
    Error::new(ErrorCode::PermissionDenied, "this server reads no files of its own machine").with_hint(
        "use s3://bucket/prefix/; whoever runs the server can allow local files by access.locations.local_files",
    )
}

impl Prefix {
    pub(super) fn new(store: StoreUrl, folder: Path) -> Self {
        Self { store, folder }
    }

    /// A URL's path is percent-encoded, an object's key is not: `Location` reads the text as it was written in a table, this one
    /// as the settings have it.
    fn of(url: &Url) -> Result<Self> {
        let path = Path::from_url_path(url.path())
            .map_err(|error| Error::new(ErrorCode::InvalidArgument, format!("{url} is not a location: {error}")))?;
        Ok(Self { store: StoreUrl::of(url)?, folder: path })
    }

    pub(super) fn holds(&self, other: &Self) -> bool {
        self.store == other.store && other.folder.prefix_matches(&self.folder)
    }
}

impl FromStr for Prefix {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.trim_end_matches('/').ends_with(':') {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!("'{text}' is not a location: it names no bucket"),
            )
            .with_hint("write it as s3://bucket/prefix/"));
        }
        let (store, folder) = Location::folder(text)?;
        Ok(Self { store, folder })
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.folder.as_ref() {
            "" => write!(f, "{}/", self.store),
            folder => write!(f, "{}/{folder}/", self.store),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_allowed_is_refused_however_it_is_written() {
        let rules = LocationRules {
            local_files: false,
            allowed: vec![Url::parse("s3://lake/open/").unwrap(), Url::parse("s3://other").unwrap()],
        };
        let check = |text: &str| rules.check(&text.parse().unwrap());
        for text in ["s3://lake/open/", "s3://lake/open/a/b", "s3a://lake/open/x/", "s3://other/anything/"] {
            check(text).unwrap();
        }
        for text in [
            "s3://lake/",
            "s3://lake/opened/",
            "s3://lake/secret/",
            "s3://lake/%6Fpen/",
            "/etc/",
            "file:///etc/",
            "file:/etc/",
            "./x/",
        ] {
            assert_eq!(check(text).unwrap_err().code, ErrorCode::PermissionDenied, "{text}");
        }
        for text in ["s3://lake/open/../secret/", "s3://lake/open/./../secret/"] {
            assert!(text.parse::<Prefix>().is_err(), "{text}");
        }
        LocationRules::default().check(&"/etc/".parse().unwrap()).unwrap();
    }
}
