//! Multipart uploads: a directory each, whose files are the only state. Nothing of it is in the index until completion.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::PathBuf;
use std::sync::Arc;

use s3s::crypto::{Checksum as _, Md5};
use s3s::{S3Error, S3Result, s3_error};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use uuid::Uuid;

use super::Bucket;
use super::object::{Attributes, ObjectInfo, now};
use super::record_file::{append_trailer, read_trailer};
use super::stage::Staged;
use crate::s3::conditions::WriteCondition;

/// S3's limits: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>.
const MAX_PART_NUMBER: i32 = 10_000;
/// Every part but the last, in bytes.
const MIN_PART_SIZE: u64 = 5 * 1024 * 1024;

/// An upload that was begun and neither completed nor aborted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Upload {
    pub(crate) id: String,
    pub(crate) key: String,
    /// Seconds since the Unix epoch.
    pub(crate) initiated: i64,
    attributes: Attributes,
}

/// A part that was received.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PartInfo {
    pub(crate) number: i32,
    /// MD5 of the bytes in hex.
    pub(crate) etag: String,
    /// Bytes.
    pub(crate) size: u64,
    /// Seconds since the Unix epoch.
    pub(crate) modified: i64,
}

/// A part as the client names it at completion.
#[derive(Debug, Clone)]
pub(crate) struct PartWanted {
    pub(crate) number: i32,
    pub(crate) etag: Option<String>,
}

/// All methods block.
impl Bucket {
    pub(crate) fn create_upload(&self, key: &str, attributes: Attributes) -> S3Result<Upload> {
        let id = Uuid::new_v4().simple().to_string();
        let upload = Upload { id, key: key.to_owned(), initiated: now(), attributes };
        let dir = self.uploads_dir().join(&upload.id);
        let write = || {
            fs::create_dir(&dir)?;
            // A temporary file first: an upload that can be seen can be read.
            let file = NamedTempFile::new_in(self.staging_dir())?;
            serde_json::to_writer(&file, &upload)?;
            file.persist(dir.join("upload.json"))?;
            io::Result::Ok(())
        };
        write().map_err(S3Error::internal_error)?;
        Ok(upload)
    }

    /// Finds an upload; 404 `NoSuchUpload` when there is none of that id and key.
    pub(crate) fn upload(&self, id: &str, key: &str) -> S3Result<Upload> {
        let upload = read_upload(self.upload_dir(id)?).map_err(no_such_upload)?;
        if upload.key == key { Ok(upload) } else { Err(no_such_upload("the key is another")) }
    }

    /// All uploads, by key and then by id.
    pub(crate) fn uploads(&self) -> S3Result<Vec<Upload>> {
        let mut uploads = Vec::new();
        for entry in fs::read_dir(self.uploads_dir()).map_err(S3Error::internal_error)? {
            let dir = entry.map_err(S3Error::internal_error)?.path();
            // One that cannot be read is just being begun, completed or aborted.
            uploads.extend(read_upload(dir));
        }
        uploads.sort_by(|a, b| (&a.key, &a.id).cmp(&(&b.key, &b.id)));
        Ok(uploads)
    }

    pub(crate) fn put_part(&self, upload: &Upload, number: i32, mut staged: Staged) -> S3Result<PartInfo> {
        check_part_number(number)?;
        let part = PartInfo { number, etag: staged.etag(), size: staged.size, modified: now() };
        append_trailer(staged.file.as_file_mut(), &part).map_err(S3Error::internal_error)?;
        let path = self.upload_dir(&upload.id)?.join(part_name(number));
        staged.file.persist(path).map_err(no_such_upload)?;
        Ok(part)
    }

    /// The parts that were received, by number.
    pub(crate) fn parts(&self, upload: &Upload) -> S3Result<Vec<PartInfo>> {
        let mut parts = Vec::new();
        for entry in fs::read_dir(self.upload_dir(&upload.id)?).map_err(no_such_upload)? {
            let entry = entry.map_err(S3Error::internal_error)?;
            if entry.file_name().to_string_lossy().starts_with("part-") {
                let file = File::open(entry.path()).map_err(no_such_upload)?;
                parts.push(read_trailer::<PartInfo>(&file).map_err(S3Error::internal_error)?.0);
            }
        }
        parts.sort_by_key(|part| part.number);
        Ok(parts)
    }

    /// Joins the parts named into the object, if the condition holds at that moment.
    pub(crate) fn complete_upload(
        &self,
        upload: Upload,
        wanted: &[PartWanted],
        condition: &WriteCondition,
    ) -> S3Result<Arc<ObjectInfo>> {
        let parts = self.open_parts(&upload, wanted)?;
        let mut hash = Md5::new();
        let mut joined = NamedTempFile::new_in(self.staging_dir()).map_err(S3Error::internal_error)?;
        let mut size = 0;
        for (part, file) in parts {
            let md5 = hex::decode(&part.etag).map_err(S3Error::internal_error)?;
            hash.update(&md5);
            // Within the kernel, where the file system can do that.
            let copied = io::copy(&mut file.take(part.size), joined.as_file_mut()).map_err(S3Error::internal_error)?;
            if copied != part.size {
                return Err(S3Error::internal_error(io::Error::from(io::ErrorKind::UnexpectedEof)));
            }
            size += copied;
        }
        joined.as_file_mut().seek(io::SeekFrom::Start(size)).map_err(S3Error::internal_error)?;
        let etag = format!("{}-{}", hex::encode(hash.finalize()), wanted.len());
        let Upload { key, attributes, id, .. } = upload;
        let info = ObjectInfo { key, etag, size, modified: now(), attributes, path: PathBuf::new() };
        let info = self.publish(info, joined, condition)?;
        self.remove_upload(&id)?;
        Ok(info)
    }

    pub(crate) fn abort_upload(&self, upload: &Upload) -> S3Result<()> {
        self.remove_upload(&upload.id)
    }

    /// Opens the wanted parts, having checked that they are the ones received, in order, and large enough.
    fn open_parts(&self, upload: &Upload, wanted: &[PartWanted]) -> S3Result<Vec<(PartInfo, File)>> {
        if wanted.is_empty() {
            return Err(s3_error!(MalformedXML, "You must specify at least one part"));
        }
        if !wanted.is_sorted_by(|a, b| a.number < b.number) {
            return Err(s3_error!(InvalidPartOrder, "The list of parts was not in ascending order."));
        }
        let dir = self.upload_dir(&upload.id)?;
        let mut parts = Vec::with_capacity(wanted.len());
        for (index, want) in wanted.iter().enumerate() {
            check_part_number(want.number)?;
            let Ok(file) = File::open(dir.join(part_name(want.number))) else { return Err(invalid_part(want.number)) };
            let (part, _) = read_trailer::<PartInfo>(&file).map_err(S3Error::internal_error)?;
            if want.etag.as_ref().is_some_and(|etag| *etag != part.etag) {
                return Err(invalid_part(want.number));
            }
            if part.size < MIN_PART_SIZE && index + 1 < wanted.len() {
                return Err(s3_error!(
                    EntityTooSmall,
                    "Your proposed upload is smaller than the minimum allowed size: part {} has {} bytes",
                    part.number,
                    part.size
                ));
            }
            parts.push((part, file));
        }
        Ok(parts)
    }

    fn remove_upload(&self, id: &str) -> S3Result<()> {
        match fs::remove_dir_all(self.upload_dir(id)?) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(S3Error::internal_error(error)),
            _ => Ok(()),
        }
    }

    /// An id is checked before it becomes part of a path.
    fn upload_dir(&self, id: &str) -> S3Result<PathBuf> {
        let id = Uuid::try_parse(id).map_err(no_such_upload)?;
        Ok(self.uploads_dir().join(id.simple().to_string()))
    }

    fn uploads_dir(&self) -> PathBuf {
        self.dir.join("uploads")
    }
}

fn read_upload(dir: PathBuf) -> io::Result<Upload> {
    Ok(serde_json::from_slice(&fs::read(dir.join("upload.json"))?)?)
}

fn part_name(number: i32) -> String {
    format!("part-{number:05}")
}

fn check_part_number(number: i32) -> S3Result<()> {
    if (1..=MAX_PART_NUMBER).contains(&number) {
        return Ok(());
    }
    Err(s3_error!(InvalidArgument, "Part number must be an integer between 1 and {MAX_PART_NUMBER}, inclusive"))
}

fn invalid_part(number: i32) -> S3Error {
    s3_error!(InvalidPart, "Part {number} was not uploaded, or its ETag is another.")
}

fn no_such_upload(reason: impl std::fmt::Display) -> S3Error {
    tracing::debug!(%reason, "no such upload");
    s3_error!(NoSuchUpload, "The specified multipart upload does not exist.")
}
