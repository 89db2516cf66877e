"""What a night came to, as plain values: `report.json`, of which the pages read hundreds at once."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from handpick.errors import DamagedData, HandpickError, MissingPartition
from handpick.lake.partitions import PARTITION_PREFIX, parse_partition_date
from handpick.night import LEDGER_FOLDER, Night
from handpick.pipeline.registry import list_nightly_names
from handpick.settings.load import Settings
from handpick.stages.gate.public import Decision, read_decision
from handpick.stages.report.verdict import Finding, Verdict, judge_night

SUMMARY_FILE = "report.json"
FORMAT = 1
"""Version of the file's format; a file of another version is made anew from the lake."""
METRIC, K = "ndcg", 20
BLEND, POPULARITY = "weighted", "popularity"
"""The members of the evaluation that the gate compares: the blend that makes lists, and its rival."""
SHOWN_PHONES = 12
"""Phones named among those that came to the lists or left them."""


@dataclass(frozen=True)
class Quality:
    """NDCG@20 of the model that made the lists, on the test users of its night.

    Args:
        model: The night of the model.
        value: Its NDCG@20; `low` and `high` bound its 95 % interval where it was measured.
        popularity: NDCG@20 of the most popular phones on the same users, and its interval.
        users: Test users.
    """

    model: str
    value: float
    low: float | None
    high: float | None
    popularity: float
    popularity_low: float | None
    popularity_high: float | None
    users: int


@dataclass(frozen=True)
class ListChanges:
    """How the lists differ from those of the night before.

    Args:
        before: The night compared with.
        users: Users with a list on both nights.
        first_changed: Share of them whose first place is another phone.
        rows_changed: Share of the rows of tonight that are a phone which was not on the user's list before.
        came: Phones on some list that were on none, as `[item_id, title]`, those with most lists first.
        went: Phones on no list that were on some.
        came_count: Number of phones that came; `went_count` of those that went.
    """

    before: str
    users: int
    first_changed: float
    rows_changed: float
    came: list[list[str]]
    went: list[list[str]]
    came_count: int
    went_count: int


@dataclass(frozen=True)
class NightSummary:
    """A night in plain values, all of them JSON types.

    Args:
        date: The logical date, in ISO form.
        is_demo: Whether the night is of the demo shop.
        sentence: The verdict in words.
        findings: Its findings, as `Finding.to_dict` has them.
        stages: `{stage, seconds, flows: [{source, rows_in, rows_out, dropped}]}` in the night's order.
        evaluation: `[member, slice, NDCG@20, low, high, users]` of each model trained tonight.
        gate: The decision without its slices; None if there is none.
        blend: `{user segment: {member: weight}}` learned tonight; empty if there is none.
        quality: Of the model that made the lists; None if it is not known.
        users: Users with a list; None before they are scored.
        version: The list version that was published; None if none was.
        changes: Compared with the night before; None if there is nothing to compare with.
    """

    date: str
    is_demo: bool
    sentence: str
    findings: list[dict[str, Any]]
    stages: list[dict[str, Any]]
    evaluation: list[list[Any]] = field(default_factory=list)
    gate: dict[str, Any] | None = None
    blend: dict[str, dict[str, float]] = field(default_factory=dict)
    quality: dict[str, Any] | None = None
    users: int | None = None
    version: int | None = None
    changes: dict[str, Any] | None = None

    @property
    def verdict(self) -> Verdict:
        """The verdict on the night."""
        findings = tuple(Finding.from_dict(one) for one in self.findings)
        return Verdict(self.sentence, findings, date.fromisoformat(self.date))

    @property
    def seconds(self) -> float:
        """Seconds of work of all stages."""
        return float(sum(stage["seconds"] for stage in self.stages))

    def find_flows(self, stage: str) -> list[dict[str, Any]]:
        """Return the ledger lines of a stage; none if it has not run."""
        return next((one["flows"] for one in self.stages if one["stage"] == stage), [])

    def to_json(self) -> str:
        """Return the summary as JSON, the same for the same values."""
        return json.dumps({"format": FORMAT, **asdict(self)}, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: bytes) -> NightSummary:
        """Return the summary that `to_json` wrote.

        Raises:
            ValueError: If it is none, or of another format.
        """
        raw = json.loads(text)
        if not isinstance(raw, dict) or raw.pop("format", None) != FORMAT:
            raise ValueError("another format")
        try:
            return cls(**raw)
        except TypeError as error:
            raise ValueError("other fields") from error


def summarize_night(night: Night) -> NightSummary:
    """Summarize a night from its results and partitions; what has not run or is damaged is left out."""
    results = []
    for stage in list_nightly_names():
        try:
            if night.has_result(stage):
                results.append(night.result(stage))
        except DamagedData:
            continue  # the verdict names it
    notes = {result.stage: result.notes for result in results}
    decision = _read_decision(night)
    evaluation = _read_evaluation(night)
    verdict = judge_night(night)
    changes = compare_lists(night)
    version = notes.get("publish", {}).get("version")
    return NightSummary(
        date=night.logical_date.isoformat(),
        is_demo=bool(notes.get("land", {}).get("is_demo")),
        sentence=verdict.sentence,
        findings=[finding.to_dict() for finding in verdict.findings],
        stages=[
            {
                "stage": result.stage,
                "seconds": result.seconds,
                "flows": [
                    {
                        "source": flow.source,
                        "rows_in": flow.rows_in,
                        "rows_out": flow.rows_out,
                        "dropped": dict(flow.dropped),
                    }
                    for flow in result.flows
                ],
            }
            for result in results
        ],
        evaluation=evaluation,
        gate=None if decision is None else _describe_decision(decision),
        blend=_read_blend(night),
        quality=_find_quality(night, decision, evaluation),
        users=notes.get("score", {}).get("users_listed"),
        version=int(version) if version is not None else None,
        changes=None if changes is None else asdict(changes),
    )


def read_history(settings: Settings, until: date | None = None, nights: int = 300) -> list[NightSummary]:
    """Read the summaries of the last nights, oldest first.

    Each is read from its `report.json` once and kept in memory until that file changes; a night without one,
    such as a night that stopped, is summarized from the lake. Damaged nights are left out.

    Args:
        settings: All settings.
        until: The last night wanted; all if None.
        nights: Number of nights.
    """
    found = []
    root = str(settings.path(settings.lake.root))
    for day in list_nights(settings, until)[-nights:]:
        kept = _summaries.get((root, day))
        if kept is not None and kept[0] == _read_state(root, day):
            found.append(kept[1])
            continue
        try:
            found.append(read_summary(Night(settings, day)))
        except HandpickError:
            continue
    return found


def list_nights(settings: Settings, until: date | None = None) -> list[date]:
    """Return the logical dates that have results, oldest first; a copy of a night's folder is no night."""
    days = []
    for folder in (settings.path(settings.lake.root) / LEDGER_FOLDER).glob(f"{PARTITION_PREFIX}*"):
        try:
            days.append(parse_partition_date(folder))
        except DamagedData:
            continue
    return sorted(day for day in days if until is None or day <= until)


_summaries: dict[tuple[str, date], tuple[tuple[int, ...], NightSummary]] = {}
"""Summaries that were read, by lake and night, with the state of the files that they are from."""


def read_summary(night: Night) -> NightSummary:
    """Return a night's summary: read from `report.json` where the report has run, else made anew."""
    root, day = str(night.lake.root), night.logical_date
    state = _read_state(root, day)
    kept = _summaries.get((root, day))
    if kept is not None and kept[0] == state:
        return kept[1]
    summary = None
    file = night.lake.partition("report", day) / SUMMARY_FILE
    if state[0] and night.result_file("report").is_file():
        try:
            summary = NightSummary.from_json(file.read_bytes())
        except (ValueError, OSError):
            summary = None
    summary = summary or summarize_night(night)
    _summaries[root, day] = (state, summary)
    return summary


def _read_state(root: str, day: date) -> tuple[int, ...]:
    """Return when a night's summary, results and decision changed, in nanoseconds; 0 for what is not there.

    With texts instead of paths, which for 300 nights take longer than the files.
    """
    place = f"{PARTITION_PREFIX}{day.isoformat()}"
    paths = (
        f"{root}/report/{place}/{SUMMARY_FILE}",
        f"{root}/{LEDGER_FOLDER}/{place}",
        f"{root}/gate/{place}",
    )
    return tuple(map(_read_mtime, paths))


def compare_lists(night: Night) -> ListChanges | None:
    """Compare the night's lists with those of the night before; None if one of them has no lists."""
    lake, day = night.lake, night.logical_date
    table = "lists/recommendations"
    earlier = [other for other in lake.list_dates(table) if other < day]
    if not lake.has(table, day) or not earlier:
        return None
    columns = ["user_id", "rank", "item_id"]
    now, before = (lake.read(table, one, columns) for one in (day, earlier[-1]))
    first = _read_first_places(now).join(
        _read_first_places(before), "user_id", join_type="inner", right_suffix="_before"
    )
    users = len(first)
    changed = pc.sum(pc.not_equal(first["item_id"], first["item_id_before"])).as_py() or 0
    pairs = now.select(["user_id", "item_id"])
    new = pairs.join(before.select(["user_id", "item_id"]), ["user_id", "item_id"], join_type="left anti")
    on_both = new.filter(pc.is_in(new["user_id"], first["user_id"]))
    rows = pairs.filter(pc.is_in(pairs["user_id"], first["user_id"]))
    counts_now, counts_before = _count_lists(now), _count_lists(before)
    came = sorted(set(counts_now) - set(counts_before), key=lambda item: (-counts_now[item], item))
    went = sorted(set(counts_before) - set(counts_now), key=lambda item: (-counts_before[item], item))
    return ListChanges(
        before=earlier[-1].isoformat(),
        users=users,
        first_changed=changed / users if users else 0.0,
        rows_changed=len(on_both) / len(rows) if len(rows) else 0.0,
        came=_name_phones(night, day, came[:SHOWN_PHONES]),
        went=_name_phones(night, earlier[-1], went[:SHOWN_PHONES]),
        came_count=len(came),
        went_count=len(went),
    )


def _read_mtime(path: str) -> int:
    """Return when a file or folder changed, in nanoseconds; 0 where there is none."""
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - see `_read_state`
    except OSError:
        return 0


def _read_first_places(lists: pa.Table) -> pa.Table:
    """Return user and phone of all first places."""
    return lists.filter(pc.equal(lists["rank"], 1)).select(["user_id", "item_id"])


def _count_lists(lists: pa.Table) -> dict[str, int]:
    """Return on how many lists each phone is."""
    counts = pc.value_counts(lists["item_id"])
    return dict(zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True))


def _name_phones(night: Night, day: date, items: Sequence[str]) -> list[list[str]]:
    """Return id and title of phones, in their order; the id where a phone has no title."""
    if not items or not night.lake.has("marts/dim_item", day):
        return [[item, item] for item in items]
    known = night.lake.read("marts/dim_item", day, ["item_id", "title"])
    titles = dict(zip(known["item_id"].to_pylist(), known["title"].to_pylist(), strict=True))
    return [[item, titles.get(item) or item] for item in items]


def _read_decision(night: Night) -> Decision | None:
    """Return the gate's decision, None where there is none or it is damaged."""
    try:
        return read_decision(night.lake, night.logical_date)
    except (MissingPartition, DamagedData):
        return None


def _describe_decision(decision: Decision) -> dict[str, Any]:
    """Return a decision without its slices, as JSON types."""
    raw: dict[str, Any] = json.loads(replace(decision, slices=[]).to_json())
    raw.pop("slices")
    return raw


def _read_evaluation(night: Night) -> list[list[Any]]:
    """Return member, slice, NDCG@20, bounds and users of each model; none where nothing was evaluated."""
    file = night.lake.partition("evaluation", night.logical_date) / "metrics.parquet"
    if not file.is_file():
        return []
    metrics = pq.read_table(file)
    rows = metrics.filter(pc.and_(pc.equal(metrics["metric"], METRIC), pc.equal(metrics["k"], K))).to_pylist()
    names = ("member", "slice", "value", "low", "high", "users")
    return [[_shorten(row[name]) for name in names] for row in rows]


def _shorten(value: Any) -> Any:
    """Return a value with six digits after the point if it is a float."""
    return round(value, 6) if isinstance(value, float) else value


def _read_blend(night: Night) -> dict[str, dict[str, float]]:
    """Return the blend's weights by user segment; empty where there is no blend."""
    file = night.lake.partition("evaluation", night.logical_date) / "blend.json"
    try:
        found: dict[str, dict[str, float]] = json.loads(file.read_text()).get("segments", {})
    except (OSError, ValueError):
        return {}
    return found


def _find_quality(
    night: Night, decision: Decision | None, evaluation: Sequence[Sequence[Any]]
) -> dict[str, Any] | None:
    """Return the quality of the model that made the lists: tonight's, or the champion that was kept."""
    if decision is None or decision.champion_date is None:
        return None
    overall = {row[0]: row[2:] for row in evaluation if row[1] == "all"}
    slices = next((one for one in decision.slices if one.get("slice") == "all"), None)
    popularity = overall.get(POPULARITY)
    if popularity is None:
        return None
    if decision.champion_date == night.logical_date and BLEND in overall:
        value, low, high, users = overall[BLEND]
    elif slices is not None and slices.get("champion") is not None:
        # The champion of another night was measured by the gate on tonight's test users.
        value, users = round(slices["champion"], 6), slices["users"]
        low, high = map(_shorten, slices.get("champion_interval") or (None, None))
    else:
        return None
    model = decision.champion_date.isoformat()
    return asdict(Quality(model, value, low, high, popularity[0], popularity[1], popularity[2], users))
