//! Random queries at random width have the answer of a plain single-node run, and a share of them DuckDB's.
//!
//! A failing case prints the SQL and the settings; `ARACHNE_TEST_SEED` and `ARACHNE_TEST_CASES` choose which queries and how many. What was
//! found and repaired is kept as records of `tests/slt/random.slt`.

use std::time::Duration;

use arachne_engine::{Error, ErrorCode};
use arachne_tests::answer::{Answer, Order, difference};
use arachne_tests::duckdb::DuckDbSession;
use arachne_tests::engine::{Engine, Width};
use arachne_tests::random::{Dialect, Query, RandomTables, queries};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

/// In a debug build on two cores: half a minute.
const CASES: u32 = 80;
/// No query over a few hundred rows takes so long.
const PATIENCE: Duration = Duration::from_secs(120);
/// One query in so many is asked of DuckDB as well.
const SHARE_OF_DUCKDB: u8 = 3;

/// A query and how it is spread.
#[derive(Debug, Clone)]
struct Case {
    query: Query,
    /// Of all stages, or of each.
    tasks: Vec<u8>,
    partitions: u8,
    /// Merge no aggregate in the coordinator.
    spread_groups: bool,
    /// Send no build side to every task.
    shuffle_joins: bool,
    small_batches: bool,
    ask_duckdb: bool,
}

#[test]
fn random_queries_at_random_width_have_the_answer_of_one_process() {
    let judge = Judge::start();
    let config = ProptestConfig {
        cases: number("ARACHNE_TEST_CASES").map_or(CASES, |cases| u32::try_from(cases).unwrap()),
        max_shrink_iters: 3_000,
        max_shrink_time: 120_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let seed = number("ARACHNE_TEST_SEED").unwrap_or(1);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    match runner.run(&cases(), |case| judge.check(&case)) {
        Ok(()) => {}
        Err(TestError::Fail(reason, case)) => panic!("{}\n{reason}\nseed {seed}", case.described()),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let tasks = prop_oneof![3 => vec(1_u8..12, 1..=1), 1 => vec(1_u8..12, 2..4)];
    (queries(), tasks, 1_u8..5, any::<[bool; 3]>(), 0..SHARE_OF_DUCKDB).prop_map(
        |(query, tasks, partitions, [spread_groups, shuffle_joins, small_batches], share)| Case {
            query,
            tasks,
            partitions,
            spread_groups,
            shuffle_joins,
            small_batches,
            ask_duckdb: share == 0,
        },
    )
}

/// The three engines.
struct Judge {
    embedded: Engine,
    tasks: Engine,
    duckdb: std::cell::RefCell<DuckDbSession>,
}

impl Judge {
    fn start() -> Self {
        let tables = RandomTables::shared();
        let embedded = Engine::embedded().with_setting("arachne.local_partitions", 1);
        let tasks = Engine::tasks(Width { tasks: 1, partitions: 1 });
        for ddl in tables.ddl() {
            embedded.run(&ddl).unwrap();
            tasks.run(&ddl).unwrap();
        }
        let mut duckdb = DuckDbSession::start().unwrap();
        for view in tables.duckdb().setup() {
            duckdb.ask(view).unwrap().unwrap();
        }
        Self { embedded, tasks, duckdb: duckdb.into() }
    }

    fn check(&self, case: &Case) -> Result<(), TestCaseError> {
        let written = case.query.write(Dialect::Arachne);
        let order = if written.ordered { Order::Kept } else { Order::Any };
        let plain = run(&self.embedded, &written.sql, &[]);
        let settings = case.settings();
        let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let spread = run(&self.tasks, &written.sql, &settings);
        let plain = match (plain, spread) {
            (Err(Stopped::Hung), _) => return fail("hangs in one process"),
            (_, Err(Stopped::Hung)) => return fail("hangs in tasks"),
            // Of several wrong rows any may be the one that is reported.
            (Err(Stopped::Error(a)), Err(Stopped::Error(b))) if is_about_data(&a) && a.code == b.code => return Ok(()),
            (Err(Stopped::Error(a)), Err(Stopped::Error(_))) if is_about_names(&a) => return Ok(()),
            (Err(Stopped::Error(a)), Err(Stopped::Error(b))) => {
                return fail(&format!("fails everywhere: {a}\nin tasks: {b}"));
            }
            (Err(Stopped::Error(a)), Ok(_)) => return fail(&format!("fails in one process only: {a}")),
            (Ok(_), Err(Stopped::Error(b))) => return fail(&format!("fails in tasks only: {b}")),
            (Ok(plain), Ok(spread)) => match difference(&plain, &spread, order) {
                Some(difference) => return fail(&format!("tasks differ from one process: {difference}")),
                None => plain,
            },
        };
        if !case.ask_duckdb {
            return Ok(());
        }
        let theirs = self.duckdb.borrow_mut().ask(&case.query.write(Dialect::DuckDb).sql).unwrap();
        match theirs {
            Err(error) => fail(&format!("DuckDB refuses it: {error}")),
            Ok(theirs) => match difference(&theirs, &plain, order) {
                Some(difference) => fail(&format!("differs from DuckDB: {difference}")),
                None => Ok(()),
            },
        }
    }
}

enum Stopped {
    Error(Error),
    Hung,
}

fn run(engine: &Engine, sql: &str, settings: &[(&str, &str)]) -> Result<Answer, Stopped> {
    match engine.start(sql, settings).finish_within(PATIENCE) {
        None => Err(Stopped::Hung),
        Some(Err(error)) => Err(Stopped::Error(error)),
        Some(Ok(outcome)) => Ok(outcome.answer),
    }
}

fn is_about_data(error: &Error) -> bool {
    error.code == ErrorCode::InvalidData
}

/// DataFusion names expressions without their casts, and wants each name once.
fn is_about_names(error: &Error) -> bool {
    error.code == ErrorCode::Syntax && error.message.contains("require unique expression names")
}

fn fail(reason: &str) -> Result<(), TestCaseError> {
    Err(TestCaseError::fail(reason.to_owned()))
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

impl Case {
    fn settings(&self) -> Vec<(&'static str, String)> {
        let tasks: Vec<_> = self.tasks.iter().map(u8::to_string).collect();
        let mut settings = vec![
            ("arachne.tasks_per_stage", tasks.join(",")),
            ("arachne.partitions_per_task", self.partitions.to_string()),
        ];
        if self.spread_groups {
            settings.push(("arachne.merge_groups", "0".to_owned()));
        }
        if self.shuffle_joins {
            settings.push(("datafusion.optimizer.hash_join_single_partition_threshold", "0".to_owned()));
            settings.push(("datafusion.optimizer.hash_join_single_partition_threshold_rows", "0".to_owned()));
        }
        if self.small_batches {
            settings.push(("datafusion.execution.batch_size", "7".to_owned()));
        }
        settings
    }

    /// What it takes to run it by hand.
    fn described(&self) -> String {
        let settings: Vec<_> = self.settings().iter().map(|(name, value)| format!("SET {name} = '{value}';")).collect();
        format!(
            "{}\n{};\nin DuckDB's words:\n{};",
            settings.join("\n"),
            self.query.write(Dialect::Arachne).sql,
            self.query.write(Dialect::DuckDb).sql
        )
    }
}
