"""The Spark offline store returns the same training rows as DuckDB."""

from __future__ import annotations

from pathlib import Path

import pytest

from handpick.lake.partitions import digest_files
from handpick.night import Night
from handpick.stages.feature_store import run
from tests.stages.feature_store.conftest import FIRST, SECOND, Shop, settings_in


@pytest.mark.slow
def test_two_nights_on_spark_are_two_nights_on_duckdb(
    tmp_path: Path, shop: Shop, two_nights: tuple[Night, Night]
) -> None:
    settings = settings_in(tmp_path, offline_store="spark")
    for day, twin in zip((FIRST, SECOND), two_nights, strict=True):
        night = Night(settings, day)
        shop.write(night)
        run(night)
        for table in ("features/users", "features/training"):
            assert digest_files(night.lake.partition(table, day)) == digest_files(
                twin.lake.partition(table, day)
            )
