"""Answers SQL with DuckDB over files, for comparing.

Reads requests, one JSON object a line: {"extensions": [name, ...], "setup": [sql, ...], "queries": [sql, ...]}, each key optional. Prints
one JSON answer a query, {"columns": [{"name", "kind"}, ...], "rows": [[text or null, ...], ...]}, or {"error": message}.
All requests are answered by one database.
"""

import datetime
import decimal
import json
import math
import struct
import sys

import duckdb
from duckdb_extensions import import_extension

EXACT = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"}


def kind(type_name):
    # A list is written DECIMAL(1,0)[].
    if type_name in EXACT or (type_name.startswith("DECIMAL") and type_name.endswith(")")):
        return "exact"
    return "float" if type_name in ("FLOAT", "DOUBLE") else "text"


def text(value):
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (datetime.datetime, datetime.time)):
        return moment(value)
    if isinstance(value, list):
        return "[" + ", ".join(inner(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {inner(item)}" for key, item in value.items()) + "}"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def single(value):
    """A float of 32 bits with the digits that it needs, not those of its 64 bits."""
    if value is None or not math.isfinite(value):
        return value
    short = (float(f"{value:.{digits}g}") for digits in range(6, 9))
    return next((candidate for candidate in short if struct.pack("f", candidate) == struct.pack("f", value)), value)


def moment(value):
    """With no more digits of a second than needed, as Arrow writes it after the tests' trimming."""
    written, zone = value.isoformat(), ""
    if written.endswith("+00:00"):
        written, zone = written[:-6], "Z"
    if "." in written:
        written = written.rstrip("0")
    return written + zone


def inner(value):
    return "" if value is None else text(value)


def answer(connection, sql):
    try:
        relation = connection.sql(sql)
        if relation is None:
            return {"columns": [], "rows": []}
        columns = [{"name": name, "kind": kind(str(of_type))} for name, of_type in zip(relation.columns, relation.types)]
        narrow = [str(of_type) == "FLOAT" for of_type in relation.types]
        rows = [[text(single(value) if short else value) for value, short in zip(row, narrow)] for row in relation.fetchall()]
        return {"columns": columns, "rows": rows}
    except duckdb.Error as error:
        return {"error": str(error)}


def main():
    connection = duckdb.connect()
    # It would stand between the answers once one takes long.
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET TimeZone = 'UTC'")
    for line in sys.stdin:
        request = json.loads(line)
        for extension in request.get("extensions", []):
            import_extension(extension)
            connection.execute(f"LOAD {extension}")
        for sql in request.get("setup", []):
            connection.execute(sql)
        for sql in request.get("queries", []):
            print(json.dumps(answer(connection, sql)), flush=True)


main()
