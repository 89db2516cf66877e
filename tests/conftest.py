"""Marks tests by what they need, so that `make test-fast` can leave out what is slow to start."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
NEEDS = {
    "stages/transform": "jvm",
    "stages/validate": "jvm",
    "stages/warehouse": "jvm",
    "stages/feature_store/test_spark_offline.py": "jvm",
    "stages/publish/test_dags.py": "airflow",
    "local_airflow": "airflow",
    "end_to_end/test_web_ui.py": "browser",
    "end_to_end": "airflow",
}
"""What the tests of a folder or a file need; the first entry that fits holds."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test by the place it is in."""
    for item in items:
        place = item.path.relative_to(TESTS).as_posix()
        needed = next((mark for prefix, mark in NEEDS.items() if f"{place}/".startswith(f"{prefix}/")), None)
        if needed is not None:
            item.add_marker(needed)
