"""The verdict: all well, look or act, with what needs a person; the same for pages, terminal and alerts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from handpick.ledger.flows import Flow, StageResult
from handpick.night import Night
from handpick.pipeline.registry import list_nightly_names
from handpick.serving.versions import ListVersion
from handpick.settings.load import load
from handpick.stages.gate.decision_record import Decision, write_decision
from handpick.stages.report.verdict import Finding, Kind, Light, judge_night, judge_shop

DAY = date(2026, 3, 2)
MORNING = datetime(2026, 3, 3, 6, tzinfo=UTC)
MakeNight = Callable[..., Night]


@pytest.fixture
def make_night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeNight:
    """Make a night that went well, except for what is given: results by stage, a decision, the last stage."""
    (tmp_path / "handpick.toml").touch()
    monkeypatch.setenv("HANDPICK_CONFIG", str(tmp_path / "handpick.toml"))

    def make(decision: Decision | None = None, last: str = "publish", **changed: dict[str, Any]) -> Night:
        night = Night(load(), DAY)
        notes: dict[str, dict[str, Any]] = {
            "score": {"notes": {"users_listed": 5050}},
            "publish": {"notes": {"is_current": True, "version": 2}},
        }
        for stage in list_nightly_names(last):
            result = StageResult(stage, DAY, "x", (), "d")
            result = replace(result, **{**notes.get(stage, {}), **changed.get(stage, {})})
            night.result_file(stage).parent.mkdir(parents=True, exist_ok=True)
            night.result_file(stage).write_text(result.to_json())
        write_decision(night.lake, DAY, decision or Decision(True, DAY, date(2026, 3, 1), ["better"]))
        return night

    return make


def _version(number: int, day: date, *, is_current: bool, is_demo: bool = False) -> ListVersion:
    return ListVersion(number, day, is_current, 100, 5050, 1, 1, "d", None, {}, MORNING, is_demo)


def test_a_night_without_findings_is_well_and_says_so(make_night: MakeNight) -> None:
    verdict = judge_night(make_night())
    assert verdict.light is Light.WELL
    assert verdict.sentence == (
        "The night of 2026-03-02 has published its lists for 5,050 users, by its own model. Nothing needs a "
        "person."
    )


@pytest.mark.parametrize(
    ("changes", "kind", "light", "said"),
    [
        ({"last": "gate"}, Kind.FAILED, Light.ACT, "has not got past score"),
        ({"decision": Decision(False, None, None, ["worse"])}, Kind.NO_MODEL, Light.ACT, "by popularity"),
        (
            {"decision": Decision(False, date(2026, 3, 1), date(2026, 3, 1), ["refused: worse"])},
            Kind.REFUSED,
            Light.LOOK,
            "the lists are by the model of 2026-03-01. refused: worse",
        ),
        (
            {"decision": Decision(True, DAY, DAY, [], override={"who": "Ada", "why": "a sale"})},
            Kind.OVERRIDE,
            Light.LOOK,
            "Ada promoted the model",
        ),
        ({"land": {"flows": (Flow("events", 0, 0),)}}, Kind.SOURCE, Light.LOOK, "No events arrived"),
        (
            {"validate": {"notes": {"warnings": ["6.0% of events were quarantined: late"]}}},
            Kind.QUARANTINE,
            Light.LOOK,
            "6.0% of events were quarantined",
        ),
        (
            {"validate": {"notes": {"warnings": ["the newest events row is 2.0 days old"]}}},
            Kind.SOURCE,
            Light.LOOK,
            "The newest events row",
        ),
    ],
)
def test_each_cause_is_one_finding_with_a_next_step(
    make_night: MakeNight, changes: dict[str, Any], kind: Kind, light: Light, said: str
) -> None:
    verdict = judge_night(make_night(**changes))
    (finding,) = verdict.findings
    assert (finding.kind, finding.light, verdict.light) == (kind, light, light)
    assert said in finding.text
    assert finding.next_step.endswith(".")
    assert ("One thing needs a person." in verdict.sentence) == (light is Light.ACT)
    assert Finding.from_dict(finding.to_dict()) == finding


def test_a_damaged_result_is_a_finding_and_no_error(make_night: MakeNight) -> None:
    night = make_night()
    night.result_file("train").write_text("{")
    assert [finding.kind for finding in judge_night(night).findings] == [Kind.DAMAGED]


def test_the_shop_is_judged_by_its_newest_night_and_by_what_consumers_read(make_night: MakeNight) -> None:
    settings = make_night().settings
    good = [_version(2, DAY, is_current=True), _version(1, date(2026, 3, 1), is_current=False)]
    verdict = judge_shop(settings, [DAY], good, MORNING)
    assert verdict.light is Light.WELL
    assert "Consumers read version 2, the lists of 2026-03-02 for 5,050 users." in verdict.sentence

    rolled = [_version(2, DAY, is_current=False), _version(1, date(2026, 3, 1), is_current=True)]
    assert [one.kind for one in judge_shop(settings, [DAY], rolled, MORNING).findings] == [Kind.ROLLBACK]

    later = MORNING + timedelta(days=2)
    late = judge_shop(settings, [DAY], good, later)
    assert [(one.kind, one.light) for one in late.findings] == [(Kind.LATE, Light.ACT)]
    # The days of a simulated shop are over since long.
    demo = [_version(2, DAY, is_current=True, is_demo=True)]
    assert judge_shop(settings, [DAY], demo, later).light is Light.WELL

    unread = judge_shop(settings, [DAY], [], MORNING, problem="it does not answer")
    assert [one.kind for one in unread.findings] == [Kind.DATABASE]
    assert judge_shop(settings, [], [], MORNING).light is Light.LOOK
