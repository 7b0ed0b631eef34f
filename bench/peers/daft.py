"""Daft: its native runner, its readers for S3, its SQL."""

import os
import re

from runner import glob, serve

os.environ["DAFT_ANALYTICS_ENABLED"] = "0"
os.environ["DO_NOT_TRACK"] = "1"

import daft
from daft.io import IOConfig, S3Config


# The spelling of the standard, which Daft does not parse.
SUBSTRING = re.compile(r"\bsubstring\s*\(\s*(\w+)\s+from\s+(\d+)\s+for\s+(\d+)\s*\)", re.IGNORECASE)


class Daft:
    version = daft.__version__

    def __init__(self, job):
        daft.set_runner_native(num_threads=job["threads"])
        s3 = job["s3"]
        self.config = IOConfig(
            s3=S3Config(
                endpoint_url=s3["endpoint"],
                key_id=s3["access_key"],
                access_key=s3["secret_key"],
                region_name=s3["region"],
                use_ssl=s3["endpoint"].startswith("https"),
            )
        )
        self.tables = {}

    def register(self, tables):
        self.tables = {table["name"]: self.read(table) for table in tables}

    def query(self, sql):
        """With decimals where Daft can: its product of two has 38 digits, and a third factor fails for want of more."""
        sql = SUBSTRING.sub(r"substring(\1, \2, \3)", sql.rstrip().rstrip(";"))
        try:
            return daft.sql(sql, register_globals=False, **self.tables).to_arrow()
        except Exception as error:
            if "Decimal" not in str(error):
                raise
            doubles = {name: without_decimals(frame) for name, frame in self.tables.items()}
            return daft.sql(sql, register_globals=False, **doubles).to_arrow()

    def close(self):
        pass

    def read(self, table):
        hive = bool(table["partitions"])
        if table["format"] == "parquet":
            return daft.read_parquet(glob(table), io_config=self.config, hive_partitioning=hive)
        columns = {name: type_of(of_type) for name, of_type in table["columns"]}
        return daft.read_csv(glob(table), schema=columns, io_config=self.config, hive_partitioning=hive)


def without_decimals(frame):
    double = daft.DataType.float64()
    columns = [(daft.col(field.name), field.dtype) for field in frame.schema()]
    return frame.select(*(column.cast(double) if of_type.is_decimal128() else column for column, of_type in columns))


def type_of(name):
    if name.startswith("decimal"):
        # It reads decimals from text with another scale than it was told, and then fails.
        return daft.DataType.float64()
    return {
        "boolean": daft.DataType.bool(),
        "tinyint": daft.DataType.int8(),
        "smallint": daft.DataType.int16(),
        "integer": daft.DataType.int32(),
        "bigint": daft.DataType.int64(),
        "float": daft.DataType.float32(),
        "double": daft.DataType.float64(),
        "varchar": daft.DataType.string(),
        "date": daft.DataType.date(),
        "timestamp": daft.DataType.timestamp("us"),
    }[name]


serve(Daft)
