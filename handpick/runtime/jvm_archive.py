"""Makes the class-data-sharing archive of Spark's JVM, with which Spark sessions start seconds sooner.

Run once where the environment is installed: `python -m handpick.runtime.jvm_archive`. The JVM checks that an
archive was made by the same Java from the same jars and otherwise ignores it; without an archive Spark only
starts more slowly.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handpick.runtime import spark
from handpick.settings.load import load

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def main() -> None:
    """Run a job that loads the classes of a night's jobs, and archive them when its JVM ends."""
    draft = spark.CLASS_ARCHIVE.with_suffix(".draft")
    draft.parent.mkdir(parents=True, exist_ok=True)
    for old in (draft, spark.CLASS_ARCHIVE):
        old.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="handpick-spark-") as folder:
        settings = load(home=Path(folder))
        options = " ".join(
            (
                *spark.JVM_OPTIONS,
                *spark.SHORT_RUN_OPTIONS,
                f"-XX:ArchiveClassesAtExit={draft}",
                "-Xlog:disable",
            )
        )
        chosen = settings.spark.model_copy(
            update={"master": "local[*]", "options": {"spark.driver.extraJavaOptions": options}}
        )
        running = spark.get_spark_session(settings.model_copy(update={"spark": chosen}), rows=0)
        _run_job(running, Path(folder))
        # The archive is written when the JVM exits. Closing its standard input ends it; PySpark alone would
        # leave it running until this process ends.
        gateway: Any = running.sparkContext._gateway
        running.stop()
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait(timeout=120)
    if draft.is_file():
        draft.replace(spark.CLASS_ARCHIVE)


def _run_job(running: SparkSession, folder: Path) -> None:
    """Read and write files, join, group, rank, sort and parse, as the transform stage does."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    place = str(folder / "rows")
    running.range(0, 500, 1, 4).select(
        "id",
        (F.col("id") % 7).alias("who"),
        F.timestamp_seconds(F.col("id") * 400).alias("at"),
        F.concat(F.lit("Phone "), F.col("id").cast("string"), F.lit(" GB")).alias("text"),
        F.array(F.lit("a"), F.lit("b")).alias("tags"),
    ).write.parquet(place)
    rows = running.read.parquet(place)
    turn = Window.partitionBy("who").orderBy("at", "id")
    placed = rows.select(
        "*",
        F.row_number().over(turn).alias("number"),
        (F.col("at").cast("double") - F.lag("at").over(turn).cast("double")).alias("gap"),
        F.sum("id").over(turn).alias("total"),
    ).cache()
    pairs = (
        placed.alias("a").join(placed.alias("b"), "who").where("a.id < b.id").groupBy("a.id", "b.who").count()
    )
    pairs.coalesce(1).sortWithinPartitions("id").write.mode("overwrite").parquet(str(folder / "pairs"))
    parsed = placed.where("text rlike '[0-9]+'").select(
        F.regexp_extract("text", "([0-9]+)", 1).cast("double").alias("figure"),
        F.to_json(F.struct("who", "text")).alias("json"),
        F.explode("tags").alias("tag"),
        F.expr("xxhash64(text)").alias("hash"),
    )
    summed = parsed.groupBy("tag").agg(
        F.avg("figure"), F.max("json"), F.countDistinct("hash"), F.collect_set("tag")
    )
    summed.join(F.broadcast(rows.select(F.lit("a").alias("tag")).distinct()), "tag", "left").unionByName(
        summed, allowMissingColumns=True
    ).repartition(2, "tag").sortWithinPartitions("tag").write.mode("overwrite").parquet(
        str(folder / "summed")
    )
    running.read.parquet(str(folder / "summed")).toPandas()


if __name__ == "__main__":
    main()
