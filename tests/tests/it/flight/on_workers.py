"""Both doors over workers: the tables of TPC-H in S3, LOCAL a folder with the same files, TASKS to a stage, COMPUTE lambda or cluster."""

import datetime
import http.client
import json
import os
import threading
import time

import adbc_driver_flightsql.dbapi as flight_sql
import duckdb
import pyarrow as pa
from pyarrow import flight

import lake
from lake import FOLDER, HTTP, rows

COMPUTE, TASKS = os.environ["COMPUTE"], int(os.environ["TASKS"])

QUERIES = [
    "SELECT l_returnflag, l_linestatus, count(*) AS n, sum(l_quantity) AS q, min(l_shipdate) AS first, max(l_comment) AS last "
    "FROM lineitem GROUP BY l_returnflag, l_linestatus ORDER BY 1, 2",
    "SELECT o_orderpriority, count(*) AS n FROM orders WHERE EXISTS (SELECT 1 FROM lineitem WHERE l_orderkey = o_orderkey "
    "AND l_commitdate < l_receiptdate) GROUP BY o_orderpriority ORDER BY 1",
    "SELECT c_name, o_orderkey, o_totalprice, sum(l_quantity) AS q FROM customer JOIN orders ON c_custkey = o_custkey "
    "JOIN lineitem ON o_orderkey = l_orderkey GROUP BY 1, 2, 3 HAVING sum(l_quantity) > 200 ORDER BY o_totalprice DESC, o_orderkey",
    "SELECT l_orderkey, l_linenumber, l_shipdate, l_comment FROM lineitem WHERE l_orderkey % 3 = 1 ORDER BY 1, 2",
    "SELECT count(*) AS n FROM lineitem WHERE l_comment = 'nobody says so'",
]

# Nobody waits for its end, and it never waits for anything itself. What is sent to all tasks is small: the work is in the last stage.
LONG = (
    "SELECT count(*) AS n FROM lineitem a JOIN lineitem b ON a.l_suppkey < b.l_suppkey "
    "AND a.l_comment || b.l_comment || a.l_comment LIKE '%nobody%says%so%'"
)


def expected(sql, parameters=None):
    duck = duckdb.connect()
    for table in ["lineitem", "orders", "customer"]:
        duck.execute(f"CREATE VIEW {table} AS FROM read_parquet('{FOLDER}/{table}/*.parquet')")
    answer = duck.execute(sql, parameters).to_arrow_table()
    assert answer.num_rows > 0, sql
    return rows(answer)


def connect(**options):
    return flight_sql.connect(lake.URI, autocommit=True, **options)


def send(method, path, body=None, **headers):
    connection = http.client.HTTPConnection(HTTP, timeout=300)
    connection.request(method, path, body, headers)
    return connection


def ask(method, path, body=None, **headers):
    answer = send(method, path, body, **headers).getresponse()
    return answer.status, answer.read()


def document(method, path, body=None):
    status, text = ask(method, path, body and json.dumps(body))
    assert status < 300, text
    return json.loads(text)


def submit(sql, **more):
    return document("POST", "/v1/queries", {"sql": sql, **more})["id"]


def events(query):
    """What is told of a query, up to its end."""
    answer = send("GET", f"/v1/queries/{query}/events").getresponse()
    assert answer.status == 200
    told, name = [], None
    for line in answer:
        line = line.decode().rstrip("\n")
        if line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("data:"):
            told.append((name, json.loads(line[5:])))
            if name == "end":
                return told
    raise AssertionError(f"no end among {told}")


def newest(sql):
    """The query with this text that came last, once it is there."""
    for _ in range(1200):
        for query in document("GET", "/v1/queries?limit=5")["queries"]:
            if query["sql"] == sql:
                return query["id"]
        time.sleep(0.05)
    raise AssertionError(f"nobody knows of {sql}")


def wait_for_tasks(query):
    """Until workers work on it."""
    for _ in range(2400):
        seen = document("GET", f"/v1/queries/{query}")
        assert seen["state"] in ("QUEUED", "PLANNING", "RUNNING"), seen
        if (seen.get("progress") or {}).get("tasks_running", 0) > 0:
            return
        time.sleep(0.05)
    raise AssertionError("no task runs")


def ended(query):
    """The query once it has ended, and its end is written down."""
    for _ in range(1200):
        seen = document("GET", f"/v1/queries/{query}")
        if "ended_ms" in seen:
            return seen
        time.sleep(0.05)
    raise AssertionError(f"it goes on: {seen}")


def is_cancelled(query):
    seen = ended(query)
    assert seen["state"] == "CANCELLED", seen


def was_computed_by_workers(query):
    stats = query["stats"]
    assert stats["distributed"] and stats["tasks"] >= TASKS and len(stats["stages"]) >= 1, stats
    requests, cost = stats["requests"], stats["cost"]
    assert requests["bytes_scanned"] + requests.get("bytes_remembered", 0) > 0, stats
    if COMPUTE == "lambda":
        assert stats["gb_seconds"] > 0 and cost["lambda"] > 0, stats
    else:
        assert stats["gb_seconds"] == 0 and cost["lambda"] == 0, stats
    assert cost["athena"] > 0, stats


def test_answers_over_http_at_once():
    for sql in QUERIES:
        status, body = ask("POST", "/v1/sql", sql, Accept="application/vnd.apache.arrow.stream")
        assert status == 200, body
        assert rows(pa.ipc.open_stream(body).read_all()) == expected(sql), sql
        was_computed_by_workers(ended(newest(sql)))


def test_a_query_is_followed_and_its_rows_are_kept():
    for sql in QUERIES:
        query = submit(sql)
        told = events(query)
        end = told[-1][1]
        assert end["state"] == "SUCCEEDED", end
        was_computed_by_workers(end)
        progress = [event["progress"] for _, event in told if event.get("progress")]
        assert max(seen["tasks"] for seen in progress) >= TASKS, progress
        assert max(seen["stages"] for seen in progress) >= 1, progress
        done = [seen["tasks_done"] for seen in progress]
        assert done == sorted(done) and max(done) <= max(seen["tasks"] for seen in progress), progress
        status, body = ask("GET", f"/v1/queries/{query}/results", Accept="application/vnd.apache.arrow.stream")
        assert status == 200, body
        assert rows(pa.ipc.open_stream(body).read_all()) == expected(sql), sql
        plan = document("GET", f"/v1/queries/{query}/plan")
        assert "workers" in plan["plan"] and len(plan["stages"]) >= 1, plan


def test_values_over_http():
    sql = "SELECT l_returnflag, count(*) AS n FROM lineitem WHERE l_shipdate >= ? - INTERVAL '1' DAY AND l_quantity < ? GROUP BY 1 ORDER BY 1"
    for day, quantity in [("1995-06-17", 30), ("1998-01-01", 10)]:
        query = submit(sql, parameters=[day, quantity])
        end = events(query)[-1][1]
        assert end["state"] == "SUCCEEDED", end
        was_computed_by_workers(end)
        _, body = ask("GET", f"/v1/queries/{query}/results", Accept="application/vnd.apache.arrow.stream")
        assert rows(pa.ipc.open_stream(body).read_all()) == expected(sql, [datetime.date.fromisoformat(day), quantity])
        assert "l_quantity" in document("GET", f"/v1/queries/{query}/plan")["plan"]


def test_answers_over_flight_sql():
    with connect() as connection, connection.cursor() as cursor:
        for sql in QUERIES:
            cursor.execute(sql)
            assert rows(cursor.fetch_arrow_table()) == expected(sql), sql
            was_computed_by_workers(ended(newest(sql)))


def test_prepared_statements():
    sql = "SELECT l_returnflag, count(*) AS n, sum(l_quantity) AS q FROM lineitem WHERE l_shipdate >= ? - INTERVAL '1' DAY AND l_quantity < ? GROUP BY 1 ORDER BY 1"
    with connect() as connection, connection.cursor() as cursor:
        types = cursor.adbc_prepare(sql).types
        assert types[0] == pa.date32(), types
        for day, quantity in [(datetime.date(1995, 6, 17), 30), (datetime.date(1998, 1, 1), 10)]:
            cursor.execute(sql, [day, quantity])
            assert rows(cursor.fetch_arrow_table()) == expected(sql, [day, quantity])


def test_many_at_once_through_both_doors():
    answers, wanted = {}, expected(QUERIES[0])

    def by_http(nth):
        status, body = ask("POST", "/v1/sql", QUERIES[0], Accept="application/vnd.apache.arrow.stream")
        answers[nth] = rows(pa.ipc.open_stream(body).read_all()) if status == 200 else body

    def by_flight(nth):
        with connect() as connection, connection.cursor() as cursor:
            cursor.execute(QUERIES[0])
            answers[nth] = rows(cursor.fetch_arrow_table())

    threads = [threading.Thread(target=by_http if nth % 2 else by_flight, args=[nth]) for nth in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert [answers.get(nth) for nth in range(6)] == [wanted] * 6, answers


def test_what_fails_on_a_worker_is_said():
    sql = "SELECT sum(l_orderkey / (l_linenumber - 1)) AS n FROM lineitem"
    query = submit(sql)
    end = events(query)[-1][1]
    assert end["state"] == "FAILED" and "ivide by zero" in end["error"]["message"], end
    status, body = ask("POST", "/v1/sql", sql)
    assert status >= 400 and b"ivide by zero" in body, (status, body)
    with connect() as connection, connection.cursor() as cursor, lake.raises(flight_sql.Error, "ivide by zero"):
        cursor.execute(sql)
        cursor.fetchall()


def cancel_by_delete():
    query = submit(LONG)
    wait_for_tasks(query)
    document("DELETE", f"/v1/queries/{query}")
    told = events(query)
    assert told[-1][1]["state"] == "CANCELLED", told[-1]
    assert ask("GET", f"/v1/queries/{query}/results")[0] == 409


def cancel_by_hanging_up():
    sql = LONG + " -- by http"
    connection = send("POST", "/v1/sql", sql)
    query = newest(sql)
    wait_for_tasks(query)
    connection.close()
    is_cancelled(query)


def cancel_by_driver():
    sql = LONG + " -- by adbc"

    def cancel():
        wait_for_tasks(newest(sql))
        cursor.adbc_cancel()

    with connect() as connection, connection.cursor() as cursor:
        canceller = threading.Thread(target=cancel)
        canceller.start()
        with lake.raises(BaseException, ""):
            cursor.execute(sql)
            cursor.fetchall()
        canceller.join()
        # The connection is as good as before.
        cursor.execute(QUERIES[-1])
        assert cursor.fetchall() == [(0,)]
    is_cancelled(newest(sql))


def cancel_by_dropping_the_stream():
    sql = LONG + " -- by flight"
    # CommandStatementQuery in an Any: https://arrow.apache.org/docs/format/FlightSql.html
    text = sql.encode()
    command = b"\n" + varint(len(text)) + text
    name = b"type.googleapis.com/arrow.flight.protocol.sql.CommandStatementQuery"
    any_of_it = b"\n" + varint(len(name)) + name + b"\x12" + varint(len(command)) + command
    client = flight.connect(lake.URI)
    info = client.get_flight_info(flight.FlightDescriptor.for_command(any_of_it))
    reader = client.do_get(info.endpoints[0].ticket)
    query = newest(sql)
    wait_for_tasks(query)
    reader.cancel()
    client.close()
    is_cancelled(query)


def cancel_by_another_door():
    sql = LONG + " -- by the other"
    outcome = []

    def read():
        try:
            with connect() as connection, connection.cursor() as cursor:
                cursor.execute(sql)
                outcome.append(cursor.fetchall())
        except flight_sql.Error as error:
            outcome.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    query = newest(sql)
    wait_for_tasks(query)
    document("DELETE", f"/v1/queries/{query}")
    reader.join()
    assert "cancelled" in outcome[0], outcome


def varint(number):
    text = b""
    while number > 127:
        text += bytes([number & 127 | 128])
        number >>= 7
    return text + bytes([number])


# Run one by one: after each of them nothing may be left on a worker.
for cancel in [
    cancel_by_delete,
    cancel_by_hanging_up,
    cancel_by_driver,
    cancel_by_dropping_the_stream,
    cancel_by_another_door,
]:
    globals()[f"test_{cancel.__name__}"] = cancel

if __name__ == "__main__":
    lake.run(globals())
