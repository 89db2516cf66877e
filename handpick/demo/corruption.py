"""Bad rows on purpose: a small seeded share of every kind of mistake, counted, so that quarantine is never empty."""

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
EVERY_DAYS = {"catalog": 3, "users": 5, "events": 1, "queries": 2}
"""A small shop's file still gets one bad row, of one kind after the other, this often; the first day gets every kind."""

BROKEN_PICTURES = 0.004
Row = dict[str, Any]
Spoil = Callable[[Row], None]


@dataclass
class Dirt:
    """How many bad rows of each kind went into each source on one day."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)

    def count(self, source: str, kind: str, number: int = 1) -> None:
        """Note bad rows."""
        if number:
            self.counts.setdefault(source, Counter())[kind] += number

    def to_json(self) -> dict[str, dict[str, int]]:
        """By source and kind, both sorted."""
        return {source: dict(sorted(kinds.items())) for source, kinds in sorted(self.counts.items())}


def how_many(plan: Plan, source: str, kinds: tuple[str, ...], rows: int, day: int) -> list[str]:
    """The kinds of bad rows to add to a file of so many rows, one entry per row."""
    random = plan.stream(f"dirt-{source}", day)
    numbers = random.binomial(rows, SHARE / len(kinds), len(kinds))
    if day == 0:
        numbers = np.maximum(numbers, 1)
    elif day % EVERY_DAYS[source] == 0:
        numbers[day // EVERY_DAYS[source] % len(kinds)] += 1
    return [kind for kind, number in zip(kinds, numbers, strict=True) for _ in range(number)]


def _set(**values: Any) -> Spoil:
    return lambda row: row.update(values)


ROW_FLAWS: dict[str, dict[str, Spoil]] = {
    "catalog": {
        "negative price": lambda row: row.update(price=-abs(float(row["price"] or 1))),
        "missing title": _set(title=None),
        "currency is not a code": _set(currency="Euro??"),
        "release date is not a date": _set(release_date="coming soon"),
    },
    "users": {
        "sign-up is not a time": _set(signed_up_at="yesterday"),
        "country is not a code": _set(country="Atlantis"),
        "missing user id": _set(user_id=""),
    },
    "queries": {
        "nothing asked": _set(text=None, image_path=None, audio_path=None),
        "unknown user": _set(user_id="U9999999"),
        "path leaves the media folder": _set(image_path="../../etc/passwd"),
        "missing time": _set(occurred_at=None),
    },
}
BROKEN_JSON = "broken JSON"


def spoil_rows(plan: Plan, source: str, rows: list[Row], key: str, day: int, dirt: Dirt) -> list[Row | str]:
    """The rows with bad copies put in at random places; a string is a line that is not JSON."""
    flaws = ROW_FLAWS[source]
    kinds = (*flaws, BROKEN_JSON) if source != "users" else tuple(flaws)
    random = plan.stream(f"dirt-rows-{source}", day)
    out: list[Row | str] = list(rows)
    for number, kind in enumerate(how_many(plan, source, kinds, len(rows), day) if rows else []):
        copy = dict(rows[int(random.integers(len(rows)))])
        copy[key] = f"{copy[key][0]}X{day:03d}{number:03d}"
        if kind == BROKEN_JSON:
            line = json.dumps(copy, ensure_ascii=False)
            bad: Row | str = line[: int(random.integers(10, max(11, len(line) - 10)))]
        else:
            flaws[kind](copy)
            bad = copy
        out.insert(int(random.integers(len(out) + 1)), bad)
        dirt.count(source, kind)
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
FAR_AHEAD = timedelta(days=400)


def spoil_events(plan: Plan, events: pa.Table, day: int, dirt: Dirt) -> pa.Table:
    """The day's events with bad copies at the end."""
    kinds = how_many(plan, "events", EVENT_KINDS, len(events), day) if len(events) else []
    if not kinds:
        return events
    random = plan.stream("dirt-rows-events", day)
    copies = events.take(pa.array(random.integers(0, len(events), len(kinds)))).to_pylist()
    for number, (row, kind) in enumerate(zip(copies, kinds, strict=True)):
        dirt.count("events", kind)
        if kind == "repeated event id":
            continue
        row["event_id"] = f"EX{day:05d}{number:05d}"
        row.update(_event_flaw(kind, row))
    return pa.concat_tables([events, pa.Table.from_pylist(copies, schema=events.schema)])


def _event_flaw(kind: str, row: Row) -> Row:
    return {
        "unknown item": {"item_id": "P999999"},
        "unknown user": {"user_id": "U9999999"},
        "in the future": {"occurred_at": row["occurred_at"] + FAR_AHEAD},
        "unknown event type": {"event_type": "telepathy"},
        "missing user": {"user_id": None},
        "negative price": {"event_type": "purchase", "value": -49.9},
        "six stars": {"event_type": "rating", "value": 6.0},
    }[kind]
