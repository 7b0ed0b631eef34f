//! Which settings a request may change.
//!
//! Somebody who is not an admin may lower what their query takes, and choose how many workers it gets within that. Everything else
//! is the operator's: where rows pass between stages (`arachne.exchange` could name a bucket of the user's own), what runs the query and
//! what it is taken to cost, and the planner's options (`datafusion.*`), some of which take memory or skip what the rest relies on.

const EVERYBODYS: [&str; 8] = [
    "arachne.max_bytes_scanned",
    "arachne.max_time",
    "arachne.max_result_rows",
    "arachne.max_cost",
    "arachne.memory_per_query",
    "arachne.tasks_per_stage",
    "arachne.bytes_per_task",
    "datafusion.execution.time_zone",
];

/// `name` with or without the prefix `arachne.`.
pub(super) fn is_everybodys(name: &str) -> bool {
    EVERYBODYS.contains(&name) || EVERYBODYS.iter().any(|known| known.strip_prefix("arachne.") == Some(name))
}

pub(super) fn everybodys() -> String {
    EVERYBODYS.join(", ")
}
