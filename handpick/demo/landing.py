"""Writes one day's landing files: catalog JSON Lines, users CSV, events Parquet, queries JSON Lines, and media."""

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

from handpick.demo.arrays import Ints
from handpick.demo.corruption import BROKEN_PICTURES, Dirt, Row, spoil_events, spoil_rows
from handpick.demo.customers import COUNTRIES, LOCALES, People
from handpick.demo.parameters import Plan
from handpick.demo.query_simulation import Query
from handpick.demo.sessions import EVENT_NAMES, Events
from handpick.lake.partitions import write_parquet
from handpick.settings.load import Settings

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


ENDINGS = {"catalog": "jsonl", "users": "csv", "events": "parquet", "queries": "jsonl"}
"""How the landing files of each source end."""


@dataclass(frozen=True)
class Folders:
    """Where a demo shop lies: the landing folder, the media root that paths in rows start from, and the truth."""

    landing: Path
    media: Path
    truth: Path

    @classmethod
    def under(cls, root: Path) -> Folders:
        """`landing/`, `landing/media/` and `truth/` below one folder."""
        return cls(root / "landing", root / "landing" / "media", root / "truth")

    @classmethod
    def configured(cls, settings: Settings) -> Folders:
        """The folders that `[lake]` names."""
        lake = settings.lake
        return cls(settings.path(lake.landing), settings.path(lake.media), settings.path(lake.truth))

    def file(self, source: str, day: date) -> Path:
        """The landing file of a source and day; its folder exists afterwards."""
        folder = self.landing / source
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{source}-{day.isoformat()}.{ENDINGS[source]}"

    def foreign_file(self) -> Path | None:
        """A file below the sources' folders that no demo shop has written, or None."""
        for source, ending in ENDINGS.items():
            own = re.compile(rf"{source}-\d{{4}}-\d{{2}}-\d{{2}}\.{ending}")
            for path in sorted((self.landing / source).rglob("*")):
                if not own.fullmatch(path.name):
                    return path
        return None


def instant(micros: int) -> str:
    """ISO 8601 with `Z` for microseconds since 1970 UTC."""
    return (EPOCH + timedelta(microseconds=micros)).strftime("%Y-%m-%dT%H:%M:%SZ")


def write_lines(path: Path, rows: Iterable[Row | str]) -> None:
    """JSON Lines; strings go in as they are."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write((row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)) + "\n")


def write_catalog(plan: Plan, folders: Folders, rows: list[Row], day: int, dirt: Dirt) -> None:
    """The day's catalog file."""
    spoilt = spoil_rows(plan, "catalog", rows, "item_id", day, dirt)
    write_lines(folders.file("catalog", plan.date_of(day)), spoilt)


def write_users(
    plan: Plan, folders: Folders, people: People, rows: Ints, items: list[str], day: int, dirt: Dirt
) -> None:
    """The day's sign-ups."""
    seconds = plan.stream("signup-times", day).integers(0, 86_400, len(rows))
    table: list[Row] = [
        {
            "user_id": f"U{row + 1:07d}",
            "signed_up_at": instant(plan.micros_of(int(people.signup_day[row])) + int(second) * 1_000_000),
            "country": COUNTRIES[int(people.country[row])],
            "locale": LOCALES[int(people.country[row])],
            "owned_item_id": items[int(people.owned[row])] if people.owned[row] >= 0 else "",
            "consent": "true" if people.consent[row] else "false",
        }
        for row, second in zip(rows.tolist(), seconds, strict=True)
    ]
    path = folders.file("users", plan.date_of(day))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, USER_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            row for row in spoil_rows(plan, "users", table, "user_id", day, dirt) if isinstance(row, dict)
        )


def numbered(letter: str, numbers: Ints, width: int) -> pa.Array:
    """`letter` and each number padded with zeros, as an Arrow string array."""
    digits = pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), width, "0")
    return pc.binary_join_element_wise(pa.scalar(letter), digits, "")


def write_events(plan: Plan, folders: Folders, events: Events, items: list[str], day: int, dirt: Dirt) -> int:
    """The day's events in order of time; gives how many rows were written."""
    events = events.where(np.lexsort((events.item, events.kind, events.user, events.at)))
    random = plan.stream("session-ids", day)
    tracked = (events.session >= 0) & (random.random(int(events.session.max(initial=0)) + 1) >= 0.05)[
        events.session
    ]
    sessions = numbered(f"S{day:04d}-", np.maximum(events.session, 0), 6)
    count = len(events)
    names = pa.array(EVENT_NAMES)
    table = pa.table(
        [
            numbered(f"E{day:04d}-", np.arange(count), 7),
            numbered("U", events.user + 1, 7),
            pa.array(items).take(pa.array(events.item)),
            names.take(pa.array(events.kind)),
            pa.array(events.value, from_pandas=True),
            pa.array(events.at).cast(EVENT_SCHEMA.field("occurred_at").type),
            pc.if_else(pa.array(tracked), sessions, pa.scalar(None, pa.string())),
            pa.nulls(count, pa.string()),
        ],
        schema=EVENT_SCHEMA,
    )
    table = spoil_events(plan, table, day, dirt)
    write_parquet(table, folders.file("events", plan.date_of(day)))
    return len(table)


def write_queries(plan: Plan, folders: Folders, queries: list[Query], day: int, dirt: Dirt) -> None:
    """The day's queries; their pictures and recordings are made where no earlier query had the same."""
    rows: list[Row] = []
    for number, query in enumerate(queries):
        row: Row = {
            "query_id": f"Q{day:04d}-{number:06d}",
            "user_id": f"U{query.user + 1:07d}",
            "text": query.text,
            "image_path": query.image[0] if query.image and plan.has_media else None,
            "audio_path": query.audio[0] if query.audio and plan.has_media else None,
            "occurred_at": instant(query.at),
        }
        if row["text"] or row["image_path"] or row["audio_path"]:
            rows.append(row)
        for medium in (query.image, query.audio):
            if medium and plan.has_media:
                write_media(folders, *medium)
    spoilt = spoil_rows(plan, "queries", rows, "query_id", day, dirt)
    write_lines(folders.file("queries", plan.date_of(day)), spoilt)


def write_media(folders: Folders, name: str, make: Callable[[], bytes]) -> None:
    """Write one media file unless it is there."""
    path = folders.media / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        partial.write_bytes(make())
        partial.replace(path)


def write_picture(folders: Folders, name: str, make: Callable[[], bytes], fate: float, dirt: Dirt) -> None:
    """Write a phone's picture; by its fate (uniform in 0…1) a few are missing or are not pictures."""
    if fate < BROKEN_PICTURES:
        dirt.count("media", "picture missing")
    elif fate < 2 * BROKEN_PICTURES:
        dirt.count("media", "picture is not a picture")
        write_media(folders, name, lambda: b"\xff\xd8 not a picture")
    else:
        write_media(folders, name, make)
