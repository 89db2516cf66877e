"""Compares the exact top-100, local and on Spark, with Spark's `ALSModel.recommendForAllUsers` on the same factors."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from benchmarks.topn import gowalla_factors, seconds
from handpick.runtime.spark import session
from handpick.settings.load import load
from handpick.stages.score.engine import top_n_on_spark
from models.interface import Factors
from models.topn.exact import TopN, top_n

if TYPE_CHECKING:
    from pyspark.ml.recommendation import ALSModel
    from pyspark.sql import SparkSession

N, DIM = 100, 64
USERS = int(os.environ.get("USERS", "29858"))


def measure() -> dict[str, Any]:
    """Measure the seconds of each, the ratios, and the agreement of the lists."""
    whole = gowalla_factors(DIM)
    factors = Factors(whole.users[:USERS], whole.items)
    spark = session(load(home=Path(tempfile.gettempdir())))
    try:
        model = _model(spark, factors)
        top_n(Factors(factors.users[:100], factors.items), N)  # compile before timing
        made: dict[str, Any] = {}
        local = seconds(lambda: made.update(local=top_n(factors, N)))
        engine = seconds(lambda: made.update(engine=top_n_on_spark(spark, factors, N)))
        theirs = seconds(lambda: made.update(theirs=model.recommendForAllUsers(N).toArrow()))
    finally:
        spark.stop()
    return {
        "times_faster": theirs / local,
        "times_faster_on_spark": theirs / engine,
        "engine_differences": _differences(made["local"], made["engine"]),
        "agreement_with_spark": _agreement(made["local"], made["theirs"]),
        "ours_s": local,
        "ours_on_spark_s": engine,
        "spark_s": theirs,
        "users": len(factors.users),
        "items": len(factors.items),
    }


def _model(spark: SparkSession, factors: Factors) -> ALSModel:
    """Return Spark's model with these factors, through the Java constructor that only its trainer calls otherwise."""
    from pyspark.ml.recommendation import ALSModel

    def frame(rows: Any) -> Any:
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])
        table = pa.table(
            {"id": np.arange(len(rows), dtype=np.int32), "features": vectors.cast(pa.list_(pa.float32()))}
        )
        made = spark.createDataFrame(table).repartition(spark.sparkContext.defaultParallelism).cache()
        made.count()
        return made._jdf  # pyspark has no public API for the Java frame

    java = spark._jvm.org.apache.spark.ml.recommendation.ALSModel(  # type: ignore[union-attr]
        "als", DIM, frame(factors.users), frame(factors.items)
    )
    java.setUserCol("user").setItemCol("item")
    return ALSModel(java)


def _differences(left: TopN, right: TopN) -> int:
    """Count the ranks with another item or another score, to the bit."""
    return int((left.items != right.items).sum() + (left.scores != right.scores).sum())


def _agreement(ours: TopN, theirs: pa.Table) -> float:
    """Return the share of Spark's items that are on our lists too.

    It is below 1 because Spark's float32 sums order nearly equal items differently.
    """
    rows = theirs.column(0).to_numpy()
    items = theirs.column(1).combine_chunks().flatten().field(0).to_numpy().reshape(len(rows), -1)
    both = [len(np.intersect1d(ours.items[row], mine)) for row, mine in zip(rows, items, strict=True)]
    return float(np.sum(both) / items.size)
