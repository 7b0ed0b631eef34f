//! What queries learn of the lake for those that come after them.

use super::known_footers::KnownFooters;
use super::known_partitions::KnownPartitions;

/// Kept in memory, as long as it is known to hold; shared by the queries of one catalog.
#[derive(Debug, Default)]
pub struct KnownLake {
    pub(super) partitions: KnownPartitions,
    pub(super) footers: KnownFooters,
}
