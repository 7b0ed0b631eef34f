//! Which store a URL means.

use std::fmt;

use url::Url;

use crate::error::{Error, ErrorCode, Result};

/// A store without a path: `s3://bucket` or `file://`. The same store always has the same text, so it serves as a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreUrl(String);

impl StoreUrl {
    /// From a scheme and a bucket (or host). `s3a` and `s3n`, Hadoop's names, mean S3.
    pub fn new(scheme: &str, bucket: &str) -> Result<Self> {
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "s3" | "s3a" | "s3n" => "s3".to_owned(),
            other => other.to_owned(),
        };
        if scheme == "s3" && bucket.is_empty() {
            return Err(Error::new(ErrorCode::InvalidArgument, "an s3:// location needs a bucket name")
                .with_hint("write it as s3://bucket/prefix/"));
        }
        Ok(Self(if scheme == "file" { "file://".to_owned() } else { format!("{scheme}://{bucket}") }))
    }

    /// The store of a URL; its path is left aside.
    pub fn of(url: &Url) -> Result<Self> {
        let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
        Self::new(url.scheme(), host)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn scheme(&self) -> &str {
        self.0.split_once("://").map_or("", |(scheme, _)| scheme)
    }

    /// The bucket, empty for local files.
    pub fn bucket(&self) -> &str {
        self.0.split_once("://").map_or("", |(_, bucket)| bucket)
    }

    pub fn url(&self) -> Result<Url> {
        Url::parse(&self.0).map_err(|error| {
            Error::new(ErrorCode::InvalidArgument, format!("{} is not a valid location: {error}", self.0))
        })
    }

    /// The full name of an object, as people write it: the key as it is, neither encoded nor decoded.
    pub fn object(&self, path: &object_store::path::Path) -> String {
        format!("{}/{path}", self.0)
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        StoreUrl::of(&Url::parse(text).unwrap()).unwrap().0
    }

    #[test]
    fn names_of_s3_are_one_store() {
        assert_eq!(of("s3://bucket/a/b"), "s3://bucket");
        assert_eq!(of("s3a://bucket"), "s3://bucket");
        assert_eq!(of("S3N://bucket/"), "s3://bucket");
        assert_eq!(of("file:///tmp/x"), "file://");
        assert_eq!(of("mem://tests/x"), "mem://tests");
    }

    #[test]
    fn an_s3_location_needs_a_bucket() {
        let error = StoreUrl::new("s3", "").unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument);
    }
}
