use std::sync::{Arc, Mutex};
use std::time::Duration;

use datafusion::common::ScalarValue;
use futures::StreamExt as _;

use super::support::{House, by};
use crate::access::Principal;
use crate::error::ErrorCode;
use crate::query::{
    Door, HistoryFilter, Load, Parameters, QueryObserver, QueryRequest, QueryState, QueryStats, QueueLimits, ResultPage,
};

#[tokio::test]
async fn a_token_means_one_request() {
    let house = House::open().await;
    let request = || QueryRequest { token: Some("t".to_owned()), ..QueryRequest::new("SELECT 1") };
    let first = house.service.submit(request()).await.unwrap();
    assert_eq!(house.service.submit(request()).await.unwrap().id, first.id);
    let others = [
        QueryRequest { sql: "SELECT 2".to_owned(), ..request() },
        QueryRequest { database: "sales".to_owned(), ..request() },
        QueryRequest { parameters: Parameters::Positional(vec![ScalarValue::from(1_i64)]), ..request() },
        request().with_setting("arachne.max_time", "5s"),
        QueryRequest { principal: Principal { workgroup: "etl".to_owned(), ..Principal::local() }, ..request() },
    ];
    for other in others {
        let error = house.service.submit(other).await.unwrap_err();
        assert!(error.code == ErrorCode::AlreadyExists && error.hint.is_some(), "{error:?}");
    }
    let somebody_else = QueryRequest { principal: Principal::user("ann"), ..request() };
    assert_ne!(house.service.submit(somebody_else).await.unwrap().id, first.id);
    // Rows of a query that is started are not kept, so a second request would find nothing.
    let error = house.service.start(request()).results().await.err().unwrap();
    assert_eq!(error.code, ErrorCode::InvalidArgument);
}

#[tokio::test]
async fn a_query_is_watched_to_its_end() {
    let house = House::open().await;
    let id = house.service.submit(QueryRequest::new("SELECT count(*) FROM sales.orders")).await.unwrap().id;
    let seen: Vec<_> = house.service.watch(&Principal::local(), &id).await.unwrap().collect().await;
    let last = seen.last().unwrap();
    assert!(last.state == QueryState::Finished && last.has_result && last.stats.is_some(), "{last:?}");
    assert!(seen[..seen.len() - 1].iter().all(|info| !info.state.has_ended()));
    // One that has ended is shown as it is.
    let again: Vec<_> = house.service.watch(&Principal::local(), &id).await.unwrap().collect().await;
    assert_eq!(again.len(), 1);
    let mut handle = house.service.start(QueryRequest::new(ENDLESS));
    let watching = house.service.watch(&Principal::local(), handle.id()).await.unwrap();
    let id = handle.id().clone();
    let cancel = async {
        let _ = handle.results().await;
        house.service.cancel(&Principal::local(), &id).await.unwrap();
    };
    let (seen, ()) = futures::join!(watching.collect::<Vec<_>>(), cancel);
    assert_eq!(seen.last().unwrap().state, QueryState::Cancelled);
}

/// Rows without end, for all that a test can wait.
const ENDLESS: &str = "SELECT a.value FROM generate_series(1, 100000) a, generate_series(1, 100000) b, \
                       generate_series(1, 100000) c WHERE a.value + b.value + c.value > 0";

#[tokio::test]
async fn the_history_says_how_a_query_came_in_and_is_filtered_by_it() {
    let house = House::open().await;
    for (door, user) in [(Door::Http, "ann"), (Door::FlightSql, "ann"), (Door::Http, "bob")] {
        let request = QueryRequest { door, ..by(user, "SELECT 1") };
        house.rows_of(request).await.unwrap();
    }
    house.service.idle().await;
    let count = async |filter: HistoryFilter| house.service.list(&Principal::local(), &filter).await.unwrap().len();
    assert_eq!(count(HistoryFilter::default()).await, 3);
    assert_eq!(count(HistoryFilter { door: Some("http".to_owned()), ..HistoryFilter::default() }).await, 2);
    assert_eq!(count(HistoryFilter { user: Some("ann".to_owned()), ..HistoryFilter::default() }).await, 2);
    assert_eq!(count(HistoryFilter { workgroup: Some("primary".to_owned()), ..HistoryFilter::default() }).await, 3);
    assert_eq!(count(HistoryFilter { workgroup: Some("etl".to_owned()), ..HistoryFilter::default() }).await, 0);
    assert_eq!(count(HistoryFilter { until: Some(1_700_000_000_000), ..HistoryFilter::default() }).await, 0);
    assert_eq!(count(HistoryFilter { since: Some(1_700_000_000_000), ..HistoryFilter::default() }).await, 3);
    let flight = HistoryFilter { door: Some("flight-sql".to_owned()), ..HistoryFilter::default() };
    let found = house.service.list(&Principal::local(), &flight).await.unwrap();
    assert_eq!((found[0].door, found[0].workgroup.as_str()), (Door::FlightSql, "primary"));
}

#[derive(Debug, Default)]
struct Heard(Mutex<Vec<(Door, QueryState)>>);

impl QueryObserver for Heard {
    fn ended(&self, door: Door, state: QueryState, _: &QueryStats) {
        self.0.lock().unwrap().push((door, state));
    }
}

#[tokio::test]
async fn an_observer_hears_of_every_end_once() {
    let heard = Arc::new(Heard::default());
    let observer = Arc::clone(&heard);
    let house = House::with(|parts| parts.observer = observer).await;
    house.rows("SELECT 1").await.unwrap();
    house.rows("SELECT nope").await.unwrap_err();
    house.rows_of(QueryRequest { door: Door::Http, ..QueryRequest::new("SHOW DATABASES") }).await.unwrap();
    house.service.idle().await;
    let mut heard = heard.0.lock().unwrap().clone();
    heard.sort_by_key(|(door, state)| (*door, format!("{state:?}")));
    let expected = [
        (Door::Embedded, QueryState::Failed),
        (Door::Embedded, QueryState::Finished),
        (Door::Http, QueryState::Finished),
    ];
    assert_eq!(heard, expected);
}

#[tokio::test]
async fn two_hundred_queries_at_once_are_queued_refused_and_served_at_last() {
    let house = House::with(|parts| {
        parts.coordination.queue = QueueLimits { concurrent: 4, concurrent_per_user: None, queued: 50 };
    })
    .await;
    let submit = |nth: usize| {
        let service = house.service.clone();
        async move {
            let mut refused = 0;
            let request = by(["ann", "bob"][nth % 2], "SELECT sum(id) FROM sales.orders");
            loop {
                match service.submit(request.clone()).await {
                    Ok(info) => {
                        let principal = request.principal.clone();
                        let infos: Vec<_> = service.watch(&principal, &info.id).await.unwrap().collect().await;
                        return (infos.last().unwrap().state, refused);
                    }
                    Err(error) => {
                        assert_eq!(error.code, ErrorCode::Throttled, "{error}");
                        refused += 1;
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
            }
        }
    };
    let all = futures::future::join_all((0..200).map(submit)).await;
    assert!(all.iter().all(|(state, _)| *state == QueryState::Finished));
    assert!(all.iter().any(|(_, refused)| *refused > 0), "some are refused at first");
    house.service.idle().await;
    assert_eq!(house.service.load(), Load::default());
}

#[tokio::test]
async fn a_join_that_does_not_fit_into_memory_fails_as_such() {
    let house = House::open().await;
    let request = QueryRequest::new(
        "SELECT count(*) FROM (SELECT value FROM generate_series(1, 3000000) GROUP BY value) a \
         LEFT JOIN generate_series(1, 10) b ON a.value < b.value",
    );
    let mut handle = house.service.start(request.with_setting("arachne.memory_per_query", "8MiB"));
    let rows: Vec<_> = handle.results().await.unwrap().collect().await;
    let error = rows.into_iter().find_map(Result::err).unwrap();
    assert_eq!(error.code, ErrorCode::ResourceExhausted, "{error:?}");
    assert!(error.hint.is_some_and(|hint| hint.contains("memory_per_query")), "{}", error.message);
}

#[tokio::test]
async fn draining_lets_queries_end_and_takes_no_new_ones() {
    let house = House::open().await;
    let service = house.service.clone();
    // Nothing that fills memory in the seconds that it is given.
    let endless = "SELECT value FROM generate_series(1, 1000000000000000) WHERE value % 2 = 3";
    let mut endless = service.start(QueryRequest::new(endless));
    let running = service.submit(QueryRequest::new("SELECT sum(id) FROM sales.orders")).await.unwrap();
    let rows = endless.results().await.unwrap();
    service.drain(Duration::from_secs(3)).await;
    let error = house.rows("SELECT 1").await.unwrap_err();
    assert!(error.code == ErrorCode::Unavailable && error.hint.is_some(), "{error:?}");
    assert_eq!(service.submit(QueryRequest::new("SELECT 1")).await.unwrap_err().code, ErrorCode::Unavailable);
    let batches: Vec<_> = rows.collect().await;
    let end = batches.into_iter().find_map(Result::err).unwrap();
    assert_eq!(end.code, ErrorCode::Cancelled);
    assert_eq!(service.get(&Principal::local(), &running.id).await.unwrap().state, QueryState::Finished);
}

#[tokio::test]
async fn a_plan_is_shown_of_a_query_that_runs_and_of_one_that_has_run() {
    let house = House::open().await;
    let mut endless = house.service.start(QueryRequest::new(ENDLESS));
    let rows = endless.results().await.unwrap();
    let live = house.service.plan(&Principal::local(), endless.id()).await.unwrap();
    assert!(live.text.contains("in the coordinator"), "{}", live.text);
    drop((rows, endless));
    let id = house.service.submit(QueryRequest::new("SELECT id FROM sales.orders")).await.unwrap().id;
    house.service.watch(&Principal::local(), &id).await.unwrap().collect::<Vec<_>>().await;
    let ended = house.service.plan(&Principal::local(), &id).await.unwrap();
    assert!(ended.text.contains("orders") && ended.stages.is_array(), "{ended:?}");
}

#[tokio::test]
async fn a_result_that_cannot_be_written_fails_its_query_and_nothing_else() {
    let house = House::with(|_| {}).await;
    // A file where the folder should be: nobody can write below it.
    std::fs::write(house.folder.path().join("results"), "in the way").unwrap();
    let id = house.service.submit(QueryRequest::new("SELECT id FROM sales.orders")).await.unwrap().id;
    let seen: Vec<_> = house.service.watch(&Principal::local(), &id).await.unwrap().collect().await;
    let last = seen.last().unwrap();
    let error = last.error.clone().unwrap();
    assert!(last.state == QueryState::Failed && !last.has_result, "{last:?}");
    assert!(error.message.contains("result") && error.hint.is_some(), "{error:?}");
    let read = house.service.results(&Principal::local(), &id, ResultPage::default()).await.err().unwrap();
    assert_eq!(read.code, error.code);
    assert_eq!(std::fs::read_to_string(house.folder.path().join("results")).unwrap(), "in the way");
    std::fs::remove_file(house.folder.path().join("results")).unwrap();
    let id = house.service.submit(QueryRequest::new("SELECT id FROM sales.orders")).await.unwrap().id;
    house.service.watch(&Principal::local(), &id).await.unwrap().collect::<Vec<_>>().await;
    house.service.results(&Principal::local(), &id, ResultPage::default()).await.unwrap();
}

#[tokio::test]
async fn local_results_have_no_links() {
    let house = House::open().await;
    let id = house.service.submit(QueryRequest::new("SELECT 1")).await.unwrap().id;
    house.service.watch(&Principal::local(), &id).await.unwrap().collect::<Vec<_>>().await;
    let links = house.service.result_links(&Principal::local(), &id, Duration::from_secs(60)).await.unwrap();
    assert!(links.is_none());
}

#[tokio::test]
async fn statements_of_a_megabyte_are_answered() {
    let house = House::open().await;
    let list = (0..150_000).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let long_list = format!("SELECT count(*) FROM sales.orders WHERE id IN ({list})");
    let long_text = format!("SELECT length('{}')", "x".repeat(1_000_000));
    let long_comment = format!("SELECT 1 /* {} */", "x".repeat(1_000_000));
    for (sql, expected) in [(&long_list, "10"), (&long_text, "1000000"), (&long_comment, "1")] {
        assert_eq!(house.rows(sql).await.unwrap(), [expected]);
    }
}

#[tokio::test]
async fn statements_that_would_use_up_the_stack_are_refused() {
    let house = House::open().await;
    for deep in [
        format!("SELECT 1{}", " + 1".repeat(250_000)),
        format!("SELECT {}1{}", "(".repeat(500_000), ")".repeat(500_000)),
        format!("SELECT 1{}", " OR 1 = 1".repeat(100_000)),
        format!("SELECT 1 {}", "UNION ALL SELECT 1 ".repeat(50_000)),
        format!("SELECT {}1", "NOT ".repeat(250_000)),
        format!("SELECT {}1", "- ".repeat(500_000)),
        format!("SELECT a{}", ".b".repeat(500_000)),
        format!("SELECT 1{}", "::int".repeat(200_000)),
        format!("SELECT {}1{}", "CASE WHEN true THEN ".repeat(20_000), " END".repeat(20_000)),
        format!("SELECT * FROM {}(SELECT 1){}", "(SELECT * FROM ".repeat(30_000), ")".repeat(30_000)),
        "x;".repeat(500_000),
        format!("SELECT {}1", ":a,".repeat(300_000)),
    ] {
        let error = house.rows(&deep).await.expect_err(&deep[..40]);
        assert!(matches!(error.code, ErrorCode::Syntax | ErrorCode::InvalidArgument), "{}: {error}", &deep[..40]);
    }
    assert_eq!(house.rows("SELECT 1").await.unwrap(), ["1"]);
}

/// Just short of what is refused, on threads such as the program's own.
#[test]
fn statements_that_are_nearly_too_deep_are_answered() {
    let deep = std::thread::Builder::new().stack_size(32 * 1024 * 1024).spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let house = House::open().await;
            let sum = format!("SELECT 1{}", " + 1".repeat(1_990));
            assert_eq!(house.rows(&sum).await.unwrap(), ["1991"]);
            let any = format!("SELECT count(*) FROM sales.orders WHERE id = 1{}", " OR id + n = 4".repeat(100));
            assert_eq!(house.rows(&any).await.unwrap(), ["2"]);
        });
    });
    deep.unwrap().join().unwrap();
}
