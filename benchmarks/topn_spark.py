"""Compares the exact top-100, local and on Spark, with Spark's `ALSModel.recommendForAllUsers`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from benchmarks.topn import load_gowalla_factors, time_call
from handpick.runtime.spark import get_spark_session
from handpick.settings.load import load
from handpick.stages.score.topn_engines import find_top_n_on_spark
from models.recommender_interface import Factors
from models.topn.exact import TopN, find_top_n

if TYPE_CHECKING:
    from pyspark.ml.recommendation import ALSModel
    from pyspark.sql import SparkSession

N, DIM = 100, 64
USERS = int(os.environ.get("USERS", "29858"))


def measure() -> dict[str, Any]:
    """Measure the seconds of each, the ratios, and the agreement of the lists."""
    whole = load_gowalla_factors(DIM)
    factors = Factors(whole.users[:USERS], whole.items)
    spark = get_spark_session(load(home=Path(tempfile.gettempdir())))
    try:
        model = _spark_model(spark, factors)
        find_top_n(Factors(factors.users[:100], factors.items), N)  # compile before timing
        made: dict[str, Any] = {}
        local = time_call(lambda: made.update(local=find_top_n(factors, N)))
        engine = time_call(lambda: made.update(engine=find_top_n_on_spark(spark, factors, N)))
        theirs = time_call(lambda: made.update(theirs=model.recommendForAllUsers(N).toArrow()))
    finally:
        spark.stop()
    return {
        "times_faster": theirs / local,
        "times_faster_on_spark": theirs / engine,
        "engine_differences": _count_differences(made["local"], made["engine"]),
        "agreement_with_spark": _share_of_common_items(made["local"], made["theirs"]),
        "ours_s": local,
        "ours_on_spark_s": engine,
        "spark_s": theirs,
        "users": len(factors.users),
        "items": len(factors.items),
    }


def _spark_model(spark: SparkSession, factors: Factors) -> ALSModel:
    """Return Spark's model with these factors, by a Java constructor that only its trainer else calls."""
    from pyspark.ml.recommendation import ALSModel

    def frame(rows: Any) -> Any:
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])
        table = pa.table(
            {"id": np.arange(len(rows), dtype=np.int32), "features": vectors.cast(pa.list_(pa.float32()))}
        )
        made = spark.createDataFrame(table).repartition(spark.sparkContext.defaultParallelism).cache()
        made.count()  # fills the cache before the timing
        return made._jdf  # pyspark has no public API for the Java frame

    java = spark._jvm.org.apache.spark.ml.recommendation.ALSModel(  # type: ignore[union-attr]
        "als", DIM, frame(factors.users), frame(factors.items)
    )
    java.setUserCol("user").setItemCol("item")
    return ALSModel(java)


def _count_differences(left: TopN, right: TopN) -> int:
    """Count the ranks with another item or another score, to the bit."""
    return int((left.items != right.items).sum() + (left.scores != right.scores).sum())


def _share_of_common_items(ours: TopN, theirs: pa.Table) -> float:
    """Return the share of Spark's items that are on our lists too.

    It is below 1 because Spark's float32 sums order nearly equal items differently.
    """
    rows = theirs.column(0).to_numpy()
    items = theirs.column(1).combine_chunks().flatten().field(0).to_numpy().reshape(len(rows), -1)
    both = [len(np.intersect1d(ours.items[row], mine)) for row, mine in zip(rows, items, strict=True)]
    return float(np.sum(both) / items.size)
