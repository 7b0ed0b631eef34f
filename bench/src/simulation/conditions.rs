//! What the virtual world is like, in numbers. Where no source is named, the number is an assumption of ours.

use std::time::Duration;

use arachne_lambda::TwoLevelSettings;
use serde::Serialize;

use super::luck::Spread;

const MB: f64 = 1e6;
const MIB: f64 = 1024.0 * 1024.0;

#[derive(Debug, Clone, Serialize)]
pub(super) struct Conditions {
    pub(super) lambda: LambdaRules,
    pub(super) network: Network,
    pub(super) worker: WorkerSpeed,
    pub(super) coordinator: Coordinator,
}

/// AWS's rules (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html> and `scaling-behavior.html`).
#[derive(Debug, Clone, Serialize)]
pub(super) struct LambdaRules {
    /// Invocations of the account that run at once; 1,000 by default.
    pub(super) concurrency: usize,
    /// New environments of one function: so many at once, refilled continuously at `environments_per_second`.
    pub(super) environments: f64,
    pub(super) environments_per_second: f64,
    /// Synchronous requests a second for each unit of concurrency.
    pub(super) requests_per_concurrency: f64,
    /// What the header of a 429 asks for. AWS does not document the number.
    pub(super) retry_after: Duration,
    /// Environments that are warm when the query starts.
    pub(super) warm: usize,
    /// From the request to the first instruction of a warm worker, and back: half of it each way.
    pub(super) latency: Spread,
    /// What a cold start adds: placement, download, and the 20 ms that a Rust program takes to initialise.
    pub(super) cold_start: Spread,
}

/// An environment's network is a token bucket (Skyrise's measurements, <https://arxiv.org/abs/2501.07771>).
#[derive(Debug, Clone, Serialize)]
pub(super) struct Network {
    pub(super) burst_bytes: f64,
    /// Through an I/O stack; the wire itself gave 1.2 GiB/s.
    pub(super) burst_rate: f64,
    pub(super) steady_rate: f64,
    /// Idle for so long, the bucket is full again.
    pub(super) refill: Duration,
    /// S3's time to the first byte, from Lambda: median and p99 of 200,000 requests in the same measurements.
    pub(super) first_byte: Spread,
    /// Requests for table data: the engine's own size for ranges.
    pub(super) request_bytes: u64,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct WorkerSpeed {
    /// MB as Lambda counts them; 1,769 are one vCPU.
    pub(super) memory_mb: u64,
    /// Compressed Parquet that one vCPU decodes and aggregates in a second.
    pub(super) bytes_per_second: f64,
    /// Decoding the request, starting a session, encoding the answer (docs/fan-out-overhead.md).
    pub(super) overhead: Duration,
    /// How one task differs from the next of the same size.
    pub(super) jitter: Spread,
    /// The share of tasks on a slow machine, and how many times longer those take.
    pub(super) straggler_share: f64,
    pub(super) straggler_factor: Spread,
    /// The share of attempts that die on the way.
    pub(super) crash_share: f64,
    /// How often a worker asks whether it is still wanted; each time is a GET.
    pub(super) cancel_poll: Duration,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Coordinator {
    /// Invocations that one process starts a second: Lambada needed 3.4 to 4.4 s for 1,000 (<https://arxiv.org/abs/1912.00937>).
    pub(super) calls_per_second: f64,
    /// The same of a worker that passes on a group.
    pub(super) relay_calls_per_second: f64,
    /// Invocations under way up to which each is a call of its own, and the size of a group beyond that.
    pub(super) two_level_above: usize,
    pub(super) group: usize,
    /// A relay answers once, when the last of its group has ended.
    pub(super) answers_together: bool,
    /// How long a group gathers.
    pub(super) gather: Duration,
    /// Attempts in flight at most.
    pub(super) max_in_flight: usize,
}

impl Conditions {
    pub(super) fn new(concurrency: usize, max_in_flight: usize, warm: usize) -> Self {
        let TwoLevelSettings { above, group } = TwoLevelSettings::default();
        let ms = |p50: f64, p99: f64| Spread { p50: p50 / 1000.0, p99: p99 / 1000.0 };
        Self {
            lambda: LambdaRules {
                concurrency,
                environments: 1_000.0,
                environments_per_second: 100.0,
                requests_per_concurrency: 10.0,
                retry_after: Duration::from_secs(1),
                warm,
                latency: ms(12.0, 50.0),
                cold_start: ms(180.0, 700.0),
            },
            network: Network {
                burst_bytes: 300.0 * MB,
                burst_rate: 386.0 * MIB,
                steady_rate: 75.0 * MB,
                refill: Duration::from_secs(4),
                first_byte: ms(18.2, 84.0),
                request_bytes: 8 * 1024 * 1024,
            },
            worker: WorkerSpeed {
                memory_mb: 1_769,
                bytes_per_second: 100.0 * MB,
                overhead: Duration::from_millis(10),
                jitter: Spread { p50: 1.0, p99: 1.25 },
                straggler_share: 0.01,
                straggler_factor: Spread { p50: 3.0, p99: 10.0 },
                crash_share: 0.001,
                cancel_poll: Duration::from_millis(500),
            },
            coordinator: Coordinator {
                calls_per_second: 250.0,
                relay_calls_per_second: 250.0,
                two_level_above: above,
                group,
                answers_together: true,
                gather: Duration::from_millis(5),
                max_in_flight,
            },
        }
    }
}
