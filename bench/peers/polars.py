"""Polars: lazy scans over S3, its SQL context, its streaming engine."""

import os
import re

from runner import glob, serve


class Polars:
    def __init__(self, job):
        # Read once, when the package is imported.
        os.environ["POLARS_MAX_THREADS"] = str(job["threads"])
        import polars

        self.polars = polars
        self.version = polars.__version__
        s3 = job["s3"]
        self.storage = {
            "aws_endpoint_url": s3["endpoint"],
            "aws_access_key_id": s3["access_key"],
            "aws_secret_access_key": s3["secret_key"],
            "aws_region": s3["region"],
            "aws_allow_http": "true",
        }
        self.context = polars.SQLContext()

    def register(self, tables):
        for table in tables:
            self.context.register(table["name"], self.scan(table))

    def query(self, sql):
        return self.context.execute(sql).collect(engine="streaming").to_arrow()

    def close(self):
        pass

    def scan(self, table):
        if table["format"] == "parquet":
            partitions = {name: self.type(of_type) for name, of_type in table["partitions"]}
            return self.polars.scan_parquet(
                glob(table), storage_options=self.storage, hive_partitioning=bool(partitions), hive_schema=partitions or None
            )
        columns = {name: self.type(of_type) for name, of_type in table["columns"]}
        return self.polars.scan_csv(glob(table), schema=columns, storage_options=self.storage)

    def type(self, name):
        polars = self.polars
        decimal = re.fullmatch(r"decimal\((\d+), *(\d+)\)", name)
        if decimal:
            return polars.Decimal(int(decimal[1]), int(decimal[2]))
        return {
            "boolean": polars.Boolean,
            "tinyint": polars.Int8,
            "smallint": polars.Int16,
            "integer": polars.Int32,
            "bigint": polars.Int64,
            "float": polars.Float32,
            "double": polars.Float64,
            "varchar": polars.String,
            "date": polars.Date,
            "timestamp": polars.Datetime("us"),
        }[name]


serve(Polars)
