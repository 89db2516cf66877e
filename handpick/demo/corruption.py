"""Corrupts a small seeded share of rows in every way that validation must catch, and counts them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from handpick.demo.parameters import Plan

SHARE = 0.005
"""Share of bad rows in a file, over all kinds."""

EVERY_DAYS = {"catalog": 3, "users": 5, "events": 1, "queries": 2}
"""Days after which a small file gets at least one bad row, its kinds in turn; the first day gets every
kind."""

BROKEN_PICTURES = 0.004
"""Share of phones whose picture is missing, and of those whose picture file is not an image."""

Row = dict[str, Any]
CorruptRow = Callable[[Row], None]


@dataclass
class CorruptionCounts:
    """Counts of the bad rows that were written on one day, by source and kind."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)

    def count(self, source: str, kind: str, number: int = 1) -> None:
        """Count bad rows of a kind."""
        if number:
            self.counts.setdefault(source, Counter())[kind] += number

    def to_json(self) -> dict[str, dict[str, int]]:
        """Return the counts by source and kind, both sorted."""
        return {source: dict(sorted(kinds.items())) for source, kinds in sorted(self.counts.items())}


def draw_flaw_kinds(plan: Plan, source: str, kinds: tuple[str, ...], rows: int, day: int) -> list[str]:
    """Draw the kinds of the bad rows of a file, one entry per bad row.

    Args:
        plan: The plan, for its random streams.
        source: The source.
        kinds: All kinds of bad rows of the source.
        rows: Number of good rows in the file.
        day: The day, counted from 0.
    """
    random = plan.stream(f"dirt-{source}", day)
    numbers = random.binomial(rows, SHARE / len(kinds), len(kinds))
    if day == 0:
        numbers = np.maximum(numbers, 1)
    elif day % EVERY_DAYS[source] == 0:
        # Small files would hardly ever get a bad row by chance: the kinds take turns.
        numbers[day // EVERY_DAYS[source] % len(kinds)] += 1
    return [kind for kind, number in zip(kinds, numbers, strict=True) for _ in range(number)]


def _overwrite(**values: Any) -> CorruptRow:
    """Return a function that overwrites values of a row."""
    return lambda row: row.update(values)


ROW_FLAWS: dict[str, dict[str, CorruptRow]] = {
    "catalog": {
        "negative price": lambda row: row.update(price=-abs(float(row["price"] or 1))),
        "missing title": _overwrite(title=None),
        "currency is not a code": _overwrite(currency="Euro??"),
        "release date is not a date": _overwrite(release_date="coming soon"),
    },
    "users": {
        "sign-up is not a time": _overwrite(signed_up_at="yesterday"),
        "country is not a code": _overwrite(country="Atlantis"),
        "missing user id": _overwrite(user_id=""),
    },
    "queries": {
        "nothing asked": _overwrite(text=None, image_path=None, audio_path=None),
        "unknown user": _overwrite(user_id="U9999999"),
        "path leaves the media folder": _overwrite(image_path="../../etc/passwd"),
        "missing time": _overwrite(occurred_at=None),
    },
}
BROKEN_JSON = "broken JSON"


def corrupt_rows(
    plan: Plan, source: str, rows: list[Row], key: str, day: int, corruption: CorruptionCounts
) -> list[Row | str]:
    """Insert bad copies of rows at random positions.

    Args:
        plan: The plan, for its random streams.
        source: `catalog`, `users` or `queries`.
        rows: The good rows of the file.
        key: Column that identifies a row; bad copies get an id of their own.
        day: The day, counted from 0.
        corruption: Counts of bad rows, which are added to.

    Returns:
        The rows; a string is a line that is not valid JSON.
    """
    flaws = ROW_FLAWS[source]
    # Users arrive as CSV, which cannot hold broken JSON.
    kinds = (*flaws, BROKEN_JSON) if source != "users" else tuple(flaws)
    random = plan.stream(f"dirt-rows-{source}", day)
    out: list[Row | str] = list(rows)
    for number, kind in enumerate(draw_flaw_kinds(plan, source, kinds, len(rows), day) if rows else []):
        # A bad copy is added and the row itself kept: the good rows do not depend on the corruption.
        copy = dict(rows[int(random.integers(len(rows)))])
        copy[key] = f"{copy[key][0]}X{day:03d}{number:03d}"
        if kind == BROKEN_JSON:
            line = json.dumps(copy, ensure_ascii=False)
            bad: Row | str = line[: int(random.integers(10, max(11, len(line) - 10)))]
        else:
            flaws[kind](copy)
            bad = copy
        out.insert(int(random.integers(len(out) + 1)), bad)
        corruption.count(source, kind)
    return out


EVENT_KINDS = (
    "unknown item",
    "unknown user",
    "repeated event id",
    "in the future",
    "unknown event type",
    "missing user",
    "negative price",
    "six stars",
)
FUTURE_SHIFT = timedelta(days=400)
"""Shift of events in the future: beyond any night that the demo shop runs."""


def corrupt_events(plan: Plan, events: pa.Table, day: int, corruption: CorruptionCounts) -> pa.Table:
    """Append bad copies to the events of a day, and count them in `corruption`."""
    kinds = draw_flaw_kinds(plan, "events", EVENT_KINDS, len(events), day) if len(events) else []
    if not kinds:
        return events
    random = plan.stream("dirt-rows-events", day)
    copies = events.take(pa.array(random.integers(0, len(events), len(kinds)))).to_pylist()
    for number, (row, kind) in enumerate(zip(copies, kinds, strict=True)):
        corruption.count("events", kind)
        if kind == "repeated event id":
            continue
        row["event_id"] = f"EX{day:05d}{number:05d}"
        row.update(_build_event_flaw(kind, row))
    return pa.concat_tables([events, pa.Table.from_pylist(copies, schema=events.schema)])


def _build_event_flaw(kind: str, row: Row) -> Row:
    """Return the values of an event that make it a bad row of a kind."""
    return {
        "unknown item": {"item_id": "P999999"},
        "unknown user": {"user_id": "U9999999"},
        "in the future": {"occurred_at": row["occurred_at"] + FUTURE_SHIFT},
        "unknown event type": {"event_type": "telepathy"},
        "missing user": {"user_id": None},
        "negative price": {"event_type": "purchase", "value": -49.9},
        "six stars": {"event_type": "rating", "value": 6.0},
    }[kind]
