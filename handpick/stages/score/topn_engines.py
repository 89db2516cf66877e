"""Engines of the exact top-N: in this process, or on Spark over partitions of users, with the same result."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
from scipy import sparse

from handpick.errors import ConfigurationError
from handpick.runtime.log import log_progress
from handpick.runtime.numerical_threads import use_machine_threads
from handpick.settings.load import Settings
from models.dataset import BoolArray, IntArray
from models.recommender_interface import Factors
from models.topn.exact import TopN, find_top_n
from models.topn.first_pass import describe_choice, find_fastest_first_pass

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CHUNK_USERS = 10_000
"""Users in one Arrow batch."""


class Engine(Protocol):
    """A function that finds each user's best allowed items, as `find_top_n` does."""

    def __call__(
        self,
        factors: Factors,
        n: int,
        *,
        exclude: sparse.csr_matrix | None = None,
        allowed: BoolArray | None = None,
        kind: IntArray | None = None,
    ) -> TopN:
        """Find the n best allowed items of every user."""
        ...


def make_engine(settings: Settings) -> Engine:
    """Make the configured engine."""
    if settings.score.engine == "spark":
        from handpick.runtime.spark import get_spark_session

        return partial(find_top_n_on_spark, get_spark_session(settings))
    device = _resolve_device(settings.score.device)
    if device == "cpu":
        log_progress(describe_choice(find_fastest_first_pass()))
    return partial(_find_top_n_here, device=device)


def _find_top_n_here(factors: Factors, n: int, **options: Any) -> TopN:
    """Find the top-N in this process by all of its threads: its bits do not depend on how many there are."""
    with use_machine_threads():
        return find_top_n(factors, n, **options)


def _resolve_device(name: str) -> str:
    """Resolve `auto`, `cpu`, `cuda` or `cuda:1` to a device of this machine.

    Raises:
        ConfigurationError: If a GPU is named and there is none.
    """
    import torch

    has_gpu = torch.cuda.is_available()
    if name == "auto":
        return "cuda" if has_gpu else "cpu"
    if name != "cpu" and not has_gpu:
        raise ConfigurationError(
            f"[score] device = {name!r}, but torch sees no GPU here; nothing was scored. Use auto or cpu, or "
            "install a CUDA build of torch."
        )
    return name


def find_top_n_on_spark(
    spark: SparkSession,
    factors: Factors,
    n: int,
    *,
    exclude: sparse.csr_matrix | None = None,
    allowed: BoolArray | None = None,
    kind: IntArray | None = None,
) -> TopN:
    """Find the top-N on Spark's workers, with the result of `find_top_n`.

    Users are sent as Arrow rows; items and masks are broadcast once. The workers need this package installed.

    Args:
        spark: The session.
        factors: `(users, d)` and `(items, d)` float32.
        n: Length of the lists.
        exclude: As for `find_top_n`.
        allowed: As for `find_top_n`.
        kind: As for `find_top_n`.
    """
    items = np.ascontiguousarray(factors.items, np.float32)
    masks = np.ones((1, len(items)), bool) if allowed is None else np.atleast_2d(allowed)
    shared = spark.sparkContext.broadcast((items, masks, n))

    def best(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import torch
        from pyspark import TaskContext

        task = TaskContext.get()
        torch.set_num_threads(1 if task is None else task.cpus())  # the other cores run tasks of their own
        for batch in batches:
            yield _find_top_n_of_batch(batch, *shared.value)

    # Spark distributes a table's chunks over its partitions as they are, so this distributes the users
    # without a shuffle.
    rows = _divide_into_chunks(
        _build_user_rows(factors, exclude, kind), spark.sparkContext.defaultParallelism
    )
    found = spark.createDataFrame(rows).mapInArrow(best, "row long, items array<int>, scores array<float>")
    table = found.toArrow().sort_by("row").combine_chunks()
    shared.destroy()
    return TopN(*(_stack_lists(table[name], n) for name in ("items", "scores")))


def _build_user_rows(factors: Factors, exclude: sparse.csr_matrix | None, kind: IntArray | None) -> pa.Table:
    """Build one row per user: row number, vector, kind, and the items excluded for them."""
    users = np.ascontiguousarray(factors.users, np.float32)
    count, dim = users.shape
    starts = np.zeros(count + 1, np.int32) if exclude is None else exclude.indptr.astype(np.int32)
    columns = np.zeros(0, np.int32) if exclude is None else exclude.indices.astype(np.int32)
    return pa.table(
        {
            "row": np.arange(count, dtype=np.int64),
            "vector": pa.ListArray.from_arrays(
                pa.array(np.arange(count + 1, dtype=np.int32) * dim), pa.array(users.ravel())
            ),
            "kind": np.zeros(count, np.int32) if kind is None else kind.astype(np.int32),
            "excluded": pa.ListArray.from_arrays(pa.array(starts), pa.array(columns)),
        }
    )


def _divide_into_chunks(rows: pa.Table, workers: int) -> pa.Table:
    """Divide the rows into chunks of one size, at least one for each worker."""
    size = max(1, min(CHUNK_USERS, -(-len(rows) // workers)))
    return pa.concat_tables([rows.slice(start, size) for start in range(0, max(1, len(rows)), size)])


def _find_top_n_of_batch(batch: pa.RecordBatch, items: Any, masks: Any, n: int) -> pa.RecordBatch:
    """Find the lists of one batch of users, on a worker."""
    count = batch.num_rows
    users = batch.column("vector").flatten().to_numpy().reshape(count, items.shape[1])
    excluded = batch.column("excluded")
    columns = excluded.flatten().to_numpy(zero_copy_only=False)
    # From the lengths, because a sliced batch's offsets do not start at 0.
    starts = np.concatenate([[0], np.cumsum(excluded.value_lengths().to_numpy(zero_copy_only=False))])
    exclude = sparse.csr_matrix((np.ones(len(columns), np.int8), columns, starts), shape=(count, len(items)))
    best = find_top_n(
        Factors(users, items), n, exclude=exclude, allowed=masks, kind=batch.column("kind").to_numpy()
    )
    offsets = pa.array(np.arange(count + 1, dtype=np.int32) * n)
    return pa.record_batch(
        {
            "row": batch.column("row"),
            "items": pa.ListArray.from_arrays(offsets, pa.array(best.items.ravel())),
            "scores": pa.ListArray.from_arrays(offsets, pa.array(best.scores.ravel())),
        }
    )


def _stack_lists(column: pa.ChunkedArray, n: int) -> Any:
    """Return lists of n values as an array of n columns; a copy, because Arrow's buffers are read-only."""
    return np.array(column.combine_chunks().flatten().to_numpy(zero_copy_only=False)).reshape(-1, n)
