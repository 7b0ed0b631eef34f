"""Data frames, and SQLAlchemy, over ADBC: polars, pandas, DuckDB, sqlalchemy-adbc as Superset uses it."""

import adbc_driver_flightsql.dbapi as flight_sql
import duckdb
import pandas
import polars
import sqlalchemy
from sqlalchemy import text

import lake
from lake import FOLDER

QUERY = "SELECT word, count(*) AS c, sum(price) AS total, max(day) AS last FROM shop.numbers GROUP BY word ORDER BY word"


def connect():
    return flight_sql.connect(lake.URI, autocommit=True)


def expected():
    duck = duckdb.connect()
    duck.execute(f"CREATE SCHEMA shop; CREATE VIEW shop.numbers AS FROM read_parquet('{FOLDER}/numbers/*.parquet')")
    return duck.execute(QUERY).fetchall()


def test_tables_are_made():
    with connect() as connection, connection.cursor() as cursor:
        cursor.executescript(";\n".join(lake.ddl()))


def test_polars():
    with connect() as connection:
        frame = polars.read_database(QUERY, connection)
        assert frame.rows() == expected()
        one = polars.read_database("SELECT n FROM shop.numbers WHERE n = ?", connection, execute_options={"parameters": [7]})
        assert one.rows() == [(7,)]
        batches = polars.read_database("SELECT n FROM shop.numbers", connection, iter_batches=True, batch_size=10_000)
        assert sum(batch.height for batch in batches) == 50_000
    assert polars.read_database_uri(QUERY, f"flightsql://{lake.ADDRESS}?transport=tcp", engine="adbc").rows() == expected()


def test_pandas():
    with connect() as connection:
        frame = pandas.read_sql(QUERY, connection)
        assert [tuple(row) for row in frame[["word", "c"]].itertuples(index=False)] == [row[:2] for row in expected()]
        frame = pandas.read_sql("SELECT n, share FROM shop.numbers WHERE n < 23 ORDER BY n", connection)
        assert frame["n"].tolist() == list(range(23)) and frame["share"].isna().sum() == 3


def test_duckdb_reads_what_comes():
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM shop.numbers")
        rows = cursor.fetch_record_batch()
        assert duckdb.sql("SELECT count(*), sum(n), count(DISTINCT word) FROM rows").fetchone() == (
            50_000, sum(range(50_000)), duckdb.sql(f"SELECT count(DISTINCT word) FROM '{FOLDER}/numbers/*.parquet'").fetchone()[0],
        )  # fmt: skip


def test_sqlalchemy_as_superset_uses_it():
    engine = sqlalchemy.create_engine(f"adbc+flightsql://{lake.ADDRESS}/?tls=false")
    inspector = sqlalchemy.inspect(engine)
    assert inspector.get_schema_names() == ["default", "shop"]
    assert sorted(inspector.get_table_names(schema="shop")) == ["big_numbers", "numbers"]
    assert inspector.get_view_names(schema="shop") == []
    assert inspector.has_table("numbers", schema="shop") and not inspector.has_table("nowhere", schema="shop")
    columns = inspector.get_columns("numbers", schema="shop")
    assert [column["name"] for column in columns] == ["n", "word", "share", "price", "day"], columns
    assert inspector.get_pk_constraint("numbers", schema="shop")["constrained_columns"] == []
    assert inspector.get_foreign_keys("numbers", schema="shop") == []
    assert inspector.get_indexes("numbers", schema="shop") == []
    with engine.connect() as connection:
        assert connection.execute(text(QUERY)).fetchall() == expected()
        sql = text("SELECT n, word FROM shop.numbers WHERE n BETWEEN :low AND :high ORDER BY n")
        assert [row.n for row in connection.execute(sql, {"low": 3, "high": 5})] == [3, 4, 5]
        numbers = sqlalchemy.table("numbers", sqlalchemy.column("n"), sqlalchemy.column("word"), schema="shop")
        chosen = sqlalchemy.select(numbers.c.word, sqlalchemy.func.count().label("c")).where(numbers.c.n < 1000)
        chosen = chosen.group_by(numbers.c.word).order_by(sqlalchemy.desc("c"), numbers.c.word).limit(5)
        assert len(connection.execute(chosen).fetchall()) == 5
        frame = pandas.read_sql(text("SELECT n FROM shop.numbers WHERE n < 5 ORDER BY n"), connection)
        assert frame["n"].tolist() == [0, 1, 2, 3, 4]


lake.write()
lake.run(globals())
