"""Python's ADBC driver, as programs use it."""

import datetime
import json
import subprocess
import sys
import threading
import time
import urllib.request

import adbc_driver_flightsql
import adbc_driver_flightsql.dbapi as flight_sql
import adbc_driver_manager
import duckdb
import pyarrow as pa

import lake
from lake import CATALOG, D, FOLDER, rows

NotFound = (flight_sql.ProgrammingError, flight_sql.OperationalError, flight_sql.DatabaseError)


def connect(**options):
    return flight_sql.connect(lake.URI, autocommit=True, **options)


def ask(sql, parameters=None, connection=None):
    with connection or connect() as connection, connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetch_arrow_table()


def test_tables_are_made_by_execute():
    with connect() as connection, connection.cursor() as cursor:
        for statement in lake.ddl():
            cursor.execute(statement)
        # Once and not twice.
        with lake.raises(flight_sql.Error, "exists already"):
            cursor.execute("CREATE DATABASE shop")


def test_every_type_comes_as_it_is():
    answer, expected = ask("SELECT * FROM every_type ORDER BY id"), lake.every_type()
    assert answer.schema.names == expected.schema.names
    for field, known in zip(answer.schema, expected.schema):
        assert lake.plain(field.type) == lake.plain(known.type), (field, known)
    assert answer.to_pylist() == expected.to_pylist()


def test_answers_are_duckdb_s():
    duck = duckdb.connect()
    duck.execute("CREATE SCHEMA shop")
    duck.execute(f"CREATE VIEW shop.numbers AS FROM read_parquet('{FOLDER}/numbers/*.parquet')")
    for sql in [
        "SELECT count(*) AS c, count(share) AS s, sum(n) AS total FROM shop.numbers",
        "SELECT word, count(*) AS c, sum(price) AS p FROM shop.numbers GROUP BY word ORDER BY c DESC, word LIMIT 50",
        "SELECT n, word, share, price, day FROM shop.numbers WHERE n % 1000 = 7 ORDER BY n",
        "SELECT min(day) AS first, max(day) AS last, max(word) AS word FROM shop.numbers",
        "SELECT a.n, b.price FROM shop.numbers a JOIN shop.numbers b ON a.n = b.n * 2 WHERE b.n < 100 ORDER BY a.n",
        "SELECT n FROM shop.numbers WHERE n < 0",
        "SELECT day, row_number() OVER (PARTITION BY day ORDER BY n) AS r FROM shop.numbers WHERE n < 500 ORDER BY day, r",
    ]:
        assert rows(ask(sql)) == duck.execute(sql).fetchall(), sql


def test_a_large_result_is_whole():
    expected = lake.numbers()
    answer = ask("SELECT * FROM shop.numbers ORDER BY n")
    assert answer.num_rows == expected.num_rows
    assert answer.cast(expected.schema).equals(expected)
    wide = ask("SELECT repeat('x', 3000000) AS wide FROM generate_series(1, 4)")
    assert [len(row) for row in wide["wide"].to_pylist()] == [3_000_000] * 4


def test_an_empty_result_has_columns():
    answer = ask("SELECT n, word, price FROM shop.numbers WHERE n < 0")
    assert answer.num_rows == 0
    assert answer.schema == pa.schema([("n", pa.int64()), ("word", pa.string()), ("price", pa.decimal128(12, 2))])
    assert ask("SELECT max(n) AS m FROM shop.numbers WHERE n < 0").to_pylist() == [{"m": None}]


def test_parameters_of_every_type():
    for value, expected in [
        (7, pa.int64()),
        (2**62, pa.int64()),
        (1.25, pa.float64()),
        (True, pa.bool_()),
        ("it's 🕷", pa.string()),
        (b"\x00\xff", pa.binary()),
        (datetime.date(2024, 2, 29), pa.date32()),
        (datetime.datetime(2024, 2, 29, 12, 0, 0, 7), pa.timestamp("us")),
        (D("12345.67"), pa.decimal128(7, 2)),
    ]:
        answer = ask("SELECT ? AS value", (value,))
        assert answer.to_pylist() == [{"value": value}], answer
        assert answer.schema.field("value").type == expected, answer.schema
    assert ask("SELECT ? AS value", (None,)).to_pylist() == [{"value": None}]
    assert ask("SELECT ? + 1 AS value", (None,)).to_pylist() == [{"value": None}]
    with connect() as connection, connection.cursor() as cursor:
        for data_type in [pa.int8(), pa.uint16(), pa.int32(), pa.float32(), pa.large_string(), pa.timestamp("ns"), pa.date32()]:
            batch = pa.record_batch([pa.array([None], data_type)], names=["0"])
            cursor.adbc_statement.set_sql_query("SELECT ? IS NULL AS is_null")
            cursor.adbc_statement.prepare()
            cursor.adbc_statement.bind(batch)
            stream, _ = cursor.adbc_statement.execute_query()
            assert pa.RecordBatchReader._import_from_c(stream.address).read_all().to_pylist() == [{"is_null": True}]


def test_parameters_select_rows():
    sql = "SELECT n, word FROM shop.numbers WHERE n BETWEEN ? AND ? AND word LIKE ? ORDER BY n"
    answer = ask(sql, (10, 500, "word 4%"))
    expected = ask("SELECT n, word FROM shop.numbers WHERE n BETWEEN 10 AND 500 AND word LIKE 'word 4%' ORDER BY n")
    assert answer.num_rows > 0 and answer == expected
    with connect() as connection, connection.cursor() as cursor:
        for day in [datetime.date(2024, 1, 1), datetime.date(2024, 12, 31)]:
            cursor.execute("SELECT count(*) FROM shop.numbers WHERE day = ?", (day,))
            assert cursor.fetchone()[0] > 100


def test_parameters_that_do_not_fit_are_refused():
    for parameters in [(1,), (1, 2, 3)]:
        with lake.raises(flight_sql.Error, "parameter"):
            ask("SELECT ? + ?", parameters)
    with lake.raises(flight_sql.Error, ""):
        ask("SELECT ? + ?")
    with lake.raises(flight_sql.Error, ""):
        ask("SELECT n FROM shop.numbers WHERE n = ?", ("no number",))


def test_rows_of_parameters_are_executed_in_turn():
    with connect() as connection, connection.cursor() as cursor:
        statement = cursor.adbc_statement
        statement.set_sql_query("SELECT ? * 2 AS twice")
        statement.prepare()
        statement.bind(pa.record_batch([pa.array([1, 2, None, 4], pa.int64())], names=["0"]))
        stream, _ = statement.execute_query()
        answer = pa.RecordBatchReader._import_from_c(stream.address).read_all()
        assert answer["twice"].to_pylist() == [2, 4, None, 8]


def test_ddl_and_show_by_execute_and_by_script():
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE made")
        assert cursor.fetchall() == []
        cursor.execute("SHOW DATABASES")
        assert ("made",) in cursor.fetchall()
        location = f"file://{FOLDER}/numbers/"
        cursor.executescript(
            f"CREATE EXTERNAL TABLE made.t (n bigint) STORED AS PARQUET LOCATION '{location}';\n"
            "-- another\nCREATE DATABASE IF NOT EXISTS made;"
        )
        cursor.execute("DESCRIBE made.t")
        assert cursor.fetchone()[:2] == ("n", "bigint")
        cursor.execute("SELECT count(*) FROM made.t")
        assert cursor.fetchone() == (50_000,)
        with lake.raises(flight_sql.Error, "statement at line 2", "nowhere"):
            cursor.executescript("SELECT 1;\nDROP TABLE made.nowhere")
        cursor.executescript("DROP TABLE made.t; DROP DATABASE made")
        with lake.raises(flight_sql.Error, "made"):
            cursor.execute("DROP DATABASE made")
        cursor.execute("EXPLAIN SELECT 1")
        assert cursor.fetchall()


def test_errors_are_for_people_and_name_their_query():
    with lake.raises(flight_sql.ProgrammingError, "nope", "line 2, column 2") as caught:
        ask("SELECT 1,\n nope")
    with lake.raises(flight_sql.Error, "not found", "no_table"):
        ask("SELECT * FROM no_table")
    with lake.raises(flight_sql.NotSupportedError, "INSERT is not supported"):
        ask("INSERT INTO shop.numbers VALUES (1)")
    assert caught.error.status_code == adbc_driver_manager.AdbcStatusCode.NOT_FOUND
    # What goes wrong while rows flow.
    with lake.raises(flight_sql.Error, "ivide by zero"):
        ask("SELECT 1 / (n - 49999) FROM shop.numbers ORDER BY n")
    # The next query works.
    assert ask("SELECT 1 AS one").to_pylist() == [{"one": 1}]


def test_info():
    with connect() as connection:
        info = connection.adbc_get_info()
        assert info["vendor_name"] == "Arachne", info
        assert info["vendor_version"] and info["vendor_arrow_version"], info


def test_objects_at_every_depth():
    with connect() as connection:

        def objects(**filters):
            return connection.adbc_get_objects(**filters).read_all().to_pylist()

        assert [row["catalog_name"] for row in objects(depth="catalogs")] == [CATALOG]
        (catalog,) = objects(depth="db_schemas")
        assert [schema["db_schema_name"] for schema in catalog["catalog_db_schemas"]] == ["default", "shop"]
        (catalog,) = objects(depth="tables", db_schema_filter="shop")
        (shop,) = catalog["catalog_db_schemas"]
        tables = [(table["table_name"], table["table_type"]) for table in shop["db_schema_tables"]]
        assert tables == [("big_numbers", "table"), ("numbers", "table")], tables
        (catalog,) = objects(depth="all", table_name_filter="numbers", column_name_filter="%r%")
        shop = next(schema for schema in catalog["catalog_db_schemas"] if schema["db_schema_name"] == "shop")
        (table,) = shop["db_schema_tables"]
        columns = [(column["column_name"], column["ordinal_position"]) for column in table["table_columns"]]
        assert columns == [("word", 2), ("share", 3), ("price", 4)], columns
        assert table["table_constraints"] in ([], None)
        for filters, expected in [
            ({"table_name_filter": "big\\_%"}, ["big_numbers"]),
            ({"table_name_filter": "%numbers"}, ["big_numbers", "numbers"]),
            ({"table_name_filter": "NUMBERS"}, ["numbers"]),
            ({"table_types_filter": ["VIEW"]}, []),
            ({"catalog_filter": "elsewhere"}, []),
        ]:
            found = [
                table["table_name"]
                for catalog in objects(depth="tables", **filters)
                for schema in catalog["catalog_db_schemas"] or []
                for table in schema["db_schema_tables"] or []
            ]
            assert found == expected, (filters, found)
        # As ADBC's other drivers call them; JDBC and ODBC say TABLE and VIEW.
        assert set(connection.adbc_get_table_types()) == {"table", "view"}


def test_the_schema_of_a_table_is_that_of_its_rows():
    with connect() as connection:
        schema = connection.adbc_get_table_schema("every_type", db_schema_filter="default")
        assert schema == ask("SELECT * FROM every_type").schema, schema
        assert connection.adbc_get_table_schema("numbers", db_schema_filter="shop").field("n").metadata is not None


def test_a_schema_without_running():
    with connect() as connection, connection.cursor() as cursor:
        sql = "SELECT n, price * 2 AS twice, upper(word) AS word FROM shop.numbers"
        assert cursor.adbc_execute_schema(sql) == ask(sql).schema
        assert cursor.adbc_execute_schema("SELECT count(*) AS c FROM shop.numbers").names == ["c"]
        cursor.adbc_prepare("SELECT 1 AS one")
        cursor.execute("SELECT 1 AS one")
        assert cursor.fetchone() == (1,)


def test_partitions_are_read_by_themselves():
    with connect() as connection, connection.cursor() as cursor:
        partitions, schema = cursor.adbc_execute_partitions("SELECT n FROM shop.numbers WHERE n < 10 ORDER BY n")
        assert len(partitions) == 1 and schema.names == ["n"]
        with connect() as other, other.cursor() as reader:
            # A ticket for rows may be redeemed again.
            for _ in range(2):
                reader.adbc_read_partition(partitions[0])
                assert reader.fetch_arrow_table()["n"].to_pylist() == list(range(10))


def test_a_query_is_cancelled():
    with connect() as connection, connection.cursor() as cursor:
        endless = "SELECT count(*) AS c FROM generate_series(1, 100000000000) a WHERE a.value % 7 = 1"
        timer = threading.Timer(1.0, cursor.adbc_cancel)
        timer.start()
        with lake.raises(BaseException, ""):
            cursor.execute(endless)
            cursor.fetchall()
        assert ask("SELECT 1 AS one").to_pylist() == [{"one": 1}]
    wait_until_nothing_runs()


def test_a_reader_that_is_left_ends_its_query():
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT a.value AS n, repeat('x', 1000) AS x FROM generate_series(1, 1000000000) a")
        reader = cursor.fetch_record_batch()
        assert reader.read_next_batch().num_rows > 0
    wait_until_nothing_runs()


def test_a_client_that_dies_ends_its_query():
    program = f"""
import adbc_driver_flightsql.dbapi as flight_sql
cursor = flight_sql.connect({lake.URI!r}, autocommit=True).cursor()
print("begins", flush=True)
cursor.execute("SELECT count(*) AS c FROM generate_series(1, 100000000000) a WHERE a.value % 7 = 3")
cursor.fetchall()
"""
    client = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert client.stdout.readline() == b"begins\n"
    wait_until(lambda running: len(running) == 1)
    client.kill()
    client.wait()
    wait_until_nothing_runs()


def test_a_deadline_ends_a_query():
    options = {adbc_driver_flightsql.ConnectionOptions.TIMEOUT_FETCH.value: "1.0"}
    with connect(conn_kwargs=options) as connection, connection.cursor() as cursor:
        started = time.monotonic()
        with lake.raises(flight_sql.Error, ""):
            cursor.execute("SELECT count(*) AS c FROM generate_series(1, 100000000000) a WHERE a.value % 7 = 1")
            cursor.fetchall()
        assert time.monotonic() - started < 60
    wait_until_nothing_runs()


def test_the_session_has_a_schema_and_settings():
    with connect() as connection:
        connection.adbc_connection.set_options(**{"adbc.connection.db_schema": "shop"})
        assert connection.adbc_current_db_schema == "shop"
        assert connection.adbc_current_catalog == CATALOG
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM numbers")
            assert cursor.fetchone() == (50_000,)
            cursor.execute("USE default")
            cursor.execute("SELECT count(*) FROM every_type")
            assert cursor.fetchone() == (3,)
            cursor.execute("SET arachne.max_result_rows = 10")
            with lake.raises(flight_sql.Error, "resource exhausted"):
                cursor.execute("SELECT n FROM shop.numbers")
                cursor.fetchall()
            cursor.execute("RESET arachne.max_result_rows")
            cursor.execute("SELECT n FROM shop.numbers")
            assert len(cursor.fetchall()) == 50_000
            with lake.raises(flight_sql.Error, "arachne.colour"):
                cursor.execute("SET arachne.colour = 'red'")
        with lake.raises(flight_sql.Error, ""):
            connection.adbc_connection.set_options(**{"adbc.connection.db_schema": "nowhere"})
    # Another connection is another session; headers need none.
    with connect() as connection, connection.cursor() as cursor:
        with lake.raises(flight_sql.Error, "numbers"):
            cursor.execute("SELECT count(*) FROM numbers")
    header = adbc_driver_flightsql.DatabaseOptions.RPC_CALL_HEADER_PREFIX.value
    with connect(db_kwargs={header + "schema": "shop"}) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM numbers")
        assert cursor.fetchone() == (50_000,)


def test_many_connections_at_once():
    failures = []

    def work(number):
        try:
            for turn in range(5):
                assert ask(f"SELECT {number} AS n, {turn} AS t").to_pylist() == [{"n": number, "t": turn}]
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def wait_until_nothing_runs():
    wait_until(lambda running: not running)


def wait_until(is_so):
    """By the other door, which sees the queries of all."""
    started = time.monotonic()
    while True:
        with urllib.request.urlopen(f"http://{lake.HTTP}/v1/queries") as answer:
            queries = json.load(answer)["queries"]
        running = [query for query in queries if query["state"] in ("QUEUED", "PLANNING", "RUNNING")]
        if is_so(running):
            return
        assert time.monotonic() - started < 60, running
        time.sleep(0.05)


lake.write()
lake.run(globals())
