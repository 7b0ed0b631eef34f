"""Apache Spark in local mode, over S3 by Hadoop's S3A."""

import glob
import os
import tempfile

import spark_sql
from runner import serve


class Spark:
    def __init__(self, job):
        s3 = job["s3"]
        parquet = all(table["format"] == "parquet" for table in job["tables"])
        os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
        # What Spark would otherwise be told by this machine.
        for name in ("SPARK_HOME", "SPARK_CONF_DIR", "PYSPARK_SUBMIT_ARGS"):
            os.environ.pop(name, None)
        import pyspark
        from pyspark.sql import SparkSession

        jars = s3a_jars()
        self.folder = tempfile.TemporaryDirectory(prefix="spark-", dir=os.path.dirname(job["result"]))
        builder = SparkSession.builder.master(f"local[{job['threads']}]")
        for key, value in {
            "spark.driver.extraClassPath": ":".join(jars),
            "spark.driver.extraJavaOptions": f"-Djava.io.tmpdir={self.folder.name}",
            "spark.local.dir": self.folder.name,
            "spark.sql.warehouse.dir": self.folder.name,
            "spark.driver.memory": f"{memory_bytes() // 2 // 1024**2}m",
            "spark.sql.shuffle.partitions": 3 * job["threads"],
            "spark.sql.session.timeZone": "UTC",
            "spark.ui.enabled": "false",
            "spark.log.level": "WARN",
            "spark.hadoop.fs.s3a.endpoint": s3["endpoint"],
            "spark.hadoop.fs.s3a.endpoint.region": s3["region"],
            "spark.hadoop.fs.s3a.access.key": s3["access_key"],
            "spark.hadoop.fs.s3a.secret.key": s3["secret_key"],
            "spark.hadoop.fs.s3a.path.style.access": "true",
            "spark.hadoop.fs.s3a.connection.ssl.enabled": str(s3["endpoint"].startswith("https")).lower(),
            "spark.hadoop.fs.s3a.experimental.input.fadvise": "random" if parquet else "normal",
        }.items():
            builder = builder.config(key, value)
        self.spark = builder.getOrCreate()
        self.version = f"{pyspark.__version__} ({os.path.basename(jars[0]).removesuffix('.jar')})"

    def register(self, tables):
        for table in tables:
            self.read(table).createOrReplaceTempView(table["name"])

    def query(self, sql):
        import pyarrow
        from pyspark.sql.pandas.types import to_arrow_schema

        frame = self.spark.sql(spark_sql.spark_sql(sql))
        batches = frame._collect_as_arrow()
        return pyarrow.Table.from_batches(batches, batches[0].schema if batches else to_arrow_schema(frame.schema))

    def close(self):
        self.spark.stop()
        self.folder.cleanup()

    def read(self, table):
        url = table["url"].replace("s3://", "s3a://", 1)
        columns = spark_sql.columns(table["columns"] + table["partitions"])
        if table["format"] == "parquet":
            # The types of partitions are nowhere in the files.
            return (self.spark.read.schema(columns) if table["partitions"] else self.spark.read).parquet(url)
        return self.spark.read.schema(columns).option("header", True).option("escape", '"').csv(url)


def s3a_jars():
    """Hadoop's S3 connector and the AWS SDK below it, as they lie in a package of Amazon's; its other jars are not used."""
    import sagemaker_pyspark

    folder = os.path.join(os.path.dirname(sagemaker_pyspark.__file__), "jars")
    return [found for name in ("hadoop-aws-*.jar", "aws-java-sdk-bundle-*.jar") for found in glob.glob(os.path.join(folder, name))]


def memory_bytes():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


serve(Spark)
