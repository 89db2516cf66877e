"""A night on real phones: a scraped catalogue, simulated shoppers, and every stage up to the lists."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pytest import TempPathFactory
from typer.testing import CliRunner

from handpick.cli.main import app
from handpick.demo.ground_truth import CATALOGUE_FILE
from handpick.errors import NightStopped
from handpick.night import Night
from handpick.pipeline.registry import list_nightly_names
from handpick.pipeline.runner import run_stage
from handpick.settings.load import load
from models.encoders.encoder_names import MINILM

REAL = Path(__file__).parents[3] / "shared" / "data" / "phones" / "gsmarena.csv"
BEFORE_THE_GATE = list_nightly_names(through="evaluate")
NIGHT = date(2021, 10, 15)
OLD_PHONES, NEW_PHONES = 120, 180
SMALL = f"""
[embed]
text = ["{MINILM}"]
[family]
members = ["popularity", "freshness", "als", "item_cosine", "content"]
hybrids = []
[training]
epochs = 3
"""
"""Fewer encoders, members and epochs than by default: what is tested is the flow."""

pytestmark = pytest.mark.skipif(
    not REAL.is_file(), reason=f"{REAL} is not there: no real catalogue to run on"
)


def some_real_phones(target: Path) -> int:
    """A scrape of the oldest and the newest phones of the real one; gives how many."""
    with REAL.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
        columns = list(reader.fieldnames or ())
    available = [row for row in rows if row["status"].startswith("Available")]
    discontinued = [row for row in rows if not row["status"].startswith("Available")]
    newest = sorted(available, key=lambda row: _launch(row["status"]), reverse=True)[:NEW_PHONES]
    chosen = [*discontinued[:: len(discontinued) // OLD_PHONES], *newest]
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(chosen)
    return len(chosen)


def _launch(status: str) -> date:
    from handpick.demo.public_data.spec_patterns import parse_first_date

    return parse_first_date(status) or date.min


@pytest.fixture(scope="module")
def night(tmp_path_factory: TempPathFactory) -> Night:
    """The night after shoppers were put on some of the real phones."""
    home = tmp_path_factory.mktemp("real")
    (home / "handpick.toml").write_text(SMALL)
    scraped = home / "scraped.csv"
    count = some_real_phones(scraped)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HANDPICK_CONFIG", str(home / "handpick.toml"))
        told = _handpick("import", "gsmarena", str(scraped), "--out", str(home / "imported"))
        assert f"catalog: {count} rows in, {count} out" in told
        (catalog,) = (home / "imported" / "catalog").iterdir()
        end = ("--end-date", NIGHT.isoformat())
        _handpick("demo", "--rung", "XS", "--days", "24", "--no-media", "--catalog", str(catalog), *end)
        night = Night(load(), NIGHT)
        for stage in BEFORE_THE_GATE:
            run_stage(stage, night)
        with suppress(NightStopped):
            run_stage("gate", night)
        why = ("--why", "thirty test users prove no gain")
        _handpick("override", "--date", NIGHT.isoformat(), "--who", "the tests", *why)
        for stage in ("gate", "score"):
            run_stage(stage, night)
    return night


def _handpick(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def rows(night: Night, table: str) -> list[dict[str, Any]]:
    """The night's rows of a table."""
    found: list[dict[str, Any]] = night.lake.read(table, night.logical_date).to_pylist()
    return found


def test_no_real_phone_is_lost_without_a_reason(night: Night) -> None:
    sold = {row["item_id"] for row in _owners_rows(night) if (row["release_date"] or "") <= NIGHT.isoformat()}
    assert len(sold) > 250
    listed = {row["item_id"] for row in rows(night, "marts/dim_item")}
    assert sold <= listed
    assert all(item.startswith("gX") for item in listed - sold), "copies that were spoilt on purpose"
    for result in night.results():
        for flow in result.flows:
            assert flow.rows_in == flow.rows_out + flow.rows_dropped, (result.stage, flow.source)
    spoilt = Counter[str]()
    truth = night.settings.path(night.settings.lake.truth)
    for day in json.loads((truth / "dirt.json").read_text()).values():
        spoilt.update(day.get("catalog", {}))
    (catalog,) = (flow for flow in night.result("validate").flows if flow.source == "catalog")
    assert 0 < catalog.rows_dropped <= sum(spoilt.values()), "only rows that were spoilt on purpose"


def test_launch_dates_prices_and_specs_are_numbers(night: Night) -> None:
    phones = {row["item_id"]: row for row in rows(night, "clean/items")}
    for own in _owners_rows(night):
        phone = phones.get(own["item_id"])
        if phone is None:
            continue
        assert str(phone["release_date"] or "") == (own["release_date"] or "")
        assert (phone["price"] is None) == (own["price"] is None), own["title"]
    on_sale = [row for row in phones.values() if row["is_in_stock"]]
    for figure in ("display_inches", "battery_mah", "weight_g", "main_camera_mp", "ram_gb"):
        told = sum(row[figure] is not None for row in on_sale)
        assert told > 0.85 * len(on_sale), figure


def test_everybody_gets_a_list_of_real_phones_that_are_on_sale(night: Night) -> None:
    on_sale = {row["item_id"] for row in rows(night, "clean/items") if row["is_in_stock"]}
    lists: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows(night, "lists/recommendations"):
        lists.setdefault(row["user_id"], []).append(row)
    assert len(lists) > 100
    for listed in lists.values():
        assert {row["item_id"] for row in listed} <= on_sale
        assert sorted(row["rank"] for row in listed) == list(range(1, len(listed) + 1))


def test_the_night_is_measured_against_the_oracle_without_any_picture(night: Night) -> None:
    assert not any(row["image_path"] for row in rows(night, "clean/items"))
    folder = night.lake.partition("evaluation", night.logical_date)
    members = set(pq.read_table(folder / "metrics.parquet")["member"].to_pylist())
    assert {"fusion", "popularity", "oracle"} <= members


def _owners_rows(night: Night) -> list[dict[str, Any]]:
    """The catalogue as it was given to the shop."""
    truth = night.settings.path(night.settings.lake.truth)
    return [json.loads(line) for line in (truth / CATALOGUE_FILE).read_text(encoding="utf-8").splitlines()]
