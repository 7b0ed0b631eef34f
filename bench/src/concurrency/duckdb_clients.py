"""Many clients of one DuckDB: a thread and a connection each, over one database and its caches.

The argument is a JSON file: where S3 is, the table's files, and either queries to answer once (`answer`) or, for each client, queries
to repeat for a time (`clients`, `seconds`, `warm_up`). One JSON object is printed.
"""

import csv
import io
import itertools
import json
import os
import sys
import threading
import time

import duckdb
from duckdb_extensions import import_extension

# What its documentation recommends for remote files, as in bench/peers/duckdb.py.
THREADS_PER_CORE = 4


def connect(job):
    import_extension("httpfs")
    database = duckdb.connect()
    database.execute("LOAD httpfs")
    database.execute(f"SET threads = {THREADS_PER_CORE * os.cpu_count()}")
    # Files that do not change may keep their footers (and by default their blocks) in memory.
    database.execute("SET enable_http_metadata_cache = true")
    database.execute("SET parquet_metadata_cache = true")
    s3 = job["s3"]
    scheme, _, host = s3["endpoint"].partition("://")
    database.execute(
        f"""CREATE SECRET (TYPE s3, KEY_ID '{s3["access_key"]}', SECRET '{s3["secret_key"]}', REGION '{s3["region"]}',
            ENDPOINT '{host}', URL_STYLE 'path', USE_SSL {scheme == "https"})"""
    )
    database.execute(
        f"CREATE VIEW logs AS FROM read_parquet('{job['files']}', hive_partitioning = true, hive_types = {{'day': DATE}})"
    )
    return database


def as_csv(cursor, sql):
    cursor.execute(sql)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column[0] for column in cursor.description])
    writer.writerows(cursor.fetchall())
    return text.getvalue()


def repeat(database, queries, begin, end, times, errors):
    cursor = database.cursor()
    try:
        for sql in itertools.cycle(queries):
            started = time.monotonic()
            cursor.execute(sql).fetchall()
            ended = time.monotonic()
            if ended >= end:
                break
            if started >= begin:
                times.append(ended - started)
    except Exception as error:
        errors.append(f"{sql}: {error}")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    database = connect(job)
    if "answer" in job:
        print(json.dumps({"answers": [as_csv(database.cursor(), sql) for sql in job["answer"]]}))
        return
    begin = time.monotonic() + job["warm_up"]
    end = begin + job["seconds"]
    times, errors = [[] for _ in job["clients"]], []
    threads = [
        threading.Thread(target=repeat, args=(database, queries, begin, end, own, errors))
        for queries, own in zip(job["clients"], times)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        sys.exit(errors[0])
    print(json.dumps({"times": [one for own in times for one in own]}))


main()
