"""The landing files of a demo shop: messy spec sheets, bilingual queries, media, and counted bad rows."""

from __future__ import annotations

import csv
import io
import json
import re
import wave
from collections import Counter, defaultdict
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from PIL import Image

from handpick.demo.landing import DemoFolders

from .conftest import DAYS, LAST, rows_of

CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def events(shop_with_media: DemoFolders) -> pa.Table:
    """All events, bad ones included."""
    return pa.concat_tables(
        pq.read_table(file) for file in sorted((shop_with_media.landing / "events").glob("*"))
    )


@pytest.fixture(scope="module")
def bad_rows(shop_with_media: DemoFolders) -> dict[str, Counter[str]]:
    """Bad rows by source and kind, as the truth counts them."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for day in json.loads((shop_with_media.truth / "dirt.json").read_text()).values():
        for source, kinds in day.items():
            counted[source].update(kinds)
    return counted


def test_every_source_has_a_file_a_day_and_the_truth_lies_elsewhere(shop_with_media: DemoFolders) -> None:
    for source in ("catalog", "users", "events", "queries"):
        assert len(list((shop_with_media.landing / source).iterdir())) == DAYS
    assert not shop_with_media.truth.is_relative_to(shop_with_media.landing)
    expected = {path.name for path in shop_with_media.truth.iterdir()}
    assert {"plan.json", "items.parquet", "users.parquet", "dirt.json"} <= expected


def test_sheets_mix_units_and_have_holes(shop_with_media: DemoFolders) -> None:
    sheets = [row["specs"] for row in rows_of(shop_with_media, "catalog")]
    weights = " | ".join(sheet.get("weight", "") for sheet in sheets)
    sizes = " | ".join(sheet.get("size", "") for sheet in sheets)
    for unit in (" g ", " oz", " lb"):
        assert unit in weights, unit
    assert "inches" in sizes
    assert re.search(r"\d cm\b(?!2| 2)", sizes)
    keys = set().union(*sheets)
    holes = sum(len(keys) - len(sheet) for sheet in sheets) / (len(keys) * len(sheets))
    assert 0.03 < holes < 0.25


def test_phones_are_launched_every_day_and_prices_and_stock_change(shop_with_media: DemoFolders) -> None:
    seen: dict[str, list[dict[str, object]]] = defaultdict(list)
    for row in rows_of(shop_with_media, "catalog"):
        if "X" not in row["item_id"]:
            seen[row["item_id"]].append(row)
    launched = Counter(rows[0]["release_date"] for rows in seen.values())
    window = [date.fromordinal(LAST.toordinal() - back).isoformat() for back in range(DAYS)]
    assert all(launched[day] >= 1 for day in window)
    histories = [rows for rows in seen.values() if len(rows) > 1]
    assert any(rows[0]["price"] != rows[-1]["price"] for rows in histories)
    assert any(len({row["in_stock"] for row in rows}) == 2 for rows in histories)


def test_questions_come_in_both_languages_and_in_three_modalities(shop_with_media: DemoFolders) -> None:
    rows = rows_of(shop_with_media, "queries")
    typed = [row["text"] for row in rows if row["text"]]
    chinese = sum(bool(CHINESE.search(text)) for text in typed)
    assert 0 < chinese < len(typed)
    for medium in ("image_path", "audio_path"):
        assert sum(bool(row[medium]) for row in rows) > 5


def test_recordings_are_audible_and_pictures_can_be_seen(shop_with_media: DemoFolders) -> None:
    recordings = sorted((shop_with_media.media / "audio").glob("*.wav"))
    assert recordings
    for file in recordings:
        with wave.open(io.BytesIO(file.read_bytes())) as sound:
            samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype(float)
            assert (sound.getframerate(), sound.getnchannels()) == (16_000, 1)
        assert len(samples) > 8_000, file.name
        assert samples.std() > 100, f"{file.name} is silent"
    pictures = [path for path in (shop_with_media.media / "images").iterdir() if path.stat().st_size > 100]
    shades = set()
    for picture in pictures:
        with Image.open(picture) as opened:
            shades.add(opened.convert("RGB").resize((1, 1)).getpixel((0, 0)))
    assert len(shades) > len(pictures) / 4, "looks differ"


def test_bad_rows_are_in_the_files_as_often_as_the_truth_says(
    shop_with_media: DemoFolders, events: pa.Table, bad_rows: dict[str, Counter[str]]
) -> None:
    def count(condition: pa.ChunkedArray) -> int:
        return int(pc.sum(condition.fill_null(False)).as_py())

    expected = bad_rows["events"]
    assert count(pc.equal(events["event_type"], "telepathy")) == expected["unknown event type"] > 0
    assert count(pc.equal(events["item_id"], "P999999")) == expected["unknown item"] > 0
    assert count(pc.equal(events["user_id"], "U9999999")) == expected["unknown user"] > 0
    assert count(pc.is_null(events["user_id"])) == expected["missing user"] > 0
    assert len(events) - len(pc.unique(events["event_id"])) == expected["repeated event id"] > 0
    lines = broken = 0
    for file in sorted((shop_with_media.landing / "catalog").glob("*")):
        for line in file.read_text(encoding="utf-8").splitlines():
            lines += 1
            try:
                json.loads(line)
            except ValueError:
                broken += 1
    assert broken == bad_rows["catalog"]["broken JSON"] > 0
    nobody = sum(
        not row["user_id"]
        for file in (shop_with_media.landing / "users").glob("*")
        for row in csv.DictReader(file.open(encoding="utf-8"))
    )
    assert nobody == bad_rows["users"]["missing user id"] > 0


def test_some_purchases_come_back_and_others_are_rated_after_days(events: pa.Table) -> None:
    by_kind: dict[str, dict[tuple[str, str], object]] = defaultdict(dict)
    for row in events.to_pylist():
        by_kind[row["event_type"]].setdefault((row["user_id"], row["item_id"]), row["occurred_at"])
    bought = by_kind["purchase"]
    for kind in ("return", "rating"):
        followed = [pair for pair in by_kind[kind] if pair in bought]
        assert followed, kind
    for pair in set(by_kind["return"]) & set(bought):
        assert by_kind["return"][pair] > bought[pair]  # type: ignore[operator]


def test_what_stands_higher_is_opened_more_often(events: pa.Table) -> None:
    shown: Counter[int] = Counter()
    opened: Counter[int] = Counter()
    views = {
        (row["session_id"], row["item_id"])
        for row in events.to_pylist()
        if row["event_type"] == "view" and row["session_id"]
    }
    for row in events.to_pylist():
        if row["event_type"] == "impression" and row["session_id"]:
            shown[int(row["value"])] += 1
            opened[int(row["value"])] += (row["session_id"], row["item_id"]) in views
    top, bottom = (
        sum(opened[place] for place in places) / sum(shown[place] for place in places)
        for places in ((1, 2), (6, 7, 8))
    )
    assert top > 1.2 * bottom
