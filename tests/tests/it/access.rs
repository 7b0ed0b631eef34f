//! Access, parameters and results as they meet S3 and workers. (The rules themselves are tested in `engine/src/query/tests`.)

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use arachne_catalog::MemoryCatalog;
use arachne_engine::ErrorCode;
use arachne_engine::access::{Access, Grant, Grantee, Level, LocationRules, Policy, Principal};
use arachne_engine::query::{
    Coordination, EngineSettings, NoObserver, Parameters, PriceBook, QueryRequest, QueryService, QueryServiceParts,
    QueryState,
};
use arachne_engine::storage::{ObjectStores, StorageSettings};
use arachne_tests::engine::{Engine, Width};
use arachne_tests::sandbox::{EXCHANGE, LAKE, Sandbox, block_on};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use arrow::ipc::reader::FileReader;
use datafusion::common::ScalarValue;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::StaticCredentialProvider;
use object_store::aws::AwsCredential;
use url::Url;

#[test]
fn only_what_is_allowed_is_read_from_s3() {
    let sandbox = Sandbox::shared();
    for folder in ["open", "opened", "secret"] {
        sandbox.put(&format!("access/{folder}/a.csv"), "a,b\n1,2\n3,4\n");
    }
    let allowed = vec![Url::parse(&format!("s3://{LAKE}/access/open/")).unwrap()];
    let locations = LocationRules { local_files: false, allowed };
    let service = service(sandbox, Access { locations, ..Access::default() });
    let ann = Principal::user("ann");
    assert_eq!(count(&service, &ann, &format!("SELECT count(*) FROM 's3://{LAKE}/access/open/'")), Ok(2));
    assert_eq!(count(&service, &ann, &format!("SELECT count(*) FROM 's3://{LAKE}/access/open/*.csv'")), Ok(2));
    for place in ["opened/", "secret/", "secret/a.csv", "", "*/a.csv", "open*/a.csv", "open/../secret/a.csv"] {
        let code = count(&service, &ann, &format!("SELECT count(*) FROM 's3://{LAKE}/access/{place}'")).unwrap_err();
        assert!(matches!(code, ErrorCode::PermissionDenied | ErrorCode::InvalidArgument), "{place}: {code:?}");
    }
}

#[test]
fn files_are_read_by_those_whom_a_location_is_granted_to() {
    let sandbox = Sandbox::shared();
    sandbox.put("granted/sales/a.csv", "a,b\n1,2\n");
    sandbox.put("granted/hr/a.csv", "a,b\n1,2\n");
    let grant = |on: &str, level| Grant { to: Grantee::User("ann".to_owned()), on: on.parse().unwrap(), level };
    let location = format!("s3://{LAKE}/granted/sales/");
    let policy = Policy::new(vec![grant("default.*", Level::Write), grant(&location, Level::Read)]);
    let service = service(sandbox, Access { policy, ..Access::default() });
    let (ann, bob) = (Principal::user("ann"), Principal::user("bob"));
    let read = |folder: &str| format!("SELECT count(*) FROM 's3://{LAKE}/granted/{folder}/'");
    assert_eq!(count(&service, &ann, &read("sales")), Ok(1));
    assert_eq!(count(&service, &ann, &read("hr")), Err(ErrorCode::PermissionDenied));
    assert_eq!(count(&service, &bob, &read("sales")), Err(ErrorCode::PermissionDenied));
    let create = |folder: &str| {
        format!(
            "CREATE EXTERNAL TABLE {folder} (a int, b int) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' \
             LOCATION 's3://{LAKE}/granted/{folder}/' TBLPROPERTIES ('skip.header.line.count' = '1')"
        )
    };
    assert_eq!(count(&service, &ann, &create("hr")), Err(ErrorCode::PermissionDenied));
    assert_eq!(count(&service, &ann, &create("sales")), Ok(0));
    assert_eq!(count(&service, &ann, "SELECT count(*) FROM sales"), Ok(1));
    assert_eq!(count(&service, &bob, "SELECT count(*) FROM sales"), Err(ErrorCode::NotFound));
}

#[test]
fn a_result_in_s3_is_fetched_by_its_link() {
    let sandbox = Sandbox::shared();
    let service = service(sandbox, Access::default());
    let ann = Principal::user("ann");
    let link = block_on(async {
        let request = QueryRequest { principal: ann.clone(), ..QueryRequest::new("SELECT 42 AS answer") };
        let id = service.submit(request).await.unwrap().id;
        let infos: Vec<_> = service.watch(&ann, &id).await.unwrap().collect().await;
        let last = infos.last().unwrap();
        assert_eq!(last.state, QueryState::Finished, "{:?}", last.error);
        service.result_links(&ann, &id, Duration::from_secs(60)).await.unwrap().unwrap()
    });
    let fetched = Command::new("curl").args(["-sSf", link.url.as_str()]).output().expect("curl");
    assert!(fetched.status.success(), "{}", String::from_utf8_lossy(&fetched.stderr));
    let mut file = FileReader::try_new(std::io::Cursor::new(fetched.stdout), None).unwrap();
    let batch = file.next().unwrap().unwrap();
    assert_eq!(batch.column(0).as_primitive::<Int64Type>().value(0), 42);
    assert!(!format!("{link:?}").contains("Signature"), "a link is a secret while it lasts");
}

#[test]
fn parameters_work_on_workers() {
    let engine = Engine::tasks(Width { tasks: 3, partitions: 2 }).with_tpch(arachne_tests::tpch::Dataset::shared());
    let sql = "SELECT l_returnflag, count(*) AS n FROM lineitem WHERE l_quantity < ? AND l_shipmode = ? GROUP BY 1 ORDER BY 1 LIMIT ?";
    let values = vec![ScalarValue::from(25_i64), ScalarValue::from("AIR"), ScalarValue::from(2_i64)];
    let request = QueryRequest { parameters: Parameters::Positional(values), ..engine.request(sql) };
    let (rows, distributed) = block_on(async {
        let mut handle = engine.service().start(request);
        let results = handle.results().await.unwrap();
        let batches: Vec<_> = results.try_collect().await.unwrap();
        let rows: Vec<(String, i64)> = batches
            .iter()
            .flat_map(|batch| {
                let flags = arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8).unwrap();
                let counts = batch.column(1).as_primitive::<Int64Type>().clone();
                (0..batch.num_rows())
                    .map(move |row| (flags.as_string::<i32>().value(row).to_owned(), counts.value(row)))
            })
            .collect();
        (rows, handle.stats().distributed)
    });
    assert!(distributed, "it was to run on workers");
    let literal = "SELECT l_returnflag, count(*) AS n FROM lineitem WHERE l_quantity < 25 AND l_shipmode = 'AIR' GROUP BY 1 ORDER BY 1 LIMIT 2";
    let expected = engine.run(literal).unwrap().answer;
    assert_eq!(rows.len(), 2);
    assert_eq!(expected.rows.len(), 2, "{expected:?}");
    for ((flag, n), row) in rows.iter().zip(&expected.rows) {
        let shown = format!("{row:?}");
        assert!(shown.contains(flag.as_str()) && shown.contains(&n.to_string()), "{flag} {n} {shown}");
    }
}

/// Results go to the exchange's bucket.
fn service(sandbox: &Sandbox, access: Access) -> QueryService {
    let s3 = sandbox.s3.settings();
    let settings = StorageSettings {
        endpoint: Some(sandbox.s3.url()),
        region: Some(s3.region.clone()),
        ..StorageSettings::default()
    };
    let credential = AwsCredential { key_id: s3.access_key.clone(), secret_key: s3.secret_key.clone(), token: None };
    let stores = ObjectStores::new(settings).with_credentials(Arc::new(StaticCredentialProvider::new(credential)));
    let parts = QueryServiceParts {
        catalog: Arc::new(MemoryCatalog::new()),
        stores: Arc::new(stores),
        invoker: None,
        settings: EngineSettings::default(),
        prices: PriceBook::built_in().unwrap(),
        clock: || 1_700_000_000_000,
        coordination: Coordination {
            results: Some(format!("s3://{EXCHANGE}/results/access/")),
            ..Coordination::default()
        },
        access,
        observer: Arc::new(NoObserver),
    };
    QueryService::try_new(parts).unwrap()
}

/// The one number of the answer; 0 where it has no rows.
fn count(service: &QueryService, principal: &Principal, sql: &str) -> Result<i64, ErrorCode> {
    block_on(async {
        let request = QueryRequest { principal: principal.clone(), ..QueryRequest::new(sql) };
        let mut handle = service.start(request);
        let results = handle.results().await.map_err(|error| error.code)?;
        let batches: Vec<_> = results.try_collect().await.map_err(|error| error.code)?;
        let first = batches.iter().find(|batch| batch.num_rows() > 0);
        Ok(first.map_or(0, |batch| batch.column(0).as_primitive::<Int64Type>().value(0)))
    })
}
