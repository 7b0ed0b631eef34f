"""ClickHouse, in process as chDB, over S3 by its S3 table engine."""

import re

from runner import glob, serve

import chdb

# What ClickHouse documents for the behaviour of standard SQL; the rest as it comes.
SETTINGS = {
    "join_use_nulls": 1,
    "group_by_use_nulls": 1,
    "aggregate_functions_null_for_empty": 1,
    "cast_keep_nullable": 1,
    "data_type_default_nullable": 1,
    "prefer_column_name_to_alias": 1,
    "joined_subquery_requires_alias": 0,
    "union_default_mode": "'DISTINCT'",
    "intersect_default_mode": "'DISTINCT'",
    "except_default_mode": "'DISTINCT'",
}


class ClickHouse:
    def __init__(self, job):
        self.s3 = job["s3"]
        self.connection = chdb.connect(":memory:")
        for name, value in {**SETTINGS, "max_threads": job["threads"], "session_timezone": "'UTC'"}.items():
            self.connection.query(f"SET {name} = {value}")
        self.version = f"{chdb.__version__} (ClickHouse {self.connection.query('SELECT version()', 'TSV').data().strip()})"

    def register(self, tables):
        for table in tables:
            self.connection.query(f"CREATE TABLE `{table['name']}` {self.engine(table)}")

    def query(self, sql):
        return self.connection.query(sql.rstrip().rstrip(";"), "ArrowTable")

    def close(self):
        self.connection.close()

    def engine(self, table):
        url = glob(table).replace("s3:/", self.s3["endpoint"], 1)
        login = f"'{url}', '{self.s3['access_key']}', '{self.s3['secret_key']}'"
        if table["format"] == "parquet":
            return f"ENGINE = S3({login}, 'Parquet')"
        columns = ", ".join(f"`{name}` {of_type}" for name, of_type in table["columns"] + table["partitions"])
        # Its Date ends in 2149 but begins in 1970.
        columns = re.sub(r"\bdate\b", "Date32", columns)
        return f"({columns}) ENGINE = S3({login}, 'CSVWithNames')"


serve(ClickHouse)
