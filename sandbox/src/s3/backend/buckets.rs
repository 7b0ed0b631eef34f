use std::sync::Arc;

use s3s::S3Result;
use s3s::dto::*;

use super::Backend;
use crate::s3::store::{blocking, timestamp};

/// The region that S3 writes as "no constraint".
const FIRST_REGION: &str = "us-east-1";

impl Backend {
    pub(super) async fn buckets(&self, input: ListBucketsInput) -> S3Result<ListBucketsOutput> {
        let prefix = input.prefix.unwrap_or_default();
        let buckets = self.store.buckets().into_iter().filter(|bucket| bucket.name().starts_with(&prefix));
        let buckets = buckets.map(|bucket| Bucket {
            name: Some(bucket.name().to_owned()),
            creation_date: Some(timestamp(bucket.created())),
            bucket_region: Some(self.region.clone()),
        });
        Ok(ListBucketsOutput { buckets: Some(buckets.collect()), ..Default::default() })
    }

    pub(super) async fn make_bucket(&self, input: CreateBucketInput) -> S3Result<CreateBucketOutput> {
        let (store, name) = (Arc::clone(&self.store), input.bucket);
        let location = format!("/{name}");
        blocking(move || store.create_bucket(&name)).await?;
        Ok(CreateBucketOutput { location: Some(location) })
    }

    pub(super) async fn probe_bucket(&self, input: HeadBucketInput) -> S3Result<HeadBucketOutput> {
        self.bucket(&input.bucket)?;
        Ok(HeadBucketOutput { bucket_region: Some(self.region.clone()), ..Default::default() })
    }

    pub(super) async fn remove_bucket(&self, input: DeleteBucketInput) -> S3Result<DeleteBucketOutput> {
        let store = Arc::clone(&self.store);
        blocking(move || store.delete_bucket(&input.bucket)).await?;
        Ok(DeleteBucketOutput::default())
    }

    pub(super) async fn bucket_location(&self, input: GetBucketLocationInput) -> S3Result<GetBucketLocationOutput> {
        self.bucket(&input.bucket)?;
        let constraint = (self.region != FIRST_REGION).then(|| BucketLocationConstraint::from(self.region.clone()));
        Ok(GetBucketLocationOutput { location_constraint: constraint })
    }

    /// Never enabled.
    pub(super) async fn bucket_versioning(
        &self,
        input: GetBucketVersioningInput,
    ) -> S3Result<GetBucketVersioningOutput> {
        self.bucket(&input.bucket)?;
        Ok(GetBucketVersioningOutput::default())
    }
}
