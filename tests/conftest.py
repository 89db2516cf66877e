"""Marks tests by what they need, so that `make test-fast` can leave out what is slow to start."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
NEEDS = {
    "runtime/dataframes/test_engines.py": "jvm",
    "stages/transform/test_cluster.py": "jvm",
    "stages/transform/test_spark_session.py": "jvm",
    "stages/validate": "slow",
    "stages/warehouse": "jvm",
    "stages/feature_store/test_spark_offline.py": "jvm",
    "stages/score/test_engine.py": "jvm",
    "runtime/test_shared_spark.py": "jvm",
    "demo/public_data/test_amazon_reviews.py": "jvm",
    "stages/publish/test_dags.py": "airflow",
    "plugins": "airflow",
    "dags": "airflow",
    "local_airflow": "airflow",
    "end_to_end/test_web_ui.py": "browser",
    "end_to_end": "airflow",
    # Fit whole families of models, start Feast, dbt or PostgreSQL, or measure large arrays.
    "stages/embed": "slow",
    "stages/pretrain": "slow",
    "stages/feature_store": "slow",
    "stages/train": "slow",
    "stages/evaluate": "slow",
    "stages/gate": "slow",
    "stages/publish": "slow",
    "stages/land/test_damage.py": "slow",
    "dataset": "slow",
    "lake/test_interrupted_writes.py": "slow",
    "lineage": "slow",
    "serving": "slow",
    "faults": "slow",
    "runtime": "slow",
    "models/recommender": "slow",
    "models/training": "slow",
    "models/pretraining": "slow",
    "models/test_content_code.py": "slow",
    "models/topn/test_first_pass.py": "slow",
    "models/network/test_next_item_benchmark.py": "slow",
    "models/evaluation/test_metrics.py": "slow",
    "models/collaborative/test_large_shops.py": "slow",
    # Great Expectations looks at `__main__` when it is imported, which the workers of pytest-xdist do not have.
    "contracts/test_agreement.py": "slow",
}
"""What the tests of a folder or a file need; the first entry that fits holds."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test by the place it is in."""
    for item in items:
        place = item.path.relative_to(TESTS).as_posix()
        needed = next((mark for prefix, mark in NEEDS.items() if f"{place}/".startswith(f"{prefix}/")), None)
        if needed is not None:
            item.add_marker(needed)
