use s3s::dto::*;
use s3s::{S3Result, s3_error};

use super::{Backend, not_kept};
use crate::s3::conditions::WriteCondition;
use crate::s3::store::blocking;

/// S3's limit of keys a request.
const MAX_KEYS: usize = 1000;

impl Backend {
    pub(super) async fn remove(&self, input: DeleteObjectInput) -> S3Result<DeleteObjectOutput> {
        if input.version_id.as_deref().is_some_and(|version| version != "null") {
            return Err(not_kept("versions"));
        }
        let bucket = self.bucket(&input.bucket)?;
        let condition = WriteCondition::new(input.if_match, None)?;
        blocking(move || bucket.delete(&input.key, &condition)).await?;
        Ok(DeleteObjectOutput::default())
    }

    pub(super) async fn remove_many(&self, input: DeleteObjectsInput) -> S3Result<DeleteObjectsOutput> {
        let bucket = self.bucket(&input.bucket)?;
        let Delete { objects, quiet } = input.delete;
        if objects.is_empty() || objects.len() > MAX_KEYS {
            return Err(s3_error!(MalformedXML, "a request deletes 1 to {MAX_KEYS} objects"));
        }
        let (mut deleted, errors) = blocking(move || {
            let (mut deleted, mut errors) = (Vec::new(), Vec::new());
            for ObjectIdentifier { key, e_tag, version_id, .. } in objects {
                let removed = match version_id.as_deref() {
                    None | Some("null") => WriteCondition::new(e_tag.map(ETagCondition::ETag), None)
                        .and_then(|condition| bucket.delete(&key, &condition)),
                    Some(_) => Err(not_kept("versions")),
                };
                match removed {
                    Ok(()) => deleted.push(DeletedObject { key: Some(key), ..Default::default() }),
                    Err(error) => errors.push(Error {
                        code: Some(error.code().as_str().to_owned()),
                        key: Some(key),
                        message: error.message().map(str::to_owned),
                        version_id,
                    }),
                }
            }
            Ok((deleted, errors))
        })
        .await?;
        if quiet == Some(true) {
            deleted.clear();
        }
        Ok(DeleteObjectsOutput { deleted: Some(deleted), errors: Some(errors), ..Default::default() })
    }
}
