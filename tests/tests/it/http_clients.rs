//! The HTTP door as people's own programs use it: curl, Python's `requests`, and schemathesis, which tries what nobody thought of.

use std::process::{Command, Output};

use arachne_tests::cli::Cli;
use arachne_tests::sandbox::Sandbox;
use arachne_tests::server::{Server, wait_until};
use arachne_tests::venv::Venv;
use serde_json::{Value, json};

#[test]
fn curl_gets_rows_in_every_format() {
    let server = Server::alone(&[]);
    let sql = "SELECT 1 AS a, CAST('12345678901234567890.50' AS decimal(30,2)) AS d, CAST(NULL AS varchar) AS s, 9007199254740993 AS i";
    let rows = |accept: &str| curl(&server, "/v1/sql", &["-H", &format!("Accept: {accept}"), "-d", sql]);
    assert_eq!(rows("text/csv").text, "a,d,s,i\n1,12345678901234567890.50,,9007199254740993\n");
    let object = r#"{"a":1,"d":"12345678901234567890.50","s":null,"i":"9007199254740993"}"#;
    assert_eq!(rows("application/x-ndjson").text, format!("{object}\n"));
    assert_eq!(rows("application/json").text, format!("[\n{object}\n]\n"));
    let digits = curl(&server, "/v1/sql?numbers=number", &["-H", "Accept: application/x-ndjson", "-d", sql]);
    assert!(digits.text.contains(r#""d":12345678901234567890.50"#) && digits.text.contains(r#""i":9007199254740993"#));
    assert_eq!(rows("image/png").status, 406);
}

#[test]
fn duckdb_and_pyarrow_read_the_same_rows_from_each_format() {
    let server = Server::alone(&[]);
    python(
        &server,
        r#"
import io, duckdb, pyarrow as pa, pyarrow.parquet as pq, pyarrow.csv, requests, sys, tempfile, os
sql = """SELECT value AS n, CAST(value AS decimal(20,3)) / 8 AS d, CAST(value AS double) / 3 AS f, concat('x"', value) AS s,
         date '2024-01-01' + CAST(value % 100 AS int) AS day, [value, NULL] AS l, value % 2 = 0 AS b
         FROM generate_series(1, 20000) ORDER BY n"""
def get(accept):
    answer = requests.post(URL + '/v1/sql', data=sql.encode(), headers={'Accept': accept})
    assert answer.status_code == 200, answer.text
    return answer.content
stream = pa.ipc.open_stream(get('application/vnd.apache.arrow.stream')).read_all()
parquet = pq.read_table(io.BytesIO(get('application/vnd.apache.parquet')))
assert stream.num_rows == 20000, stream.num_rows
assert stream.equals(parquet), (stream.schema, parquet.schema)
assert not any(pa.types.is_large_string(field.type) or 'view' in str(field.type) for field in stream.schema)
folder = tempfile.mkdtemp()
for name, accept in [('rows.csv', 'text/csv'), ('rows.json', 'application/json'), ('rows.ndjson', 'application/x-ndjson')]:
    with open(os.path.join(folder, name), 'wb') as file:
        file.write(get(accept))
ours = duckdb.sql("SELECT count(*), sum(n), sum(d)::varchar, max(s), max(day)::varchar, count(*) FILTER (b) FROM stream").fetchone()
columns = "{'n': 'BIGINT', 'd': 'DECIMAL(38,9)', 'f': 'DOUBLE', 's': 'VARCHAR', 'day': 'DATE', 'l': 'BIGINT[]', 'b': 'BOOLEAN'}"
for read in [f"read_csv('{folder}/rows.csv', header = true)", f"read_json('{folder}/rows.json', columns = {columns})",
             f"read_json('{folder}/rows.ndjson', format = 'newline_delimited', columns = {columns})"]:
    theirs = duckdb.sql(f"SELECT count(*), sum(n), sum(d::decimal(38,9))::varchar, max(s), max(day)::varchar, count(*) FILTER (b) FROM {read}").fetchone()
    from decimal import Decimal
    same = [Decimal(theirs[i]) == Decimal(ours[i]) if i == 2 else theirs[i] == ours[i] for i in range(6)]
    assert all(same), (read, theirs, ours)
"#,
    );
}

#[test]
fn an_error_in_mid_stream_is_an_error_for_every_client() {
    let server = Server::alone(&[]);
    python(
        &server,
        r#"
import io, json, pyarrow as pa, pyarrow.parquet as pq, requests, subprocess
# The rows before the bad one are enough for many batches, so the status is sent before it comes.
sql = "SELECT value, 10 / (300000 - value) AS q FROM generate_series(1, 400000)"
for accept in ['text/csv', 'text/tab-separated-values', 'application/json', 'application/x-ndjson',
               'application/vnd.apache.arrow.stream', 'application/vnd.apache.parquet']:
    body = b''
    broken = False
    with requests.post(URL + '/v1/sql', data=sql, headers={'Accept': accept}, stream=True) as answer:
        assert answer.status_code == 200, (accept, answer.status_code, answer.text)
        try:
            for chunk in answer.iter_content(1 << 16):
                body += chunk
        except requests.exceptions.ChunkedEncodingError:
            broken = True
    assert broken, accept
    if accept == 'application/x-ndjson':
        last = json.loads(body.decode().splitlines()[-1])
        assert 'zero' in last['error']['message'] and last['error']['query_id'], last
    if accept == 'application/json':
        try:
            json.loads(body)
            raise SystemExit('half an answer is JSON')
        except json.JSONDecodeError:
            pass
    if accept.endswith('arrow.stream'):
        try:
            pa.ipc.open_stream(body).read_all()
            whole = True
        except Exception:
            whole = False
        assert not body.endswith(b'\xff\xff\xff\xff\x00\x00\x00\x00'), 'it has an end marker'
    if accept.endswith('parquet'):
        assert not body.endswith(b'PAR1')
    curl = subprocess.run(['curl', '-sS', '-o', '/dev/null', '-H', 'Accept: ' + accept, '-d', sql, URL + '/v1/sql'], capture_output=True, text=True)
    assert curl.returncode != 0, (accept, curl)
"#,
    );
    assert_eq!(server.sql("SELECT 1 AS one").body, "one\n1\n");
}

#[test]
fn requests_submits_follows_pages_and_cancels() {
    let server = Server::alone(&[]);
    python(
        &server,
        r#"
import json, requests, time
session = requests.Session()
def post(document, **headers):
    return session.post(URL + '/v1/queries', json=document, headers=headers)
# Waits, with typed parameters.
answer = post({'sql': 'SELECT ? + 1 AS a, $2 AS d, $3 AS day', 'wait': '30s',
               'parameters': [41, {'type': 'decimal(10,2)', 'value': '1.50'}, {'type': 'date', 'value': '2024-02-29'}]})
if answer.status_code == 400:
    answer = post({'sql': 'SELECT $1 + 1 AS a, $2 AS d, $3 AS day', 'wait': '30s',
                   'parameters': [41, {'type': 'decimal(10,2)', 'value': '1.50'}, {'type': 'date', 'value': '2024-02-29'}]})
assert answer.status_code == 200, answer.text
assert answer.json()['rows'] == [{'a': 42, 'd': '1.50', 'day': '2024-02-29'}], answer.text
named = post({'sql': 'SELECT :who AS who', 'parameters': {'who': "o'clock; DROP"}, 'wait': '30s'})
assert named.json()['rows'] == [{'who': "o'clock; DROP"}], named.text
missing = post({'sql': 'SELECT ? AS a', 'parameters': [], 'wait': '30s'})
assert missing.status_code == 400, missing.text
# Pages by Link.
answer = post({'sql': 'SELECT value AS n FROM generate_series(1, 5000) ORDER BY n'})
assert answer.status_code == 202 and answer.headers['Location'].startswith('/v1/queries/')
place = URL + answer.headers['Location']
with session.get(place + '/events', stream=True) as events:
    assert events.headers['Content-Type'] == 'text/event-stream'
    names = [line[7:] for line in events.iter_lines(decode_unicode=True) if line.startswith('event: ')]
assert names[-1] == 'end' and names.count('end') == 1, names
page = session.get(place + '/results?limit=1999')
seen = page.json()
pages = 1
while 'next' in page.links:
    page = session.get(requests.compat.urljoin(URL, page.links['next']['url']))
    seen += page.json()
    pages += 1
assert pages == 3 and [row['n'] for row in seen] == list(range(1, 5001)), pages
plan = session.get(place + '/plan').json()
assert 'generate_series' in plan['plan'].lower(), plan
# Cancelled while it runs, seen by who follows it.
endless = post({'sql': 'SELECT count(*) FROM generate_series(1, 100000000000) a WHERE a.value % 7 = 1'})
place = URL + endless.headers['Location']
with session.get(place + '/events', stream=True) as events:
    lines = events.iter_lines(decode_unicode=True)
    assert next(lines) == 'event: progress'
    assert requests.delete(place).status_code == 200
    data = [json.loads(line[6:]) for line in lines if line.startswith('data: ')]
assert data[-1]['state'] == 'CANCELLED', data[-1]
assert session.get(place + '/results').status_code == 409
# The key.
one, two = (post({'sql': 'SELECT 7'}, **{'Idempotency-Key': 'k'}) for _ in range(2))
assert one.json()['id'] == two.json()['id'], (one.text, two.text)
assert post({'sql': 'SELECT 8'}, **{'Idempotency-Key': 'k'}).status_code == 409
# What it would cost.
dry = post({'sql': 'SELECT 1 AS one', 'dry_run': True}).json()
assert dry['columns'] == [{'name': 'one', 'type': 'bigint', 'nullable': False}] and dry['bytes'] == 0, dry
"#,
    );
}

#[test]
fn large_results_are_fetched_from_s3_itself() {
    let cli = Cli::in_sandbox(Sandbox::shared());
    let server = Server::start_with(&cli, &[("RESULTS__LOCATION", "s3://lake/http-results/")]);
    assert_eq!(curl(&server, "/readyz", &[]).status, 200);
    python(
        &server,
        r#"
import pyarrow as pa, requests
answer = requests.post(URL + '/v1/queries', json={'sql': 'SELECT value AS n FROM generate_series(1, 100000)', 'wait': '60s'})
assert answer.status_code == 200, answer.text
link = requests.get(URL + '/v1/queries/' + answer.json()['query']['id'] + '/results?link=true').json()
assert link['media_type'] == 'application/vnd.apache.arrow.file', link
rows = pa.ipc.open_file(requests.get(link['url']).content).read_all()
assert rows.column('n').to_pylist() == list(range(1, 100001))
tampered = requests.get(link['url'].replace('X-Amz-Expires=900', 'X-Amz-Expires=901'))
assert tampered.status_code == 403, tampered.text
"#,
    );
    let astray = Server::start_with(&cli, &[("RESULTS__LOCATION", "s3://no-such-bucket/results/")]);
    let ready = curl(&astray, "/readyz", &[]);
    assert_eq!((ready.status, &ready.problem()["code"]), (503, &json!("unavailable")));
    assert!(!ready.text.contains("no-such-bucket"), "{ready:?}");
    let body = json!({"sql": "SELECT 1", "wait": "60s"}).to_string();
    let lost = curl(&astray, "/v1/queries", &["-H", "Content-Type: application/json", "-d", &body]);
    assert_eq!((lost.status, &lost.problem()["code"]), (503, &json!("unavailable")), "{lost:?}");
    assert_eq!(astray.sql("SELECT 1 AS one").body, "one\n1\n");
}

#[test]
fn two_hundred_queries_at_once_wait_or_are_refused_and_all_are_served() {
    let settings = [
        ("LIMITS__CONCURRENT_QUERIES", "4"),
        ("LIMITS__QUEUED_QUERIES", "20"),
        ("LIMITS__CONCURRENT_QUERIES_PER_USER", "4"),
    ];
    let server = Server::alone(&settings);
    python(
        &server,
        r#"
import collections, requests, threading, time
refused = collections.Counter()
sums = {}
def run(n):
    sql = f"SELECT sum(value) + {n} AS s FROM generate_series(1, 300000)"
    for attempt in range(600):
        answer = requests.post(URL + '/v1/sql', data=sql, headers={'Accept': 'application/json'})
        if answer.status_code != 429:
            break
        assert int(answer.headers['Retry-After']) > 0 and answer.json()['code'] == 'throttled', answer.text
        refused[n] += 1
        time.sleep(0.2 + (n % 10) / 20)
    assert answer.status_code == 200, answer.text
    sums[n] = answer.json()[0]['s'] - n
threads = [threading.Thread(target=run, args=(n,)) for n in range(200)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert len(sums) == 200 and set(sums.values()) == {300000 * 300001 // 2}, (len(sums), set(sums.values()))
assert sum(refused.values()) > 0, 'nothing was refused'
print('refused', sum(refused.values()))
"#,
    );
    wait_until("nothing runs or waits", || {
        ["RUNNING", "QUEUED"].iter().all(|state| {
            let found = server.request("GET", &format!("/v1/queries?state={state}"), &[], "").json();
            found["queries"].as_array().unwrap().is_empty()
        })
    });
}

#[test]
fn a_client_that_disappears_in_the_middle_of_a_result_cancels_its_query() {
    let server = Server::alone(&[]);
    python(
        &server,
        r#"
import requests
sql = "SELECT a.value AS a, b.value AS b FROM generate_series(1, 100000) a CROSS JOIN generate_series(1, 100000) b"
answer = requests.post(URL + '/v1/sql', data=sql, headers={'Accept': 'text/csv'}, stream=True)
assert answer.status_code == 200
for chunk in answer.iter_content(1 << 20):
    break
answer.close()
"#,
    );
    let last = || server.request("GET", "/v1/queries?limit=1", &[], "").json()["queries"][0].clone();
    wait_until("it is cancelled", || last()["state"] == "CANCELLED");
    // A client that waits for a query that is to end with it.
    let body = json!({
        "sql": "SELECT count(*) FROM generate_series(1, 100000000000) a WHERE a.value % 7 = 1",
        "wait": "60s", "on_timeout": "cancel"
    });
    let headers = [("Content-Type", "application/json")];
    let connection = server.send("POST", "/v1/queries", &headers, &body.to_string());
    wait_until("it runs", || last()["state"] == "RUNNING");
    drop(connection);
    wait_until("it is cancelled too", || last()["state"] == "CANCELLED");
    assert_eq!(server.sql("SELECT 1 AS one").body, "one\n1\n");
}

#[test]
fn bodies_that_are_too_large_cut_short_or_no_text_are_refused() {
    let server = Server::alone(&[]);
    let cli = Cli::new();
    let path = |name: &str, bytes: &[u8]| cli.file(name, bytes).display().to_string();
    let post = |file: &str, more: &[&str]| {
        curl(&server, "/v1/sql", &[&["--data-binary", &format!("@{file}"), "-H", "Accept: text/csv"], more].concat())
    };
    let large = path("large", " ".repeat(100 << 20).as_bytes());
    for more in [&["-H", "Expect:"] as &[&str], &["-H", "Transfer-Encoding: chunked"], &[]] {
        let answer = post(&large, more);
        assert_eq!((answer.status, answer.problem()["status"].as_u64()), (413, Some(413)), "{more:?} {answer:?}");
    }
    let not_text = post(&path("latin", b"SELECT '\xe9'"), &[]);
    assert_eq!((not_text.status, &not_text.problem()["code"]), (400, &json!("invalid_argument")));
    // A megabyte of SQL is a statement like any other.
    let long = format!("SELECT {} AS n", ["1"; 100].join(" + ")) + &" ".repeat(1 << 20);
    assert_eq!(post(&path("long.sql", long.as_bytes()), &[]).text, "n\n100\n");
    let text = format!("SELECT length('{}') AS n", "x".repeat(1 << 20));
    assert_eq!(post(&path("text.sql", text.as_bytes()), &[]).text, format!("n\n{}\n", 1 << 20));
    python(
        &server,
        r#"
import requests, socket
host, port = URL.split('//')[1].split(':')
def raw(text):
    with socket.create_connection((host, int(port))) as connection:
        connection.settimeout(100)
        got = b''
        try:
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(65536):
                got += chunk
        except OSError:
            pass  # It has closed the connection.
        return got
head = f'POST /v1/sql HTTP/1.1\r\nHost: {host}:{port}\r\n'.encode()
cut = raw(head + b'Content-Length: 100\r\n\r\nSELECT 1')
assert cut == b'' or b' 400 ' in cut.splitlines()[0], cut
cut = raw(head + b'Transfer-Encoding: chunked\r\n\r\n50\r\nSELECT 1')
assert cut == b'' or b' 400 ' in cut.splitlines()[0], cut
for broken in [b'\x00\x01\x02\r\n\r\n', b'GET / HTTP/9.9\r\n\r\n', head + b'Content-Length: x\r\n\r\n', head + b'X: ' + b'a' * 300000 + b'\r\n\r\n']:
    got = raw(broken)
    assert got == b'' or got.startswith(b'HTTP/1.1 4'), got[:200]
# The 100 MB from Python, which does not ask before it sends.
try:
    answer = requests.post(URL + '/v1/queries', data=b' ' * (100 << 20), headers={'Content-Type': 'application/json'})
    assert answer.status_code == 413 and answer.headers['Content-Type'] == 'application/problem+json', answer.text
except requests.exceptions.ConnectionError as error:
    raise SystemExit(f'the answer was lost: {error}')
"#,
    );
    assert!(server.resident_bytes() < 1 << 30, "{} bytes", server.resident_bytes());
    assert_eq!(server.sql("SELECT 1 AS one").body, "one\n1\n");
}

#[test]
fn schemathesis_finds_nothing() {
    let cli = Cli::new();
    cli.file("fruit/a.csv", "apple,150\npear,170\n");
    let server = Server::start_with(&cli, &[("LIMITS__MAX_TIME", "5s"), ("LIMITS__QUEUED_QUERIES", "10000")]);
    let location = format!("file://{}/fruit/", cli.home().display());
    let ddl = format!(
        "CREATE EXTERNAL TABLE fruit (name string, grams int) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' \
         STORED AS TEXTFILE LOCATION '{location}'"
    );
    assert_eq!(server.sql(&ddl).status, 200);
    // What any text is to SQL: a schema cannot say which texts are statements, so 400 is an answer to what it allows.
    let config = cli.file(
        "schemathesis.toml",
        "[checks.positive_data_acceptance]\nexpected-statuses = [\"2xx\", \"400\", \"401\", \"403\", \"404\", \"409\", \"429\"]\n",
    );
    let mut program = Venv::http().command("schemathesis");
    program
        .args(["--config-file", &config.display().to_string(), "run", &format!("{}/openapi.json", server.url())])
        .args(["--checks", "all", "--max-examples", "40", "--seed", "7", "--workers", "1", "--request-timeout", "60"])
        // DELETE cancels a query: what it was, and why it ended, can still be read.
        .args(["--exclude-checks", "use_after_free", "--no-color"])
        .current_dir(cli.home());
    let output = program.output().expect("schemathesis runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(server.sql("SELECT 1 AS one").body, "one\n1\n");
}

/// What curl got.
#[derive(Debug)]
struct Answer {
    status: u16,
    text: String,
}

impl Answer {
    #[track_caller]
    fn problem(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

fn curl(server: &Server, path: &str, arguments: &[&str]) -> Answer {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--max-time", "100", "--write-out", "\n%{http_code}"]).args(arguments);
    let output = curl.arg(format!("{}{path}", server.url())).output().expect("curl runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (text, status) = text.rsplit_once('\n').expect("a status");
    Answer { status: status.parse().expect("a number"), text: text.to_owned() }
}

/// Runs a script that knows the server as `URL`.
fn python(server: &Server, script: &str) {
    let script = format!("URL = '{}'\n{script}", server.url());
    let output: Output = Venv::http().command("python").args(["-c", &script]).output().expect("python runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}
