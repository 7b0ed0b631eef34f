"""flightsql-dbapi and its SQLAlchemy dialect, the route into Superset that is still documented."""

import flightsql.sqlalchemy  # noqa: F401  (registers its dialect)
import sqlalchemy
from flightsql import FlightSQLClient
from flightsql import connect as dbapi_connect
from sqlalchemy import text

import lake

HOST, PORT = lake.ADDRESS.split(":")


def client():
    return FlightSQLClient(host=HOST, port=int(PORT), insecure=True, features={"metadata-reflection": "true"})


def read(client, info):
    return client.do_get(info.endpoints[0].ticket).read_all()


def test_tables_are_made():
    for statement in lake.ddl():
        assert client().execute_update(statement) == 0


def test_the_client():
    c = client()
    assert read(c, c.execute("SELECT n FROM shop.numbers WHERE n < 3 ORDER BY n"))["n"].to_pylist() == [0, 1, 2]
    assert read(c, c.get_catalogs())["catalog_name"].to_pylist() == [lake.CATALOG]
    assert read(c, c.get_db_schemas())["db_schema_name"].to_pylist() == ["default", "shop"]
    assert read(c, c.get_tables(include_schema=True)).num_rows == 3
    assert read(c, c.get_table_types())["table_type"].to_pylist() == ["TABLE", "VIEW"]
    with c.prepare("SELECT n FROM shop.numbers WHERE n = 7") as prepared:
        assert read(c, prepared.execute(None))["n"].to_pylist() == [7]
    c.close()


def test_the_dbapi():
    connection = dbapi_connect(client())
    cursor = connection.cursor()
    cursor.execute("SELECT n, word FROM shop.numbers WHERE n < 2 ORDER BY n")
    assert [tuple(row) for row in cursor.fetchall()] == [(0, "word 0 "), (1, "word 1 x")]


def reflect(engine):
    inspector = sqlalchemy.inspect(engine)
    assert inspector.get_schema_names() == ["default", "shop"], inspector.get_schema_names()
    assert sorted(inspector.get_table_names(schema="shop")) == ["big_numbers", "numbers"]
    columns = inspector.get_columns("numbers", schema="shop")
    assert [column["name"] for column in columns] == ["n", "word", "share", "price", "day"], columns


def test_sqlalchemy():
    engine = sqlalchemy.create_engine(f"datafusion+flightsql://{lake.ADDRESS}?insecure=true")
    reflect(engine)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) AS c FROM shop.numbers")).fetchall() == [(50_000,)]
        # It writes values into the text, those that it knows when it compiles the statement.
        sql = text("SELECT n FROM shop.numbers WHERE n BETWEEN :low AND :high ORDER BY n").bindparams(low=3, high=5)
        assert connection.execute(sql).fetchall() == [(3,), (4,), (5,)]


def test_sqlalchemy_with_prepared_statements():
    """Parameters are columns of dense unions, bound to a handle that is not exchanged for the one that comes back."""
    feature = "feature-sqlalchemy-prepared-statements=on"
    engine = sqlalchemy.create_engine(f"datafusion+flightsql://{lake.ADDRESS}?insecure=true&{feature}")
    with engine.connect() as connection:
        sql = text("SELECT n, word FROM shop.numbers WHERE n BETWEEN :low AND :high AND word LIKE :word ORDER BY n")
        answer = connection.execute(sql, low=3, high=500, word="word 4%").fetchall()
        assert [row[0] for row in answer][:2] == [4, 40], answer


lake.write()
lake.run(globals())
