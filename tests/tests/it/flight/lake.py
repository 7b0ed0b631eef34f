"""Tables for the tests of the Flight SQL door, and how their scripts run: FLIGHT-SQL-ADDRESS HTTP-ADDRESS FOLDER [TEST...]."""

import datetime
import decimal
import pathlib
import sys
import traceback

import pyarrow as pa
import pyarrow.parquet as pq

ADDRESS, HTTP, FOLDER = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
URI = f"grpc://{ADDRESS}"
CATALOG = "awsdatacatalog"

D = decimal.Decimal
COLUMNS = [
    # name, Hive's type, Arrow's type on the wire, values
    ("id", "int", pa.int32(), [1, 2, 3]),
    ("flag", "boolean", pa.bool_(), [True, False, None]),
    ("tiny", "tinyint", pa.int8(), [-128, 127, None]),
    ("small", "smallint", pa.int16(), [-32768, 32767, None]),
    ("big", "bigint", pa.int64(), [-(2**63), 2**63 - 1, None]),
    ("real4", "float", pa.float32(), [1.5, -0.25, None]),
    ("real8", "double", pa.float64(), [1e300, -1e-300, None]),
    ("money", "decimal(12,2)", pa.decimal128(12, 2), [D("9999999999.99"), D("-0.01"), None]),
    ("name", "string", pa.string(), ["", "Zoë 🕷", None]),
    ("raw", "binary", pa.binary(), [b"", b"\x00\xff", None]),
    ("day", "date", pa.date32(), [datetime.date(1582, 10, 15), datetime.date(9999, 12, 31), None]),
    (
        "at",
        "timestamp",
        pa.timestamp("us"),
        [datetime.datetime(1970, 1, 1), datetime.datetime(2262, 5, 1, 12, 30, 0, 123456), None],
    ),
    ("items", "array<int>", pa.list_(pa.int32()), [[1, None, 3], [], None]),
    ("pairs", "map<string,int>", pa.map_(pa.string(), pa.int32()), [[("a", 1)], [], None]),
    (
        "nested",
        "struct<n:int,words:array<string>>",
        pa.struct([("n", pa.int32()), ("words", pa.list_(pa.string()))]),
        [{"n": 1, "words": ["x", "y"]}, {"n": None, "words": []}, None],
    ),
]


def every_type():
    arrays = [pa.array(values, data_type) for _, _, data_type, values in COLUMNS]
    return pa.table(arrays, names=[name for name, *_ in COLUMNS])


def numbers(rows=50_000):
    ids = pa.array(range(rows), pa.int64())
    words = pa.array([f"word {row % 97} {'x' * (row % 31)}" for row in range(rows)])
    shares = pa.array([None if row % 11 == 0 else row / 7 for row in range(rows)], pa.float64())
    prices = pa.array([D(row * 13 % 100_000) / 100 for row in range(rows)], pa.decimal128(12, 2))
    days = pa.array([datetime.date(2024, 1, 1) + datetime.timedelta(days=row % 366) for row in range(rows)])
    return pa.table({"n": ids, "word": words, "share": shares, "price": prices, "day": days})


def write():
    for name, table in [("every_type", every_type()), ("numbers", numbers())]:
        folder = FOLDER / name
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, folder / "part-0.parquet", row_group_size=10_000)


def ddl():
    columns = ", ".join(f"{name} {hive}" for name, hive, *_ in COLUMNS)
    external = "CREATE EXTERNAL TABLE IF NOT EXISTS"
    return [
        "CREATE DATABASE IF NOT EXISTS shop",
        f"{external} every_type ({columns}) STORED AS PARQUET LOCATION 'file://{FOLDER}/every_type/'",
        f"{external} shop.numbers (n bigint COMMENT 'counts', word string, share double, price decimal(12,2), day date) "
        f"STORED AS PARQUET LOCATION 'file://{FOLDER}/numbers/'",
        f"{external} shop.big_numbers (n bigint) STORED AS PARQUET LOCATION 'file://{FOLDER}/numbers/'",
    ]


def plain(data_type):
    """Without the names that Arrow's implementations give to fields in lists and maps."""
    if pa.types.is_list(data_type):
        return ("list", plain(data_type.value_type))
    if pa.types.is_map(data_type):
        return ("map", plain(data_type.key_type), plain(data_type.item_type))
    if pa.types.is_struct(data_type):
        return ("struct", *((field.name, plain(field.type)) for field in data_type))
    return data_type


def rows(table):
    return [tuple(row.values()) for row in table.to_pylist()]


def raises(kind, *parts):
    """The message of the error that the block must end with."""
    return Raises(kind, parts)


class Raises:
    def __init__(self, kind, parts):
        self.kind, self.parts = kind, parts

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        assert error is not None, f"nothing was raised, expected {self.parts}"
        assert isinstance(error, self.kind), f"{type(error)}: {error}"
        for part in self.parts:
            assert part in str(error), f"no {part!r} in: {error}"
        self.error = error
        return True


def run(tests):
    """Runs all that begins with test_, those that are named only if any are."""
    wanted, failed = sys.argv[4:], 0
    for name, test in list(tests.items()):
        if not name.startswith("test_") or (wanted and name not in wanted):
            continue
        try:
            test()
            print(f"ok {name}", flush=True)
        except BaseException:
            failed += 1
            print(f"FAILED {name}", flush=True)
            traceback.print_exc()
    sys.exit(1 if failed else 0)
