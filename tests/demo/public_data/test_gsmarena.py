"""The scraped catalogue becomes landing rows, and every row that is left out is counted."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from handpick.demo.public_data.gsmarena import import_gsmarena
from handpick.errors import InputError

REAL = Path(__file__).parents[4] / "shared" / "data" / "phones" / "gsmarena.csv"
PHONE = {
    "name": "Nuvo Aria 7",
    "url": "https://phones.example/nuvo_aria_7-1234.php",
    "announced": "2021, August. Released 2021, September",
    "status": "Available. Released 2021, September 24",
    "price": "£ 349.00 / € 451.20",
    "weight": "189 g (6.67 oz)",
    "colors": 'Black, "Ice" blue',
    "timestamp": "2021-10-18T22:38:10Z",
}


def scraped(folder: Path, *phones: dict[str, str]) -> Path:
    """A scraped CSV with these phones."""
    file = folder / "scraped.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(PHONE))
        writer.writeheader()
        writer.writerows(phones)
    return file


def rows_of(file: Path) -> list[dict[str, Any]]:
    """The rows of a JSON Lines file."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_brand_date_price_and_stock_come_from_free_text_and_the_sheet_stays_raw(tmp_path: Path) -> None:
    file, flow = import_gsmarena(scraped(tmp_path, PHONE), tmp_path / "landing", "EUR")
    (row,) = rows_of(file)
    assert file.name == "catalog-2021-10-18.jsonl"
    assert (flow.rows_in, flow.rows_out) == (1, 1)
    assert (row["item_id"], row["title"], row["brand"]) == ("gsmarena-1234", "Nuvo Aria 7", "Nuvo")
    assert (row["price"], row["currency"], row["release_date"]) == (451.2, "EUR", "2021-09-24")
    assert row["in_stock"] is True
    sheet = json.loads(row["specs"])
    assert sheet["weight"] == PHONE["weight"]
    assert sheet["colors"] == PHONE["colors"]
    assert sheet["price"] == PHONE["price"]


def test_every_row_that_is_left_out_has_a_reason(tmp_path: Path) -> None:
    phones = [PHONE, PHONE | {"weight": "1 g"}, PHONE | {"name": " ", "url": ""}]
    file, flow = import_gsmarena(scraped(tmp_path, *phones), tmp_path / "landing", "EUR")
    assert flow.rows_in == 3
    assert flow.dropped == {"phone without a name": 1, "same page again": 1}
    assert [json.loads(row["specs"])["weight"] for row in rows_of(file)] == [PHONE["weight"]]


def test_a_file_that_is_something_else_is_refused_in_one_line(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="no column name; it has a, b"):
        import_gsmarena(other, tmp_path / "landing", "EUR")
    with pytest.raises(InputError, match="--date"):
        import_gsmarena(scraped(tmp_path, PHONE | {"timestamp": ""}), tmp_path / "landing", "EUR")
    assert not (tmp_path / "landing").exists()
    _, flow = import_gsmarena(
        scraped(tmp_path, PHONE | {"timestamp": ""}), tmp_path / "landing", "EUR", date(2021, 10, 1)
    )
    assert flow.rows_out == 1


@pytest.mark.skipif(not REAL.is_file(), reason=f"{REAL} is not there")
def test_of_the_real_catalogue_nothing_is_lost(tmp_path: Path) -> None:
    file, flow = import_gsmarena(REAL, tmp_path, "EUR")
    rows = rows_of(file)
    assert (flow.rows_in, flow.rows_out, flow.rows_dropped) == (4508, 4508, 0)
    assert len({row["item_id"] for row in rows}) == 4508
    assert {row["brand"] for row in rows} >= {"Samsung", "alcatel", "BlackBerry", "Google"}
    stated = [row for row in rows if "price" in json.loads(row["specs"])]
    assert sum(row["price"] is None for row in stated) == 1, "the one that is stated in BTC"
    undated = [row for row in rows if row["release_date"] is None]
    assert all(
        json.loads(row["specs"])["status"] == "Cancelled"
        or not any(digit.isdigit() for digit in json.loads(row["specs"]).get("announced", ""))
        for row in undated
    )
