//! Bytes on their way in: written to a temporary file and hashed as they come, not yet visible to anybody.

use std::fs::File;
use std::io::{self, Write};
use std::mem;
use std::path::Path;

use bytes::Bytes;
use futures::StreamExt;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::{Checksum, StreamingBlob};
use s3s::{S3Error, S3Result, TrailingHeaders, s3_error};
use tempfile::NamedTempFile;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::s3::file_body::read_range;

/// Bytes gathered before a thread is asked to hash and write them.
const BATCH: usize = 1024 * 1024;

/// A file that was received in full. It vanishes when dropped without having been put in place.
pub(crate) struct Staged {
    pub(super) file: NamedTempFile,
    /// Bytes.
    pub(super) size: u64,
    pub(super) md5: [u8; 16],
    checksums: Checksum,
}

/// What the client says the bytes hash to. Values may come after the body, in trailing headers.
#[derive(Default)]
pub(crate) struct Expected {
    /// In base64, as in `Content-MD5`.
    pub(crate) md5: Option<String>,
    /// Announced by name only: the value follows in a trailing header.
    pub(crate) algorithm: Option<String>,
    pub(crate) checksums: Checksum,
    pub(crate) trailers: Option<TrailingHeaders>,
}

/// Receives a body into a new file in `dir`, and checks it against what the client said.
pub(crate) async fn stage(dir: &Path, body: Option<StreamingBlob>, expected: Expected) -> S3Result<Staged> {
    let (dir, hasher) = (dir.to_owned(), expected.hasher());
    let mut writing = spawn_blocking(move || Sink::create(&dir, hasher));
    let mut batch = Vec::new();
    let mut gathered = 0;
    if let Some(mut body) = body {
        while let Some(chunk) = body.next().await {
            let chunk =
                chunk.map_err(|error| s3_error!(IncompleteBody, "the body could not be read in full: {error}"))?;
            gathered += chunk.len();
            batch.push(chunk);
            if gathered >= BATCH {
                // The next batch is received while this one is hashed and written.
                writing = write_batch(finish(writing).await?, mem::take(&mut batch));
                gathered = 0;
            }
        }
    }
    let sink = finish(write_batch(finish(writing).await?, batch)).await?;
    let staged = sink.finish();
    expected.check(&staged)?;
    Ok(staged)
}

/// Copies `range` of a stored file. Blocks.
pub(crate) fn stage_copy(dir: &Path, source: &File, range: std::ops::Range<u64>) -> S3Result<Staged> {
    let copy = || -> io::Result<Staged> {
        let mut sink = Sink::create(dir, ChecksumHasher::default())?;
        for start in (range.start..range.end).step_by(BATCH) {
            sink.write(&read_range(source, start..range.end.min(start + BATCH as u64))?)?;
        }
        Ok(sink.finish())
    };
    copy().map_err(S3Error::internal_error)
}

impl Staged {
    pub(crate) fn etag(&self) -> String {
        hex::encode(self.md5)
    }

    /// The checksums that the client asked for.
    pub(crate) fn checksums(&self) -> &Checksum {
        &self.checksums
    }
}

struct Sink {
    file: NamedTempFile,
    size: u64,
    md5: Md5,
    hasher: ChecksumHasher,
}

impl Sink {
    fn create(dir: &Path, hasher: ChecksumHasher) -> io::Result<Self> {
        Ok(Self { file: NamedTempFile::new_in(dir)?, size: 0, md5: Md5::new(), hasher })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.md5.update(bytes);
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    fn finish(self) -> Staged {
        Staged { file: self.file, size: self.size, md5: self.md5.finalize(), checksums: self.hasher.finalize() }
    }
}

fn write_batch(mut sink: Sink, batch: Vec<Bytes>) -> JoinHandle<io::Result<Sink>> {
    spawn_blocking(move || {
        for chunk in batch {
            sink.write(&chunk)?;
        }
        Ok(sink)
    })
}

async fn finish(writing: JoinHandle<io::Result<Sink>>) -> S3Result<Sink> {
    writing.await.map_err(S3Error::internal_error)?.map_err(S3Error::internal_error)
}

impl Expected {
    fn hasher(&self) -> ChecksumHasher {
        let mut hasher = ChecksumHasher::default();
        let given = &self.checksums;
        let named = |name: &str| self.algorithm.as_deref() == Some(name);
        hasher.crc32 = (given.checksum_crc32.is_some() || named("CRC32")).then(Default::default);
        hasher.crc32c = (given.checksum_crc32c.is_some() || named("CRC32C")).then(Default::default);
        hasher.crc64nvme = (given.checksum_crc64nvme.is_some() || named("CRC64NVME")).then(Default::default);
        hasher.sha1 = (given.checksum_sha1.is_some() || named("SHA1")).then(Default::default);
        hasher.sha256 = (given.checksum_sha256.is_some() || named("SHA256")).then(Default::default);
        hasher
    }

    fn check(self, staged: &Staged) -> S3Result<()> {
        if let Some(md5) = &self.md5 {
            let wanted = base64_decode(md5).filter(|wanted| wanted.len() == staged.md5.len());
            let wanted =
                wanted.ok_or_else(|| s3_error!(InvalidDigest, "The Content-MD5 you specified is not valid."))?;
            if wanted != staged.md5 {
                return Err(s3_error!(BadDigest, "The Content-MD5 you specified did not match what we received."));
            }
        }
        let trailers = self.trailers.and_then(|trailers| trailers.take()).unwrap_or_default();
        let trailer = |name: &str| trailers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (given, found) = (self.checksums, &staged.checksums);
        for (name, given, found) in [
            ("x-amz-checksum-crc32", given.checksum_crc32, &found.checksum_crc32),
            ("x-amz-checksum-crc32c", given.checksum_crc32c, &found.checksum_crc32c),
            ("x-amz-checksum-crc64nvme", given.checksum_crc64nvme, &found.checksum_crc64nvme),
            ("x-amz-checksum-sha1", given.checksum_sha1, &found.checksum_sha1),
            ("x-amz-checksum-sha256", given.checksum_sha256, &found.checksum_sha256),
        ] {
            let given = given.or_else(|| trailer(name));
            if given.is_some() && given != *found {
                return Err(s3_error!(BadDigest, "The {name} you specified did not match what we received."));
            }
        }
        Ok(())
    }
}

fn base64_decode(text: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}
