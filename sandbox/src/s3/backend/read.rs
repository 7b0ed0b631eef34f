use std::ops::Range as ByteRange;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, header};
use s3s::dto::*;
use s3s::{S3Error, S3Result, s3_error};

use super::{Backend, etag, not_kept, signed};
use crate::s3::conditions::ReadConditions;
use crate::s3::fault::RangeSlip;
use crate::s3::file_body::{fits_one_chunk, read_range, stream_range};
use crate::s3::store::{ObjectInfo, blocking, timestamp};

/// What S3 says of an object that was put without a content type.
const NO_CONTENT_TYPE: &str = "binary/octet-stream";

impl Backend {
    /// `slip` is a fault: other bytes are sent than a range asks for.
    pub(super) async fn read(&self, input: GetObjectInput, slip: Option<RangeSlip>) -> S3Result<GetObjectOutput> {
        refuse(&input.version_id, input.part_number, &input.sse_customer_key)?;
        let bucket = self.bucket(&input.bucket)?;
        let found = bucket.object(&input.key)?;
        let conditions = ReadConditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        // One visit to a blocking thread opens the file, judges what was opened, and reads it if it is small.
        let (object, range, length, body) = blocking(move || {
            let (object, file) = bucket.open(found)?;
            conditions.check(&object)?;
            let range = byte_range(input.range, object.size)?;
            let (range, bytes) = match (range, slip) {
                (Some(asked), Some(slip)) => {
                    let (label, bytes) = slip.apply(asked, object.size);
                    (Some(label), bytes)
                }
                (range, _) => (range.clone(), range.unwrap_or(0..object.size)),
            };
            let length = bytes.end - bytes.start;
            let body = if fits_one_chunk(length) {
                let bytes = read_range(&file, bytes).map_err(S3Error::internal_error)?;
                StreamingBlob::from(s3s::Body::from(bytes))
            } else {
                stream_range(file, bytes)
            };
            Ok((object, range, length, body))
        })
        .await?;
        let head = head_output(&object, range);
        Ok(GetObjectOutput {
            body: Some(body),
            accept_ranges: head.accept_ranges,
            cache_control: head.cache_control,
            content_disposition: head.content_disposition,
            content_encoding: head.content_encoding,
            content_language: head.content_language,
            content_length: signed(length),
            content_range: head.content_range,
            content_type: head.content_type,
            e_tag: head.e_tag,
            expires: head.expires,
            last_modified: head.last_modified,
            metadata: head.metadata,
            ..Default::default()
        })
    }

    pub(super) async fn read_head(&self, input: HeadObjectInput) -> S3Result<HeadObjectOutput> {
        refuse(&input.version_id, input.part_number, &input.sse_customer_key)?;
        let object = self.bucket(&input.bucket)?.object(&input.key)?;
        let conditions = ReadConditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        conditions.check(&object)?;
        Ok(head_output(&object, byte_range(input.range, object.size)?))
    }

    /// Always none: puts with tags are refused. The AWS CLI asks before it copies large objects.
    pub(super) async fn tags(&self, input: GetObjectTaggingInput) -> S3Result<GetObjectTaggingOutput> {
        self.bucket(&input.bucket)?.object(&input.key)?;
        Ok(GetObjectTaggingOutput { tag_set: TagSet::new(), version_id: None })
    }
}

fn head_output(object: &Arc<ObjectInfo>, range: Option<ByteRange<u64>>) -> HeadObjectOutput {
    let attributes = &object.attributes;
    let length = range.as_ref().map_or(object.size, |range| range.end - range.start);
    let content_range = range.map(|range| format!("bytes {}-{}/{}", range.start, range.end - 1, object.size));
    HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        cache_control: attributes.cache_control.clone(),
        content_disposition: attributes.content_disposition.clone(),
        content_encoding: attributes.content_encoding.clone(),
        content_language: attributes.content_language.clone(),
        content_length: signed(length),
        content_range,
        content_type: Some(attributes.content_type.clone().unwrap_or_else(|| NO_CONTENT_TYPE.to_owned())),
        e_tag: etag(&object.etag),
        expires: attributes.expires.map(timestamp),
        last_modified: Some(object.last_modified()),
        metadata: Some(attributes.metadata.clone().into_iter().collect()),
        ..Default::default()
    }
}

/// The bytes asked for, cut to those there are: never empty. 416 `InvalidRange` when there are none of them.
pub(super) fn byte_range(range: Option<Range>, size: u64) -> S3Result<Option<ByteRange<u64>>> {
    let Some(range) = range else { return Ok(None) };
    match range.check(size) {
        Ok(bytes) if !bytes.is_empty() => Ok(Some(bytes)),
        _ => {
            let mut error = s3_error!(InvalidRange, "The requested range is not satisfiable");
            if let Ok(value) = HeaderValue::try_from(format!("bytes */{size}")) {
                error.set_headers(HeaderMap::from_iter([(header::CONTENT_RANGE, value)]));
            }
            Err(error)
        }
    }
}

fn refuse(version: &Option<String>, part: Option<i32>, encryption: &Option<String>) -> S3Result<()> {
    // "null" is the version of an object in a bucket without versions.
    if version.as_deref().is_some_and(|version| version != "null") {
        return Err(not_kept("versions"));
    }
    if part.is_some() {
        return Err(not_kept("reading of single parts"));
    }
    if encryption.is_some() {
        return Err(not_kept("encryption with keys of the client"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(range: &str, size: u64) -> Result<ByteRange<u64>, u16> {
        match byte_range(Some(Range::parse(range).unwrap()), size) {
            Ok(range) => Ok(range.unwrap()),
            Err(error) => Err(error.status_code().unwrap().as_u16()),
        }
    }

    #[test]
    fn ranges_are_cut_to_the_object() {
        assert_eq!(bytes("bytes=0-3", 10), Ok(0..4));
        assert_eq!(bytes("bytes=8-30", 10), Ok(8..10));
        assert_eq!(bytes("bytes=9-", 10), Ok(9..10));
        assert_eq!(bytes("bytes=-4", 10), Ok(6..10));
        assert_eq!(bytes("bytes=-11", 10), Ok(0..10));
    }

    #[test]
    fn ranges_without_a_byte_are_416() {
        assert_eq!(bytes("bytes=10-", 10), Err(416));
        assert_eq!(bytes("bytes=10-20", 10), Err(416));
        assert_eq!(bytes("bytes=-0", 10), Err(416));
        assert_eq!(bytes("bytes=0-", 0), Err(416));
        assert_eq!(bytes("bytes=-5", 0), Err(416));
    }
}
