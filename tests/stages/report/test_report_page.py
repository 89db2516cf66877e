"""The report and the model card say first whether all is well, and never take a refused model for tonight's."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handpick.ledger.flows import Flow, StageResult
from handpick.night import Night
from handpick.pipeline.registry import list_nightly_names
from handpick.settings.load import load
from handpick.stages import report
from handpick.stages.gate.decision_record import Decision, write_decision
from handpick.stages.report import plots
from handpick.stages.report.summary import NightSummary, read_history

FIRST, DAY = date(2026, 3, 1), date(2026, 3, 2)


def _write_night(night: Night, decision: Decision, first_places: list[str]) -> None:
    """Write what the report reads of a night with two users, three phones and two measured models."""
    day = night.logical_date
    for stage in list_nightly_names("publish"):
        notes = {"score": {"users_listed": 2}, "publish": {"version": day.day, "is_current": True}}
        flow = Flow("lists", 3, 2, {"no phone left": 1})
        result = StageResult(
            stage, day, "x", (flow,) if stage == "score" else (), "d", 1.5, notes.get(stage, {})
        )
        night.result_file(stage).parent.mkdir(parents=True, exist_ok=True)
        night.result_file(stage).write_text(result.to_json())
    write_decision(night.lake, day, decision)
    rows = [
        {"member": member, "slice": name, "metric": "ndcg", "k": 20, "value": value, "low": 0.9 * value,
         "high": 1.1 * value, "users": 40}
        for member, value in (("weighted", 0.2), ("fusion", 0.19), ("popularity", 0.05))
        for name in ("all", "warm", "cold_item")
    ]  # fmt: skip
    with night.lake.replace_partition("evaluation", day) as folder:
        pq.write_table(pa.Table.from_pylist(rows), folder / "metrics.parquet")
        blend = {"segments": {"events_5_up": {"fusion": 0.125 * day.day, "popularity": 0.5}}}
        (folder / "blend.json").write_text(json.dumps(blend))
    night.lake.write(
        "lists/recommendations",
        day,
        pa.table(
            {
                "user_id": ["u1", "u1", "u2"],
                "rank": pa.array([1, 2, 1], pa.int16()),
                "item_id": [first_places[0], "c", first_places[1]],
                "score": [0.5, 0.4, 0.3],
                "source": ["fusion"] * 3,
                "reason": ["because"] * 3,
            }
        ),
    )
    names = ["a", "b", "c", "d"]
    items = {"item_id": names, "title": [f"Phone {name}" for name in names], "price": [1234.5] * 4}
    night.lake.write(
        "marts/dim_item", day, pa.table({**items, "release_date": pa.array([None] * 4, pa.date32())})
    )
    users = {"user_id": ["u1", "u2"], "is_query_only": [False] * 2, "is_cold": [True, False]}
    night.lake.write("marts/dim_user", day, pa.table({**users, "event_count": [0, 9]}))


@pytest.fixture
def nights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Night]:
    """A night whose model was promoted, and one whose model was refused; both reported on."""
    (tmp_path / "handpick.toml").touch()
    monkeypatch.setenv("HANDPICK_CONFIG", str(tmp_path / "handpick.toml"))
    measured = [{"slice": "all", "users": 40, "challenger": 0.2, "champion": 0.21, "gated": True}]
    first, second = (Night(load(), day) for day in (FIRST, DAY))
    _write_night(first, Decision(True, FIRST, None, ["promoted: better"]), ["a", "b"])
    _write_night(second, Decision(False, FIRST, FIRST, ["refused: worse"], measured), ["a", "d"])
    for night in (first, second):
        night.result_file("report").write_text(report.run(night).to_json())
    return [first, second]


def _read(night: Night, name: str = "index.html") -> str:
    html = (night.lake.partition("report", night.logical_date) / name).read_text()
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL).split())


def test_the_report_begins_with_the_verdict_and_what_needs_a_person(nights: list[Night]) -> None:
    text = _read(nights[1])
    order = ["Look", "There is one thing to look at", "What needs a person", "Which model made the lists"]
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    assert "All well" in _read(nights[0])
    # The ledger is there, folded, with its reasons.
    assert "<details><summary>Rows in" in (nights[1].lake.partition("report", DAY) / "index.html").read_text()
    assert "1 no phone left" in text


def test_a_refused_model_is_never_described_as_tonights(nights: list[Night]) -> None:
    text = _read(nights[1])
    assert "NDCG@20 of the model of 2026-03-01, which made the lists 0.210" in text
    assert "They did not make this night's lists: those are by the model of 2026-03-01" in text
    # The blend shown is the one that scored, not the one that was learned and refused.
    assert "Weights of the blend that made the lists, of 2026-03-01" in text
    assert "fusion 12 %" in text
    assert "fusion 25 %" not in text
    promoted = _read(nights[0])
    assert "They did not make" not in promoted
    assert "which made the lists 0.200" in promoted


def test_figures_have_units_and_slices_explain_themselves(nights: list[Night]) -> None:
    text = _read(nights[1])
    assert "price, EUR" in text
    assert "1,234.50" in text
    assert "warm is the same as all tonight" in text
    assert "only phones without an event in training count as right" in text


def test_the_summary_is_kept_as_json_and_read_for_many_nights(nights: list[Night]) -> None:
    first, second = read_history(nights[0].settings)
    file = nights[1].lake.partition("report", DAY) / "report.json"
    assert NightSummary.from_json(file.read_bytes()) == second
    assert second.changes is not None
    assert second.changes["first_changed"] == 0.5
    assert second.changes["rows_changed"] == pytest.approx(1 / 3)
    assert second.changes["came"] == [["d", "Phone d"]]
    assert second.changes["went"] == [["b", "Phone b"]]
    assert (first.version, first.changes) == (1, None)
    assert second.quality is not None
    assert second.quality["value"] == 0.21
    assert second.quality["model"] == "2026-03-01"
    # Written later than it was read: the newer file counts.
    file.unlink()
    assert read_history(nights[0].settings)[1].sentence == second.sentence


def test_every_series_of_a_plot_is_in_its_legend_and_no_two_look_alike() -> None:
    series = {f"stage <{number}>": {"2026-03-01": float(number), "2026-03-02": 1.0} for number in range(14)}
    html = plots.plot_by_night(series, "Seconds", "s")
    legend = html[html.index('<ul class="legend">') : html.index("</ul>")]
    styles = re.findall(r'<line class="([^"]+)"', legend)
    assert len(set(styles)) == 14
    for name in series:
        assert name.replace("<", "&lt;").replace(">", "&gt;") in legend
    # The legend stands before the plot and not in it.
    assert html.index("</ul>") < html.index("<polyline")
    assert html == plots.plot_by_night(series, "Seconds", "s")


def test_a_gap_in_a_series_is_no_line_and_a_band_follows_its_interval() -> None:
    spans = {"01": (1.0, 0.5, 1.5), "02": (1.0, 0.5, 1.5), "04": (2.0, 1.0, 3.0)}
    html = plots.plot_lines(
        ["01", "02", "03", "04"], {"a": [spans.get(f"0{n}") for n in range(1, 5)]}, "t", ""
    )
    assert html.count("<polyline") == 2
    assert html.count("<polygon") == 1
    assert "a, 04: 2 (1 to 3)" in html
