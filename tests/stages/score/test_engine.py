"""The top-N on Spark equals the local one to the bit, and the number of threads changes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from pyspark.sql import SparkSession

from handpick.errors import ConfigurationError
from handpick.runtime.spark import get_spark_session
from handpick.settings.load import Settings, load
from handpick.stages.score.topn_engines import find_top_n_on_spark, make_engine
from models.topn.exact import find_top_n
from tests.models.topn.test_exact import example, same


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """Use the session that is running, if there is one, else start one."""
    os.environ.setdefault("HANDPICK_CONFIG", str(Path(__file__).parents[3] / "handpick.toml"))
    running = SparkSession.getActiveSession()
    found = get_spark_session(load(home=tmp_path_factory.mktemp("spark")))
    yield found
    if running is None:
        found.stop()


@pytest.mark.parametrize("with_rules", [True, False])
def test_spark_gives_the_same_lists_over_partitions_of_users(
    spark: SparkSession, *, with_rules: bool
) -> None:
    factors, barred = example(5, 301, 90, 12, ties=True)
    kind = np.arange(301) % 3
    allowed = np.random.default_rng(1).random((3, 90)) < 0.6
    rules = {"exclude": barred, "allowed": allowed, "kind": kind} if with_rules else {}
    assert same(find_top_n_on_spark(spark, factors, 7, **rules), find_top_n(factors, 7, **rules))  # type: ignore[arg-type]


def test_the_configuration_chooses_where_it_runs(spark: SparkSession) -> None:
    factors, barred = example(6, 20, 30, 5)
    found = []
    for name in ("local", "spark"):
        chosen = make_engine(Settings(score={"engine": name}))
        found.append(chosen(factors, 4, exclude=barred))
    assert same(*found)


def test_a_gpu_that_is_not_there_is_one_line() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    assert make_engine(Settings(score={"device": "auto"}))
    with pytest.raises(ConfigurationError, match="torch sees no GPU here"):
        make_engine(Settings(score={"device": "cuda:1"}))


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_number_of_threads_changes_nothing(threads: int) -> None:
    factors, barred = example(7, 400, 3000, 40, ties=True)
    before = torch.get_num_threads()
    expected = find_top_n(factors, 9, exclude=barred)
    torch.set_num_threads(threads)
    try:
        assert same(find_top_n(factors, 9, exclude=barred), expected)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
