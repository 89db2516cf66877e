"""The trends of the report follow the night's stages, also those that had another name before."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from handpick.ledger.flows import Flow, StageResult
from handpick.night import Night
from handpick.settings.load import load
from handpick.stages.report import report_page

DAY = date(2026, 3, 2)


def test_seconds_are_those_of_nightly_stages_under_their_present_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "handpick.toml").touch()
    monkeypatch.setenv("HANDPICK_CONFIG", str(tmp_path / "handpick.toml"))
    drawn: dict[str, Any] = {}
    monkeypatch.setattr(
        "handpick.stages.report.plots.plot_by_night",
        lambda values, title, _unit: str(drawn.setdefault(title, values)),
    )
    monkeypatch.setattr(report_page, "compute_rule_rates", lambda _night, _nights: {})
    validated = StageResult("validate", DAY, "valid", (Flow("events", 4, 3, {"late": 1}),), "", seconds=2.0)
    for day, names in (
        (DAY - timedelta(days=1), ("validate", "model", "pretrain")),
        (DAY, ("validate", "warehouse")),
    ):
        for name in names:
            file = Night(load(), day).result_file(name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(replace(validated, stage=name, logical_date=day).to_json())
    report_page._plot_trends(Night(load(), DAY))
    both = {"2026-03-01": 2.0, "2026-03-02": 2.0}
    assert drawn["Seconds by stage"] == {"validate": both, "warehouse": both}
    assert drawn["Rows quarantined"] == {"events": {"2026-03-01": 25.0, "2026-03-02": 25.0}}


def test_a_damaged_result_of_an_older_night_costs_only_that_nights_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "handpick.toml").touch()
    monkeypatch.setenv("HANDPICK_CONFIG", str(tmp_path / "handpick.toml"))
    validated = StageResult("validate", DAY, "valid", (Flow("events", 4, 3, {"late": 1}),), "", seconds=2.0)
    for number in range(3):
        day = DAY - timedelta(days=number)
        file = Night(load(), day).result_file("validate")
        file.parent.mkdir(parents=True)
        file.write_text(replace(validated, logical_date=day).to_json())
    damaged = Night(load(), DAY - timedelta(days=1)).result_file("validate")
    damaged.write_text(damaged.read_text()[:100])
    stray = damaged.parent.with_name("logical_date=2026-03-01 copy")
    shutil.copytree(damaged.parent, stray)
    # A number that was changed without breaking the JSON.
    changed = Night(load(), DAY - timedelta(days=2)).result_file("validate")
    changed.write_text(changed.read_text().replace('"rows_out": 3', '"rows_out": 2'))
    trends = report_page._plot_trends(Night(load(), DAY))
    assert len(trends.plots) == 3
    assert "2026-03-02" in trends.plots[0]
    assert "2026-03-01" not in trends.plots[0]
    assert len(trends.problems) == 3
    told = " ".join(trends.problems)
    for file in (damaged, changed, stray):
        assert str(file) in told
    assert "The night of 2026-03-01 is left out of the trends" in told
