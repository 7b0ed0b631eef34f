use s3s::dto::*;
use s3s::{S3Request, S3Result, s3_error};

use super::read::byte_range;
use super::write::{refuse, sorted, stored_encoding, unix_seconds};
use super::{Backend, etag, not_kept, signed};
use crate::s3::conditions::{ReadConditions, WriteCondition};
use crate::s3::store::{Attributes, Expected, PartInfo, PartWanted, blocking, stage, stage_copy, timestamp};

/// S3's limit of parts, and of uploads, a page of their listings.
const MAX_LISTED: i32 = 1000;

impl Backend {
    pub(super) async fn begin_upload(
        &self,
        input: CreateMultipartUploadInput,
    ) -> S3Result<CreateMultipartUploadOutput> {
        refuse(&input.tagging, &input.sse_customer_key)?;
        let bucket = self.bucket(&input.bucket)?;
        let attributes = Attributes {
            content_type: input.content_type,
            content_encoding: input.content_encoding.and_then(stored_encoding),
            content_disposition: input.content_disposition,
            content_language: input.content_language,
            cache_control: input.cache_control,
            expires: input.expires.map(unix_seconds),
            metadata: sorted(input.metadata),
        };
        let upload = blocking(move || bucket.create_upload(&input.key, attributes)).await?;
        Ok(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(upload.key),
            upload_id: Some(upload.id),
            checksum_algorithm: input.checksum_algorithm,
            checksum_type: input.checksum_type,
            ..Default::default()
        })
    }

    pub(super) async fn write_part(&self, request: S3Request<UploadPartInput>) -> S3Result<UploadPartOutput> {
        let (input, trailers) = (request.input, request.trailing_headers);
        refuse(&None, &input.sse_customer_key)?;
        let bucket = self.bucket(&input.bucket)?;
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
        let upload = {
            let bucket = bucket.clone();
            blocking(move || bucket.upload(&input.upload_id, &input.key)).await?
        };
        let staged = stage(&bucket.staging_dir(), input.body, expected).await?;
        let checksums = staged.checksums().clone();
        let part = blocking(move || bucket.put_part(&upload, input.part_number, staged)).await?;
        Ok(UploadPartOutput {
            e_tag: etag(&part.etag),
            checksum_crc32: checksums.checksum_crc32,
            checksum_crc32c: checksums.checksum_crc32c,
            checksum_crc64nvme: checksums.checksum_crc64nvme,
            checksum_sha1: checksums.checksum_sha1,
            checksum_sha256: checksums.checksum_sha256,
            ..Default::default()
        })
    }

    pub(super) async fn copy_part(&self, input: UploadPartCopyInput) -> S3Result<UploadPartCopyOutput> {
        refuse(&None, &input.sse_customer_key)?;
        let (from, from_key) = self.source(&input.copy_source)?;
        let to = self.bucket(&input.bucket)?;
        let conditions = ReadConditions {
            if_match: input.copy_source_if_match,
            if_none_match: input.copy_source_if_none_match,
            if_modified_since: input.copy_source_if_modified_since,
            if_unmodified_since: input.copy_source_if_unmodified_since,
        };
        let range = match input.copy_source_range.as_deref().map(Range::parse) {
            None => None,
            Some(Ok(range @ Range::Int { last: Some(_), .. })) => Some(range),
            Some(_) => return Err(s3_error!(InvalidArgument, "The x-amz-copy-source-range must be bytes=first-last")),
        };
        let part = blocking(move || {
            let upload = to.upload(&input.upload_id, &input.key)?;
            let (source, file) = from.open(from.object(&from_key)?)?;
            conditions.check_source(&source)?;
            let range = byte_range(range, source.size)?.unwrap_or(0..source.size);
            let staged = stage_copy(&to.staging_dir(), &file, range)?;
            to.put_part(&upload, input.part_number, staged)
        })
        .await?;
        let result = CopyPartResult {
            e_tag: etag(&part.etag),
            last_modified: Some(timestamp(part.modified)),
            ..Default::default()
        };
        Ok(UploadPartCopyOutput { copy_part_result: Some(result), ..Default::default() })
    }

    pub(super) async fn complete(
        &self,
        input: CompleteMultipartUploadInput,
    ) -> S3Result<CompleteMultipartUploadOutput> {
        let bucket = self.bucket(&input.bucket)?;
        let condition = WriteCondition::new(input.if_match, input.if_none_match)?;
        let wanted = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        let wanted = wanted.into_iter().map(part_wanted).collect::<S3Result<Vec<_>>>()?;
        let object = blocking(move || {
            let upload = bucket.upload(&input.upload_id, &input.key)?;
            bucket.complete_upload(upload, &wanted, &condition)
        })
        .await?;
        Ok(CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", input.bucket, object.key)),
            bucket: Some(input.bucket),
            key: Some(object.key.clone()),
            e_tag: etag(&object.etag),
            ..Default::default()
        })
    }

    pub(super) async fn abort(&self, input: AbortMultipartUploadInput) -> S3Result<AbortMultipartUploadOutput> {
        let bucket = self.bucket(&input.bucket)?;
        blocking(move || bucket.abort_upload(&bucket.upload(&input.upload_id, &input.key)?)).await?;
        Ok(AbortMultipartUploadOutput::default())
    }

    pub(super) async fn parts(&self, input: ListPartsInput) -> S3Result<ListPartsOutput> {
        let bucket = self.bucket(&input.bucket)?;
        let (upload, parts) = blocking(move || {
            let upload = bucket.upload(&input.upload_id, &input.key)?;
            let parts = bucket.parts(&upload)?;
            Ok((upload, parts))
        })
        .await?;
        let marker = input.part_number_marker.unwrap_or(0);
        let limit = page_limit(input.max_parts);
        let mut page: Vec<&PartInfo> = parts.iter().filter(|part| part.number > marker).collect();
        let truncated = page.len() > limit as usize;
        page.truncate(limit as usize);
        Ok(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(upload.key),
            upload_id: Some(upload.id),
            part_number_marker: Some(marker),
            max_parts: Some(limit),
            is_truncated: Some(truncated),
            next_part_number_marker: page.last().filter(|_| truncated).map(|part| part.number),
            parts: Some(page.into_iter().map(part).collect()),
            ..Default::default()
        })
    }

    pub(super) async fn uploads(&self, input: ListMultipartUploadsInput) -> S3Result<ListMultipartUploadsOutput> {
        if input.delimiter.is_some() || input.encoding_type.is_some() {
            return Err(not_kept("delimiter or encoding in the listing of uploads"));
        }
        let bucket = self.bucket(&input.bucket)?;
        let all = blocking(move || bucket.uploads()).await?;
        let (prefix, marker) = (input.prefix.as_deref().unwrap_or_default(), input.key_marker.as_deref());
        let upload_marker = input.upload_id_marker.as_deref();
        let behind_marker = |key: &str, id: &str| match (marker, upload_marker) {
            (None, _) => true,
            (Some(marker), None) => key > marker,
            (Some(marker), Some(id_marker)) => (key, id) > (marker, id_marker),
        };
        let limit = page_limit(input.max_uploads);
        let mut page: Vec<_> = all
            .into_iter()
            .filter(|upload| upload.key.starts_with(prefix) && behind_marker(&upload.key, &upload.id))
            .collect();
        let truncated = page.len() > limit as usize;
        page.truncate(limit as usize);
        let last = page.last().filter(|_| truncated);
        Ok(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            max_uploads: Some(limit),
            is_truncated: Some(truncated),
            next_key_marker: last.map(|upload| upload.key.clone()),
            next_upload_id_marker: last.map(|upload| upload.id.clone()),
            uploads: Some(
                page.into_iter()
                    .map(|upload| MultipartUpload {
                        key: Some(upload.key),
                        upload_id: Some(upload.id),
                        initiated: Some(timestamp(upload.initiated)),
                        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
                        ..Default::default()
                    })
                    .collect(),
            ),
            prefix: input.prefix,
            key_marker: input.key_marker,
            upload_id_marker: input.upload_id_marker,
            ..Default::default()
        })
    }
}

fn part_wanted(part: CompletedPart) -> S3Result<PartWanted> {
    let number = part.part_number.ok_or_else(|| s3_error!(MalformedXML, "a part has no number"))?;
    Ok(PartWanted { number, etag: part.e_tag.map(ETag::into_value) })
}

fn part(info: &PartInfo) -> Part {
    Part {
        part_number: Some(info.number),
        e_tag: etag(&info.etag),
        size: signed(info.size),
        last_modified: Some(timestamp(info.modified)),
        ..Default::default()
    }
}

fn page_limit(asked: Option<i32>) -> i32 {
    asked.unwrap_or(MAX_LISTED).clamp(1, MAX_LISTED)
}
