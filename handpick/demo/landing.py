"""Writes the landing files of a day: catalog, queries (JSON Lines), users (CSV), events (Parquet), media."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from handpick.demo.array_types import Ints
from handpick.demo.corruption import BROKEN_PICTURES, CorruptionCounts, Row, corrupt_events, corrupt_rows
from handpick.demo.customers import COUNTRIES, LOCALES, Customers
from handpick.demo.parameters import Plan
from handpick.demo.query_simulation import Query
from handpick.demo.sessions import EVENT_NAMES, Events
from handpick.lake.partitions import write_parquet
from handpick.settings.load import Settings
from handpick.stages.land.public import DEMO_MARK

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
USER_COLUMNS = ("user_id", "signed_up_at", "country", "locale", "owned_item_id", "consent")
EVENT_SCHEMA = pa.schema(
    [
        ("event_id", pa.string()),
        ("user_id", pa.string()),
        ("item_id", pa.string()),
        ("event_type", pa.string()),
        ("value", pa.float64()),
        ("occurred_at", pa.timestamp("us", tz="UTC")),
        ("session_id", pa.string()),
        ("list_version", pa.string()),
    ]
)


FILE_EXTENSIONS = {"catalog": "jsonl", "users": "csv", "events": "parquet", "queries": "jsonl"}
"""The extension of the landing files of each source."""


@dataclass(frozen=True)
class DemoFolders:
    """The folders of a demo shop: landing files, media (the root of the paths in rows), and ground truth."""

    landing: Path
    media: Path
    truth: Path

    @classmethod
    def under(cls, root: Path) -> DemoFolders:
        """Return `landing/`, `landing/media/` and `truth/` below one folder."""
        return cls(root / "landing", root / "landing" / "media", root / "truth")

    @classmethod
    def configured(cls, settings: Settings) -> DemoFolders:
        """Return the folders that the section `[lake]` of the settings names."""
        lake = settings.lake
        return cls(settings.path(lake.landing), settings.path(lake.media), settings.path(lake.truth))

    def landing_file(self, source: str, day: date) -> Path:
        """Return the landing file of a source and day, and create its folder."""
        folder = self.landing / source
        folder.mkdir(parents=True, exist_ok=True)
        # So that whoever lands these files knows, also elsewhere, that no customer made them.
        (self.landing / DEMO_MARK).touch()
        return folder / f"{source}-{day.isoformat()}.{FILE_EXTENSIONS[source]}"

    def find_foreign_file(self) -> Path | None:
        """Return a file below the folders of the sources that no demo shop has written, or None."""
        for source, ending in FILE_EXTENSIONS.items():
            own = re.compile(rf"{source}-\d{{4}}-\d{{2}}-\d{{2}}\.{ending}")
            for path in sorted((self.landing / source).rglob("*")):
                if not own.fullmatch(path.name):
                    return path
        return None


def format_instant(micros: int) -> str:
    """Format microseconds since 1970 UTC in ISO 8601 with `Z`, to the second."""
    return (EPOCH + timedelta(microseconds=micros)).strftime("%Y-%m-%dT%H:%M:%SZ")


def write_json_lines(path: Path, rows: Iterable[Row | str]) -> None:
    """Write rows as JSON Lines; a row that is a string becomes a line unchanged."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write((row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)) + "\n")


def write_catalog(
    plan: Plan, folders: DemoFolders, rows: list[Row], day: int, corruption: CorruptionCounts
) -> None:
    """Write the catalog file of a day, with bad rows."""
    corrupted = corrupt_rows(plan, "catalog", rows, "item_id", day, corruption)
    write_json_lines(folders.landing_file("catalog", plan.date_of(day)), corrupted)


def write_users(
    plan: Plan,
    folders: DemoFolders,
    customers: Customers,
    rows: Ints,
    items: list[str],
    day: int,
    corruption: CorruptionCounts,
) -> None:
    """Write the users file of a day, with bad rows.

    Args:
        plan: The plan, for its dates and random streams.
        folders: Where files are written.
        customers: All customers.
        rows: Rows of the customers who sign up.
        items: Ids of all phones.
        day: The day, counted from 0.
        corruption: Counts of bad rows, which are added to.
    """
    seconds = plan.stream("signup-times", day).integers(0, 86_400, len(rows))
    table: list[Row] = [
        {
            "user_id": f"U{row + 1:07d}",
            "signed_up_at": format_instant(
                plan.micros_of(int(customers.signup_day[row])) + int(second) * 1_000_000
            ),
            "country": COUNTRIES[int(customers.country[row])],
            "locale": LOCALES[int(customers.country[row])],
            "owned_item_id": items[int(customers.owned[row])] if customers.owned[row] >= 0 else "",
            "consent": "true" if customers.consent[row] else "false",
        }
        for row, second in zip(rows.tolist(), seconds, strict=True)
    ]
    path = folders.landing_file("users", plan.date_of(day))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, USER_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            row
            for row in corrupt_rows(plan, "users", table, "user_id", day, corruption)
            if isinstance(row, dict)
        )


def build_ids(letter: str, numbers: Ints, width: int) -> pa.Array:
    """Return ids made of a prefix and each number, padded with zeros to a width."""
    digits = pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), width, "0")
    return pc.binary_join_element_wise(pa.scalar(letter), digits, "")


def write_events(
    plan: Plan, folders: DemoFolders, events: Events, items: list[str], day: int, corruption: CorruptionCounts
) -> int:
    """Write the events file of a day in order of time, with bad rows; return its number of rows."""
    # Ties of time are broken by user, kind and item, so that the order is the same on every machine.
    events = events.select(np.lexsort((events.item, events.kind, events.user, events.at)))
    random = plan.stream("session-ids", day)
    # Five of a hundred sessions are not tracked: their events have no session id.
    tracked = (events.session >= 0) & (random.random(int(events.session.max(initial=0)) + 1) >= 0.05)[
        events.session
    ]
    sessions = build_ids(f"S{day:04d}-", np.maximum(events.session, 0), 6)
    count = len(events)
    names = pa.array(EVENT_NAMES)
    table = pa.table(
        [
            build_ids(f"E{day:04d}-", np.arange(count), 7),
            build_ids("U", events.user + 1, 7),
            pa.array(items).take(pa.array(events.item)),
            names.take(pa.array(events.kind)),
            pa.array(events.value, from_pandas=True),
            pa.array(events.at).cast(EVENT_SCHEMA.field("occurred_at").type),
            pc.if_else(pa.array(tracked), sessions, pa.scalar(None, pa.string())),
            pa.nulls(count, pa.string()),
        ],
        schema=EVENT_SCHEMA,
    )
    table = corrupt_events(plan, table, day, corruption)
    write_parquet(table, folders.landing_file("events", plan.date_of(day)))
    return len(table)


def write_queries(
    plan: Plan, folders: DemoFolders, queries: list[Query], day: int, corruption: CorruptionCounts
) -> None:
    """Write the queries file of a day, with bad rows, and its media files that do not exist yet."""
    rows: list[Row] = []
    for number, query in enumerate(queries):
        row: Row = {
            "query_id": f"Q{day:04d}-{number:06d}",
            "user_id": f"U{query.user + 1:07d}",
            "text": query.text,
            "image_path": query.image[0] if query.image and plan.has_media else None,
            "audio_path": query.audio[0] if query.audio and plan.has_media else None,
            "occurred_at": format_instant(query.at),
        }
        if row["text"] or row["image_path"] or row["audio_path"]:
            rows.append(row)
        for medium in (query.image, query.audio):
            if medium and plan.has_media:
                write_media(folders, *medium)
    corrupted = corrupt_rows(plan, "queries", rows, "query_id", day, corruption)
    write_json_lines(folders.landing_file("queries", plan.date_of(day)), corrupted)


def write_media(folders: DemoFolders, name: str, make: Callable[[], bytes]) -> None:
    """Write a media file unless it exists; `make` returns its bytes."""
    path = folders.media / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Renamed when complete: a file that exists is never written again.
        partial = path.with_suffix(".part")
        partial.write_bytes(make())
        partial.replace(path)


def write_picture(
    folders: DemoFolders, name: str, make: Callable[[], bytes], fate: float, corruption: CorruptionCounts
) -> None:
    """Write the picture of a phone; a few, by `fate` (uniform in [0, 1)), are missing or are not images."""
    if fate < BROKEN_PICTURES:
        corruption.count("media", "picture missing")
    elif fate < 2 * BROKEN_PICTURES:
        corruption.count("media", "picture is not a picture")
        write_media(folders, name, lambda: b"\xff\xd8 not a picture")
    else:
        write_media(folders, name, make)
