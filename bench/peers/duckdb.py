"""DuckDB over S3 by its httpfs extension."""

from runner import glob, serve

import duckdb
from duckdb_extensions import import_extension


# It reads S3 with one request a thread at a time. Its documentation recommends 2 to 5 threads for each core when files are remote:
# https://duckdb.org/docs/stable/guides/performance/how_to_tune_workloads#querying-remote-files
THREADS_PER_CORE = 4


class DuckDb:
    version = duckdb.__version__

    def __init__(self, job):
        import_extension("httpfs")
        self.connection = duckdb.connect()
        self.connection.execute("LOAD httpfs")
        self.connection.execute("SET TimeZone = 'UTC'")
        self.connection.execute(f"SET threads = {THREADS_PER_CORE * job['threads']}")
        s3 = job["s3"]
        scheme, _, host = s3["endpoint"].partition("://")
        self.connection.execute(
            f"""CREATE SECRET (TYPE s3, KEY_ID '{s3["access_key"]}', SECRET '{s3["secret_key"]}', REGION '{s3["region"]}',
                ENDPOINT '{host}', URL_STYLE 'path', USE_SSL {scheme == "https"})"""
        )

    def register(self, tables):
        for table in tables:
            self.connection.execute(f'CREATE VIEW "{table["name"]}" AS FROM {scan(table)}')

    def query(self, sql):
        return self.connection.execute(sql).to_arrow_table()

    def close(self):
        self.connection.close()


def scan(table):
    partitions = ", hive_types = {" + ", ".join(f"'{name}': {of_type}" for name, of_type in table["partitions"]) + "}"
    hive = ", hive_partitioning = true" + partitions if table["partitions"] else ""
    if table["format"] == "parquet":
        return f"read_parquet('{glob(table)}'{hive})"
    columns = ", ".join(f"'{name}': '{of_type}'" for name, of_type in table["columns"])
    return f"read_csv('{glob(table)}', header = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"', columns = {{{columns}}}{hive})"


serve(DuckDb)
