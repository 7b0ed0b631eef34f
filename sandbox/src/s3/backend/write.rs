use std::collections::BTreeMap;

use s3s::dto::*;
use s3s::{S3Request, S3Result};
use time::OffsetDateTime;

use super::{Backend, etag, not_kept, signed};
use crate::s3::conditions::WriteCondition;
use crate::s3::store::{Attributes, Expected, blocking, stage};

impl Backend {
    pub(super) async fn write(&self, request: S3Request<PutObjectInput>) -> S3Result<PutObjectOutput> {
        let (input, trailers) = (request.input, request.trailing_headers);
        refuse(&input.tagging, &input.sse_customer_key)?;
        if input.write_offset_bytes.is_some() {
            return Err(not_kept("appending writes"));
        }
        let bucket = self.bucket(&input.bucket)?;
        let condition = WriteCondition::new(input.if_match, input.if_none_match)?;
        let attributes = Attributes {
            content_type: input.content_type,
            content_encoding: input.content_encoding.and_then(stored_encoding),
            content_disposition: input.content_disposition,
            content_language: input.content_language,
            cache_control: input.cache_control,
            expires: input.expires.map(unix_seconds),
            metadata: sorted(input.metadata),
        };
        let expected = Expected {
            md5: input.content_md5,
            algorithm: input.checksum_algorithm.map(|algorithm| algorithm.as_str().to_owned()),
            checksums: Checksum {
                checksum_crc32: input.checksum_crc32,
                checksum_crc32c: input.checksum_crc32c,
                checksum_crc64nvme: input.checksum_crc64nvme,
                checksum_sha1: input.checksum_sha1,
                checksum_sha256: input.checksum_sha256,
                checksum_type: None,
            },
            trailers,
        };
        let staged = stage(&bucket.staging_dir(), input.body, expected).await?;
        let checksums = staged.checksums().clone();
        let key = input.key;
        let object = blocking(move || bucket.put(&key, staged, attributes, &condition)).await?;
        Ok(PutObjectOutput {
            e_tag: etag(&object.etag),
            size: signed(object.size),
            checksum_crc32: checksums.checksum_crc32,
            checksum_crc32c: checksums.checksum_crc32c,
            checksum_crc64nvme: checksums.checksum_crc64nvme,
            checksum_sha1: checksums.checksum_sha1,
            checksum_sha256: checksums.checksum_sha256,
            ..Default::default()
        })
    }
}

/// Refuses a write that asks for what would silently be lost.
pub(super) fn refuse(tagging: &Option<String>, encryption: &Option<String>) -> S3Result<()> {
    if tagging.as_deref().is_some_and(|tags| !tags.is_empty()) {
        return Err(not_kept("tags"));
    }
    if encryption.is_some() {
        return Err(not_kept("encryption with keys of the client"));
    }
    Ok(())
}

/// `aws-chunked` is how a body travels, not how the object is encoded: S3 does not keep it.
pub(super) fn stored_encoding(encoding: String) -> Option<String> {
    let kept: Vec<&str> = encoding.split(',').map(str::trim).filter(|part| *part != "aws-chunked").collect();
    (!kept.concat().is_empty()).then(|| kept.join(","))
}

pub(super) fn unix_seconds(timestamp: Timestamp) -> i64 {
    OffsetDateTime::from(timestamp).unix_timestamp()
}

pub(super) fn sorted(metadata: Option<Metadata>) -> BTreeMap<String, String> {
    metadata.unwrap_or_default().into_iter().collect()
}
