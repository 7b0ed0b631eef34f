use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::*;
use s3s::{S3Result, s3_error};

use super::{Backend, etag, signed};
use crate::s3::store::{ListPage, ListQuery};

/// S3's limit of names a page, and the default.
const MAX_KEYS: i32 = 1000;
/// What stands for itself when a client asks for names in URL encoding.
const URL_ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

impl Backend {
    pub(super) async fn list_v2(&self, input: ListObjectsV2Input) -> S3Result<ListObjectsV2Output> {
        let bucket = self.bucket(&input.bucket)?;
        let max_keys = max_keys(input.max_keys)?;
        let resumed = input.continuation_token.as_deref().map(parse_token).transpose()?;
        let page = bucket.list(ListQuery {
            prefix: input.prefix.as_deref().unwrap_or_default(),
            delimiter: input.delimiter.as_deref(),
            after: resumed.as_deref().or(input.start_after.as_deref()),
            limit: max_keys.unsigned_abs() as usize,
        });
        let names = Names::new(input.encoding_type.as_ref())?;
        let count = page.objects.len() + page.prefixes.len();
        Ok(ListObjectsV2Output {
            name: Some(input.bucket),
            max_keys: Some(max_keys),
            key_count: i32::try_from(count).ok(),
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next.as_deref().map(token),
            contents: Some(contents(&page, names)),
            common_prefixes: Some(common_prefixes(&page, names)),
            prefix: Some(names.write(input.prefix.as_deref().unwrap_or_default())),
            delimiter: input.delimiter.map(|delimiter| names.write(&delimiter)),
            start_after: input.start_after.map(|key| names.write(&key)),
            continuation_token: input.continuation_token,
            encoding_type: input.encoding_type,
            ..Default::default()
        })
    }

    pub(super) async fn list_v1(&self, input: ListObjectsInput) -> S3Result<ListObjectsOutput> {
        let bucket = self.bucket(&input.bucket)?;
        let max_keys = max_keys(input.max_keys)?;
        let page = bucket.list(ListQuery {
            prefix: input.prefix.as_deref().unwrap_or_default(),
            delimiter: input.delimiter.as_deref(),
            after: input.marker.as_deref().filter(|marker| !marker.is_empty()),
            limit: max_keys.unsigned_abs() as usize,
        });
        let names = Names::new(input.encoding_type.as_ref())?;
        Ok(ListObjectsOutput {
            name: Some(input.bucket),
            max_keys: Some(max_keys),
            is_truncated: Some(page.next.is_some()),
            contents: Some(contents(&page, names)),
            common_prefixes: Some(common_prefixes(&page, names)),
            next_marker: page.next.map(|next| names.write(&next)),
            prefix: Some(names.write(input.prefix.as_deref().unwrap_or_default())),
            marker: Some(names.write(input.marker.as_deref().unwrap_or_default())),
            delimiter: input.delimiter.map(|delimiter| names.write(&delimiter)),
            encoding_type: input.encoding_type,
            ..Default::default()
        })
    }
}

/// How names are written into the answer.
#[derive(Clone, Copy)]
enum Names {
    Plain,
    UrlEncoded,
}

impl Names {
    fn new(encoding: Option<&EncodingType>) -> S3Result<Self> {
        match encoding.map(EncodingType::as_str) {
            None => Ok(Self::Plain),
            Some(EncodingType::URL) => Ok(Self::UrlEncoded),
            Some(_) => Err(s3_error!(InvalidArgument, "Invalid Encoding Method specified in Request")),
        }
    }

    fn write(self, name: &str) -> String {
        match self {
            Self::Plain => name.to_owned(),
            Self::UrlEncoded => utf8_percent_encode(name, URL_ENCODED).to_string(),
        }
    }
}

fn contents(page: &ListPage, names: Names) -> ObjectList {
    let object = |object: &std::sync::Arc<crate::s3::store::ObjectInfo>| Object {
        key: Some(names.write(&object.key)),
        e_tag: etag(&object.etag),
        size: signed(object.size),
        last_modified: Some(object.last_modified()),
        storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
        ..Default::default()
    };
    page.objects.iter().map(object).collect()
}

fn common_prefixes(page: &ListPage, names: Names) -> CommonPrefixList {
    page.prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(names.write(prefix)) }).collect()
}

fn max_keys(asked: Option<i32>) -> S3Result<i32> {
    let asked = asked.unwrap_or(MAX_KEYS);
    if asked < 0 {
        return Err(s3_error!(InvalidArgument, "Argument maxKeys must be an integer between 0 and 2147483647"));
    }
    Ok(asked.min(MAX_KEYS))
}

/// Opaque to clients, as S3's is: the last name of the page.
fn token(last: &str) -> String {
    URL_SAFE_NO_PAD.encode(last)
}

fn parse_token(token: &str) -> S3Result<String> {
    let decoded = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))
}
