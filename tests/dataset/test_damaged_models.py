"""A damaged model, blend or decision is named in one line where it is loaded."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from handpick.dataset.model_store import load_members
from handpick.errors import DamagedData
from handpick.night import Night
from handpick.settings.load import Settings
from handpick.stages.evaluate.public import load_blend
from handpick.stages.gate.decision_record import Decision, read_decision, write_decision

DAY, NEXT = date(2026, 3, 1), date(2026, 3, 2)


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """A night after one that has models, a blend and a decision."""
    night = Night(Settings(home=tmp_path), NEXT)
    with night.lake.replace_partition("models", DAY) as folder:
        (folder / "fusion/serving").mkdir(parents=True)
        (folder / "fusion/serving/weights.safetensors").write_bytes(bytes(5000))
    with night.lake.replace_partition("evaluation", DAY) as folder:
        (folder / "blend.json").write_text(json.dumps({"segments": {}, "bounds": []}))
    write_decision(night.lake, DAY, Decision(True, DAY, None, ["promoted"]))
    return night


def test_a_truncated_model_is_named(night: Night) -> None:
    file = night.lake.partition("models", DAY) / "fusion/serving/weights.safetensors"
    file.write_bytes(file.read_bytes()[:4000])
    with pytest.raises(DamagedData) as caught:
        load_members(night, DAY, "serving")
    assert f"{file} has 4,000 bytes, but 5,000 were written" in str(caught.value)
    assert f"handpick verify --date {DAY} --repair" in str(caught.value)


@pytest.mark.parametrize("table", ["evaluation", "gate"])
def test_a_changed_blend_or_decision_is_named(night: Night, table: str) -> None:
    (file,) = (path for path in night.lake.partition(table, DAY).glob("*.json") if path.name[0] != "_")
    file.write_text(file.read_text().replace("{", "{ ", 1))
    with pytest.raises(DamagedData, match=file.name):
        load_blend(night, DAY) if table == "evaluation" else read_decision(night.lake, DAY)


def test_the_gate_does_not_decide_over_a_damaged_decision_that_may_hold_an_override(night: Night) -> None:
    from handpick.stages.gate.promotion import _read_override

    override = {"to": "promote", "who": "Ada", "why": "a holiday"}
    write_decision(night.lake, NEXT, Decision(True, NEXT, DAY, ["kept"], override=override))
    assert _read_override(night) == override
    file = night.lake.partition("gate", NEXT) / "decision.json"
    file.write_text(file.read_text()[:40])
    with pytest.raises(DamagedData, match=r"may hold the override of a person.*Remove "):
        _read_override(night)
