//! What one query may take.

use std::time::Duration;

/// Ceilings of a query; none is set unless somebody sets it. A process sets them for all queries, a session may lower them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QueryLimits {
    /// Bytes of table data that the query may read, here and on workers; it is cut off while it runs.
    pub max_bytes_scanned: Option<u64>,
    /// From the start of planning to the last row; time in the queue does not count.
    pub max_time: Option<Duration>,
    /// A query with more rows fails; its result is never cut short.
    pub max_result_rows: Option<u64>,
    /// US dollars for Lambda and S3.
    pub max_cost: Option<f64>,
    /// Bytes that the query's operators may hold in this process; what can spill does so before.
    pub memory_per_query: Option<u64>,
}
