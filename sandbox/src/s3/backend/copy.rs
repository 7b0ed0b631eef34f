use s3s::dto::*;
use s3s::{S3Result, s3_error};

use super::write::{refuse, sorted, stored_encoding, unix_seconds};
use super::{Backend, etag};
use crate::s3::conditions::{ReadConditions, WriteCondition};
use crate::s3::store::{Attributes, blocking, stage_copy};

impl Backend {
    pub(super) async fn copy(&self, input: CopyObjectInput) -> S3Result<CopyObjectOutput> {
        refuse(&input.tagging, &input.sse_customer_key)?;
        let (from, from_key) = self.source(&input.copy_source)?;
        let (to, to_key) = (self.bucket(&input.bucket)?, input.key);
        let conditions = ReadConditions {
            if_match: input.copy_source_if_match,
            if_none_match: input.copy_source_if_none_match,
            if_modified_since: input.copy_source_if_modified_since,
            if_unmodified_since: input.copy_source_if_unmodified_since,
        };
        let replaced = match input.metadata_directive.as_ref().map(MetadataDirective::as_str) {
            None | Some(MetadataDirective::COPY) => None,
            Some(MetadataDirective::REPLACE) => Some(Attributes {
                content_type: input.content_type,
                content_encoding: input.content_encoding.and_then(stored_encoding),
                content_disposition: input.content_disposition,
                content_language: input.content_language,
                cache_control: input.cache_control,
                expires: input.expires.map(unix_seconds),
                metadata: sorted(input.metadata),
            }),
            Some(_) => return Err(s3_error!(InvalidArgument, "Unknown metadata directive.")),
        };
        if replaced.is_none() && from.name() == to.name() && from_key == to_key {
            return Err(s3_error!(
                InvalidRequest,
                "This copy request is illegal because it is trying to copy an object to itself without changing the \
                 object's metadata."
            ));
        }
        let object = blocking(move || {
            let (source, file) = from.open(from.object(&from_key)?)?;
            conditions.check_source(&source)?;
            let staged = stage_copy(&to.staging_dir(), &file, 0..source.size)?;
            let attributes = replaced.unwrap_or_else(|| source.attributes.clone());
            to.put(&to_key, staged, attributes, &WriteCondition::Always)
        })
        .await?;
        let result = CopyObjectResult {
            e_tag: etag(&object.etag),
            last_modified: Some(object.last_modified()),
            ..Default::default()
        };
        Ok(CopyObjectOutput { copy_object_result: Some(result), ..Default::default() })
    }
}
