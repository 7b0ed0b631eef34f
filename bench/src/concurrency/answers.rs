//! Both engines say the same, before anybody looks at the clock.

use std::path::Path;

use anyhow::{Result, ensure};
use arachne_sandbox::s3::S3Server;

use super::ours::Ours;
use super::{Options, duckdb, queries};

pub(super) async fn compare(s3: &S3Server, dir: &Path, options: &Options) -> Result<()> {
    let samples = queries::samples(options);
    let theirs = duckdb::answers(s3, dir, &samples).await?;
    ensure!(theirs.len() == samples.len(), "DuckDB gave {} answers to {} queries", theirs.len(), samples.len());
    let ours = Ours::start(s3).await?;
    let client = reqwest::Client::new();
    for (sql, theirs) in samples.iter().zip(theirs) {
        let ours = ours.ask(&client, sql).await?.replace("\r\n", "\n");
        ensure!(ours == theirs, "the answers to {sql} differ\nours:\n{ours}\nDuckDB's:\n{theirs}");
    }
    Ok(())
}
