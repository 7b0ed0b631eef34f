"""Sail: its Spark Connect server in this process, Spark's own client in front of it."""

import os

import spark_sql
from runner import serve


class Sail:
    def __init__(self, job):
        s3 = job["s3"]
        # Its server reads them from the environment, as do the S3 clients below it.
        os.environ.update(
            SAIL_MODE="local",
            SAIL_EXECUTION__DEFAULT_PARALLELISM=str(job["threads"]),
            AWS_ENDPOINT=s3["endpoint"],
            AWS_ACCESS_KEY_ID=s3["access_key"],
            AWS_SECRET_ACCESS_KEY=s3["secret_key"],
            AWS_REGION=s3["region"],
            AWS_VIRTUAL_HOSTED_STYLE_REQUEST="false",
            AWS_ALLOW_HTTP="true" if s3["endpoint"].startswith("http:") else "false",
        )
        import pysail
        from pysail.spark import SparkConnectServer
        from pyspark.sql import SparkSession

        self.server = SparkConnectServer()
        self.server.start(background=True)
        _, port = self.server.listening_address
        self.spark = SparkSession.builder.remote(f"sc://127.0.0.1:{port}").getOrCreate()
        self.spark.conf.set("spark.sql.session.timeZone", "UTC")
        self.version = pysail.__version__

    def register(self, tables):
        for table in tables:
            self.read(table).createOrReplaceTempView(table["name"])

    def query(self, sql):
        return self.spark.sql(spark_sql.spark_sql(sql)).toArrow()

    def close(self):
        self.spark.stop()
        self.server.stop()

    def read(self, table):
        url = table["url"]
        columns = spark_sql.columns(table["columns"] + table["partitions"])
        if table["format"] == "parquet":
            # The types of partitions are nowhere in the files.
            return (self.spark.read.schema(columns) if table["partitions"] else self.spark.read).parquet(url)
        return self.spark.read.schema(columns).option("header", True).option("escape", '"').csv(url)


serve(Sail)
