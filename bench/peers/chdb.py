"""ClickHouse, in process as chDB, over S3 by its S3 table engine."""

import os
import re
import tempfile

from runner import glob, serve

import chdb

# Its cache of remote files, and what it documents for the behaviour of standard SQL; the rest as it comes.
SETTINGS = {
    "enable_filesystem_cache": 1,
    "filesystem_cache_name": "'s3'",
    "join_use_nulls": 1,
    "group_by_use_nulls": 1,
    "aggregate_functions_null_for_empty": 1,
    "cast_keep_nullable": 1,
    "data_type_default_nullable": 1,
    "allow_lossy_numeric_supertype": 1,
    "joined_subquery_requires_alias": 0,
    "union_default_mode": "'DISTINCT'",
    "intersect_default_mode": "'DISTINCT'",
    "except_default_mode": "'DISTINCT'",
}


# Its cache of remote files is on disk, and wants a server's configuration.
CONFIG = """<clickhouse><filesystem_caches><s3>
<path>{folder}/</path><max_size>{bytes}</max_size>
</s3></filesystem_caches></clickhouse>"""
CACHE_BYTES = 10 * 1024**3


class ClickHouse:
    def __init__(self, job):
        self.s3 = job["s3"]
        self.folder = tempfile.TemporaryDirectory(prefix="clickhouse-", dir=os.path.dirname(job["result"]))
        config = os.path.join(self.folder.name, "config.xml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(folder=os.path.join(self.folder.name, "cache"), bytes=CACHE_BYTES))
        self.connection = chdb.connect(f":memory:?config-file={config}")
        settings = {**SETTINGS, "max_threads": job["threads"], "session_timezone": "'UTC'"}
        for name, value in settings.items():
            self.connection.query(f"SET {name} = {value}")
        self.version = f"{chdb.__version__} (ClickHouse {self.connection.query('SELECT version()', 'TSV').data().strip()})"

    def register(self, tables):
        for table in tables:
            self.connection.query(f"CREATE TABLE `{table['name']}` {self.engine(table)}")

    def query(self, sql):
        return self.connection.query(sql.rstrip().rstrip(";"), "ArrowTable")

    def close(self):
        self.connection.close()
        self.folder.cleanup()

    def engine(self, table):
        url = glob(table).replace("s3:/", self.s3["endpoint"], 1)
        login = f"'{url}', '{self.s3['access_key']}', '{self.s3['secret_key']}'"
        if table["format"] == "parquet":
            return f"ENGINE = S3({login}, 'Parquet')"
        columns = ", ".join(f"`{name}` {of_type}" for name, of_type in table["columns"] + table["partitions"])
        # Its Date begins in 1970, its DateTime has whole seconds.
        columns = re.sub(r"\bdate\b", "Date32", columns)
        columns = re.sub(r"\btimestamp\b", "DateTime64(6)", columns)
        return f"({columns}) ENGINE = S3({login}, 'CSVWithNames')"


serve(ClickHouse)
