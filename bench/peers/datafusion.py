"""Apache DataFusion as its Python package, over S3 by object_store."""

import re

from runner import serve

import datafusion
import pyarrow
from datafusion.object_store import AmazonS3


class DataFusion:
    version = datafusion.__version__

    def __init__(self, job):
        self.s3 = job["s3"]
        config = datafusion.SessionConfig().with_target_partitions(job["threads"])
        if any(name != name.lower() for table in job["tables"] for name, _ in table["columns"]):
            # Names without quotes are folded to small letters, and columns with capitals not found.
            config = config.set("datafusion.sql_parser.enable_ident_normalization", "false")
        self.context = datafusion.SessionContext(config)

    def register(self, tables):
        for bucket in {table["url"].split("/")[2] for table in tables}:
            self.context.register_object_store("s3://", self.store(bucket), bucket)
        for table in tables:
            self.register_table(table)

    def query(self, sql):
        return self.context.sql(sql).to_arrow_table()

    def close(self):
        pass

    def store(self, bucket):
        s3 = self.s3
        return AmazonS3(
            bucket_name=bucket,
            region=s3["region"],
            access_key_id=s3["access_key"],
            secret_access_key=s3["secret_key"],
            endpoint=s3["endpoint"],
            allow_http=s3["endpoint"].startswith("http:"),
        )

    def register_table(self, table):
        partitions = [(name, type_of(of_type)) for name, of_type in table["partitions"]]
        if table["format"] == "parquet":
            self.context.register_parquet(table["name"], table["url"], table_partition_cols=partitions)
            return
        options = datafusion.CsvReadOptions(
            schema=pyarrow.schema([(name, type_of(of_type)) for name, of_type in table["columns"]]),
            table_partition_cols=partitions,
            file_extension="." + table["format"],
            file_compression_type="gzip" if table["format"] == "csv.gz" else None,
        )
        self.context.register_csv(table["name"], table["url"], options=options)


def type_of(name):
    decimal = re.fullmatch(r"decimal\((\d+), *(\d+)\)", name)
    if decimal:
        return pyarrow.decimal128(int(decimal[1]), int(decimal[2]))
    return {
        "boolean": pyarrow.bool_(),
        "tinyint": pyarrow.int8(),
        "smallint": pyarrow.int16(),
        "integer": pyarrow.int32(),
        "bigint": pyarrow.int64(),
        "float": pyarrow.float32(),
        "double": pyarrow.float64(),
        "varchar": pyarrow.string_view(),
        "date": pyarrow.date32(),
        "timestamp": pyarrow.timestamp("us"),
    }[name]


serve(DataFusion)
