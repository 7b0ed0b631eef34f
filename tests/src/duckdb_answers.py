"""Answers SQL with DuckDB over files, for comparing.

Reads {"extensions": [name, ...], "setup": [sql, ...], "queries": [sql, ...]} from standard input and prints one JSON answer a query,
{"columns": [{"name", "kind"}, ...], "rows": [[text or null, ...], ...]}, or {"error": message}.
"""

import decimal
import json
import sys

import duckdb
from duckdb_extensions import import_extension

EXACT = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"}


def kind(type_name):
    if type_name in EXACT or type_name.startswith("DECIMAL"):
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
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def answer(connection, sql):
    try:
        relation = connection.sql(sql)
        columns = [{"name": name, "kind": kind(str(of_type))} for name, of_type in zip(relation.columns, relation.types)]
        return {"columns": columns, "rows": [[text(value) for value in row] for row in relation.fetchall()]}
    except duckdb.Error as error:
        return {"error": str(error)}


def main():
    request = json.load(sys.stdin)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for extension in request["extensions"]:
        import_extension(extension)
        connection.execute(f"LOAD {extension}")
    for sql in request["setup"]:
        connection.execute(sql)
    for sql in request["queries"]:
        print(json.dumps(answer(connection, sql)))


main()
