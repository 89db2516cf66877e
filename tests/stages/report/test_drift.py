"""Drift is told from chance by the nights before, names what differs most, and is a finding and a section."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from handpick.night import Night
from handpick.settings.load import load
from handpick.stages.report import run
from handpick.stages.report.drift import compare_night, read_comparison
from handpick.stages.report.drift.compare import measure_distances
from handpick.stages.report.verdict import Kind, judge_night
from tests.stages.publish.conftest import report_scored

FIRST, NIGHTS = date(2026, 3, 1), 24
LAST = FIRST + timedelta(days=NIGHTS - 1)


def write_night(night: Night, *, shift: float = 0.0, ios: float = 0.2, rows: int = 400) -> None:
    """Write events and features of a night, of which the feature may be shifted and the share of carts changed."""
    rng = np.random.default_rng(night.logical_date.toordinal())
    kinds = np.where(rng.random(rows) < ios, "cart", "view")
    night.lake.write("valid/events", night.logical_date, pa.table({"event_type": kinds}))
    views = rng.normal(10 + shift, 3, 300)
    night.lake.write("features/users", night.logical_date, pa.table({"view_count_7d": views}))
    vectors = rng.normal(0, 1, (80, 4)).astype(np.float32)
    night.lake.write(
        "embeddings/items",
        night.logical_date,
        pa.table({"text": pa.array(list(vectors), pa.list_(pa.float32()))}),
    )


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with nights that do not drift, all but the last."""
    home = tmp_path_factory.mktemp("drift")
    for number in range(NIGHTS - 1):
        night = Night(load(home=home), FIRST + timedelta(days=number))
        write_night(night)
        compare_night(night)
    return home


def names_of_alarms(night: Night) -> list[str]:
    return [row["name"] for row in compare_night(night).to_pylist() if row["is_alarm"]]


def test_a_usual_night_has_no_alarm(past: Path) -> None:
    night = Night(load(home=past), LAST)
    write_night(night)
    assert names_of_alarms(night) == []
    judged = [row for row in read_comparison(night.lake, LAST) if row["limit"] is not None]
    assert {row["name"] for row in judged} >= {"rows of valid/events", "features/users.view_count_7d"}
    assert not [one for one in judge_night(night).findings if one.kind is Kind.DRIFT]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"shift": 3.0}, "features/users.view_count_7d"),
        ({"ios": 0.6}, "valid/events.event_type"),
        ({"rows": 90}, "rows of valid/events"),
    ],
)
def test_what_drifts_is_named(past: Path, change: dict[str, float], name: str) -> None:
    night = Night(load(home=past), LAST)
    write_night(night, **change)  # type: ignore[arg-type]
    assert name in names_of_alarms(night)


def test_the_verdict_and_the_report_say_what_differs_most(past: Path) -> None:
    night = Night(load(home=past), LAST)
    write_night(night, ios=0.6)
    report_scored(night)
    run(night)
    finding = next(one for one in judge_night(night).findings if one.kind is Kind.DRIFT)
    assert "valid/events.event_type (" in finding.text and "one night in 100" in finding.next_step
    page = (night.lake.partition("report", LAST) / "index.html").read_text()
    assert "<h2>Drift</h2>" in page and "drifts</span>" in page


def test_the_first_nights_are_watched_without_alarms(tmp_path: Path) -> None:
    night = Night(load(home=tmp_path), FIRST)
    write_night(night)
    rows = compare_night(night).to_pylist()
    assert rows and all(row["limit"] is None and not row["is_alarm"] for row in rows)


def test_vectors_of_another_encoder_are_not_compared_with_those_before() -> None:
    def profile(width: int) -> dict[str, object]:
        return {"form": "vectors", "labels": [], "missing": 0.0, "values": [1.0] * width}

    distances, _ = measure_distances([*(profile(4) for _ in range(20)), profile(6)], 28)
    assert len(distances) == 0
