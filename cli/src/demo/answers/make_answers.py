"""Writes the known answers of the demo's queries: DuckDB's answers to TPC-H on the data of its own generator.

    python3 -m venv venv && venv/bin/pip install duckdb==1.5.5 duckdb-extensions duckdb-extension-tpch
    venv/bin/python make_answers.py

One CSV file per scale and query, `sf<scale>_q<nn>.csv`, a header line first. The text of the queries is DuckDB's too
(`tpch_queries()`), so neither the rows nor the SQL come from the engine that is checked.
"""

import csv
import pathlib

import duckdb
from duckdb_extensions import import_extension

SCALES = ["0.01", "0.1", "1"]
QUERIES = [1, 3, 6, 18]
HERE = pathlib.Path(__file__).parent


def write_answers(scale: str) -> None:
    connection = duckdb.connect()
    connection.execute("LOAD tpch")
    connection.execute(f"CALL dbgen(sf = {scale})")
    texts = dict(connection.execute("SELECT query_nr, query FROM tpch_queries()").fetchall())
    for number in QUERIES:
        answer = connection.execute(texts[number])
        names = [column[0] for column in answer.description]
        with open(HERE / f"sf{scale}_q{number:02}.csv", "w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(names)
            writer.writerows(answer.fetchall())


if __name__ == "__main__":
    import_extension("tpch")
    for scale in SCALES:
        write_answers(scale)
