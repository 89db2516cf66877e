"""The models on the Spark target: every mart, row by row, compared with DuckDB."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pytest

from handpick.night import Night
from handpick.pipeline.runner import run_stage
from handpick.stages.warehouse.marts import MARTS, Mart
from tests.stages.warehouse.conftest import FIRST, SECOND, Shop, settings_in

Nights = tuple[Night, Night]


@pytest.fixture(scope="module")
def on_spark(tmp_path_factory: pytest.TempPathFactory, shop: Shop) -> Nights:
    """The same two nights, built by dbt in a Spark session."""
    # Without dbt's tests, which take two thirds of the time here: rows are compared one by one below.
    settings = settings_in(tmp_path_factory.mktemp("spark"), target="spark", tests=False)
    nights = Night(settings, FIRST), Night(settings, SECOND)
    for night in nights:
        shop.write(night)
        run_stage("warehouse", night)
    return nights


@pytest.mark.parametrize("mart", MARTS, ids=lambda mart: mart.name)
def test_every_mart_has_the_same_rows_on_spark(two_nights: Nights, on_spark: Nights, mart: Mart) -> None:
    for duckdb, spark in zip(two_nights, on_spark, strict=True):
        ours, theirs = (
            night.lake.read(mart.table, night.logical_date).sort_by(
                [(column, "ascending") for column in mart.key]
            )
            for night in (duckdb, spark)
        )
        assert theirs.schema.names == ours.schema.names
        assert [_kind(field.type) for field in theirs.schema] == [_kind(field.type) for field in ours.schema]
        assert ours.num_rows > 0
        for one, other in zip(ours.to_pylist(), theirs.to_pylist(), strict=True):
            assert all(_same(one[column], other[column]) for column in one), (one, other)


def _same(one: Any, other: Any) -> bool:
    """Equality, except for rounding of quotients."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-12)
    return bool(one == other)


def _kind(type_: pa.DataType) -> str:
    """A type as text, without the name that Parquet writers give to list items."""
    return str(type_).replace("element", "item").replace(" not null", "")
