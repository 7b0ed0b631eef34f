use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::case::{Case, Dose};
use super::report::Record;
use super::verdict::Verdict;
use crate::answer::Order;
use crate::engine::{Engine, Width};
use crate::sandbox::{EXCHANGE, Sandbox, block_on};
use crate::tpch::{self, Dataset, Form, TABLES, TpchQuery};

/// Far above what a query takes on a busy machine, with every one of its retries.
const WATCHDOG: Duration = Duration::from_secs(240);

/// A sandbox of its own with TPC-H in its S3, used by one test at a time: faults hit whatever runs.
pub struct FaultBench {
    pub sandbox: Sandbox,
    pub engine: Engine,
}

static SHARED: LazyLock<Mutex<FaultBench>> = LazyLock::new(|| Mutex::new(FaultBench::start()));

impl FaultBench {
    /// The one of this process, once nobody else uses it.
    pub fn shared() -> MutexGuard<'static, Self> {
        SHARED.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start() -> Self {
        let sandbox = Sandbox::start().expect("the sandbox starts");
        let url = sandbox.upload_tpch(Dataset::shared(), Form::Parquet).expect("TPC-H goes up");
        // Four tasks a stage, enough to tell the last from the others, and groups through the exchange: much that can go wrong.
        let engine =
            Engine::lambda(&sandbox, Width { tasks: 4, partitions: 2 }).with_setting("arachne.merge_groups", 0);
        for table in &TABLES {
            let ddl = tpch::ddl(table, table.name, Form::Parquet, &format!("{url}{}/", table.name));
            engine.run(&ddl).unwrap_or_else(|error| panic!("{ddl}: {error}"));
        }
        Self { sandbox, engine }
    }

    /// Runs one of the 22 under a case, waits until everything is quiet, and looks at what is left.
    pub fn run(&self, case: Case, dose: Dose, number: usize) -> Record {
        self.run_on(&self.engine, case, dose, number)
    }

    /// As [`run`](Self::run), with an engine that is set otherwise.
    pub fn run_on(&self, engine: &Engine, case: Case, dose: Dose, number: usize) -> Record {
        let query = TpchQuery::get(number);
        let order = if query.sql.contains("ORDER BY") { Order::Kept } else { Order::Any };
        let expected = Dataset::shared().answer(query).expect("DuckDB's answer");
        let started = Instant::now();
        // Tasks have the same names in every query: with one seed for all, the same few would be hit each time.
        case.begin(&self.sandbox, Dose { seed: dose.seed * 1000 + number as u64, ..dose });
        let result = engine.start(query.sql, &[]).finish_within(WATCHDOG);
        let elapsed_ms = started.elapsed().as_millis();
        let retried = match &result {
            Some(Ok(outcome)) => Some(outcome.stats.retried),
            _ => None,
        };
        let verdict = Verdict::of(result, &expected, order);
        self.engine.idle();
        let mut left_over = self.wait_for_workers();
        let injected = case.end(&self.sandbox);
        let late_objects = self.sandbox.objects_in(EXCHANGE).len();
        if late_objects > 0 {
            // S3 tells times in seconds.
            std::thread::sleep(Duration::from_millis(1100));
            let service = self.engine.sweeping(EXCHANGE, now);
            block_on(service.sweep_exchange(Duration::ZERO)).expect("the exchange is swept");
        }
        left_over.extend(self.sandbox.remove_all(EXCHANGE));
        Record {
            case: case.name(),
            seed: dose.seed,
            query: format!("q{number:02}"),
            verdict,
            injected,
            retried: retried.map(u64::from),
            elapsed_ms,
            late_objects,
            left_over,
        }
    }

    /// Waits for invocations that nobody waits for any more; those that do not end.
    pub fn wait_for_workers(&self) -> Vec<String> {
        let started = Instant::now();
        while started.elapsed() < WATCHDOG {
            let busy = self.sandbox.lambda.workers().iter().filter(|worker| worker.busy).count();
            if self.sandbox.lambda.under_way() == 0 && busy == 0 {
                return Vec::new();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        vec![format!("{} invocations under way", self.sandbox.lambda.under_way())]
    }
}

/// Milliseconds since the Unix epoch, as S3 tells them.
fn now() -> i64 {
    std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis() as i64)
}
