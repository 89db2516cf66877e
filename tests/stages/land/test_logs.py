"""Logs without a catalogue or a header, and free texts that hold days and prices in several currencies."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handpick.night import Night
from handpick.settings.load import load
from handpick.stages.land.dates_in_text import find_first_day
from handpick.stages.land.derived_columns import keep_one_per_key
from handpick.stages.land.number_inference import infer_numbers
from handpick.stages.land.proposed_settings import render_settings
from handpick.stages.land.public import run
from handpick.stages.land.source_discovery import discover_sources

DAY = date(2026, 1, 10)
LOG = """event_time,event_type,product_id,category_code,brand,price,user_id
2026-01-10 09:00:00 UTC,view,p1,electronics.smartphone,orbis,249.00,u2
2026-01-10 07:00:00 UTC,view,p1,electronics.smartphone,orbis,259.00,u1
2026-01-10 08:00:00 UTC,purchase,p2,electronics.tablet,nuvo,399.00,u1
2026-01-10 06:00:00 UTC,view,p2,electronics.tablet,nuvo,389.00,u2
"""


def land(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Night:
    """The night that lands a folder with the settings that `init` proposes."""
    settings = folder / "handpick.toml"
    found, rest = discover_sources(str(folder))
    settings.write_text(render_settings(found, str(folder), rest))
    monkeypatch.setenv("HANDPICK_CONFIG", str(settings))
    night = Night(load(lake={"root": folder / "lake"}), DAY)
    run(night)
    return night


def test_phones_and_customers_are_taken_from_a_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "2019-Oct.csv").write_text(LOG)
    night = land(tmp_path, monkeypatch)
    phones = {row["item_id"]: row for row in night.lake.read("raw/catalog", DAY).to_pylist()}
    # The newest row of a phone, and a customer's earliest, whichever lines they are on.
    assert {item: row["price"] for item, row in phones.items()} == {"p1": "249.00", "p2": "399.00"}
    assert phones["p2"]["title"] == "nuvo electronics.tablet p2"
    assert "electronics.tablet" in phones["p2"]["specs"]
    users = {row["user_id"]: row["signed_up_at"] for row in night.lake.read("raw/users", DAY).to_pylist()}
    assert users == {"u1": "2026-01-10T07:00:00.000000Z", "u2": "2026-01-10T06:00:00.000000Z"}
    assert any("no catalogue was found" in question for question in night.settings.sources.catalog.questions)


def test_a_log_without_a_header_is_read_and_its_names_are_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "UserBehavior.csv").write_text(
        "1,2268318,2520377,pv,1511544070\n1,2333346,2520771,buy,1511561733\n7,2268318,2520377,cart,1511572885\n"
    )
    night = land(tmp_path, monkeypatch)
    rows = night.lake.read("raw/events", DAY).to_pylist()
    assert [(row["user_id"], row["item_id"], row["event_type"]) for row in rows] == [
        ("1", "2268318", "view"), ("1", "2333346", "purchase"), ("7", "2268318", "cart"),
    ]  # fmt: skip
    assert rows[0]["occurred_at"] == "2017-11-24T17:21:10.000000Z"
    assert [row["_source_line"] for row in rows] == [1, 2, 3]
    assert any("no header line" in question for question in night.settings.sources.events.questions)


def test_a_file_with_a_header_keeps_it_though_models_are_numbers(tmp_path: Path) -> None:
    (tmp_path / "phones.csv").write_text("id,name,price,year\n1,3310,59,2000\n2,8210,99,1999\n")
    (found,), _ = discover_sources(str(tmp_path))
    assert (found.rows, found.mapping.header) == (2, [])


def test_a_log_of_other_products_is_not_read_and_said(tmp_path: Path) -> None:
    rows = "".join(f"q{number % 12},u{number % 5},{number % 5 + 1},1767945600\n" for number in range(40))
    (tmp_path / "items.csv").write_text(
        "id,title,price\n" + "".join(f"p{n},Aria {n},{n}9\n" for n in range(30))
    )
    (tmp_path / "reviews.csv").write_text("asin,reviewerID,overall,unixReviewTime\n" + rows)
    found, _ = discover_sources(str(tmp_path))
    assert [proposal.source for proposal in found] == ["catalog"]
    assert any("log of other products" in question for question in found[0].mapping.open_questions)


@pytest.mark.parametrize("delimiter", ["#", "\t", ":", "§"])
def test_header_and_delimiter_can_be_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, delimiter: str
) -> None:
    rows = [("p1", "Orbis #1" if delimiter != "#" else "Orbis 1", "249"), ("p2", "Two\nlines", "99")]
    text = "".join(delimiter.join(f'"{value}"' for value in row) + "\n" for row in rows)
    (tmp_path / "catalog.csv").write_text(text)
    (tmp_path / "handpick.toml").write_text(
        f'[sources.catalog]\npath = "{tmp_path}/catalog.csv"\ndelimiter = "{delimiter}"\n'
        'header = ["item_id", "title", "price"]\n'
        'constants = { in_stock = "true", updated_at = "2026-01-09T00:00:00Z" }\n'
        + "".join(f'[sources.{source}]\nneeded = "never"\n' for source in ("users", "events", "queries"))
    )
    monkeypatch.setenv("HANDPICK_CONFIG", str(tmp_path / "handpick.toml"))
    night = Night(load(lake={"root": tmp_path / "lake", "landing": tmp_path / "landing"}), DAY)
    run(night)
    landed = night.lake.read("raw/catalog", DAY).to_pylist()
    assert [(row["item_id"], row["title"], row["price"]) for row in landed] == rows


TEXTS = {
    "Released 2019, March": "2019-03-01",
    "2010, January. Released 2010, March": "2010-01-01",
    "Q3 2024": "2024-07-01",
    "2007, Q2": "2007-04-01",
    "2024年9月": "2024-09-01",
    "2024年9月20日上市": "2024-09-20",
    "2024年第三季度": "2024-07-01",
    "3er trimestre de 2024": "2024-07-01",
    "3. Quartal 2023": "2023-07-01",
    "III квартал 2024": "2024-07-01",
    "март 2024": "2024-03-01",
    "15 марта 2024 г.": "2024-03-15",
    "Lanzado el 5 de marzo de 2023": "2023-03-05",
    "Launched 12th Sept 2023 in India": "2023-09-12",
    "Exp. release 2021, October 19": "2021-10-19",
    "2024Q3": "2024-07-01",
    "09/2024": "2024-09-01",
    "03/04/2024": None,
    "Not announced yet": None,
    "2000 mAh": None,
}


@pytest.mark.parametrize("text", TEXTS)
def test_the_first_day_of_a_text_is_found(text: str) -> None:
    assert find_first_day(text) == TEXTS[text]


@given(st.dates(date(1990, 1, 1), date(2035, 1, 1)), st.sampled_from(["Released ", "", "Launched on "]))
def test_written_days_are_read_back(day: date, before: str) -> None:
    for form in ("%Y, %B %d", "%d %B %Y", "%B %d, %Y", "%Y年%m月%d日", "%Y-%m-%d", "%d %b %Y"):
        assert find_first_day(before + day.strftime(form)) == day.isoformat(), form


@given(st.text(max_size=40))
def test_any_text_has_a_day_or_none(text: str) -> None:
    found = find_first_day(text)
    assert found is None or date.fromisoformat(found).year >= 1970


def test_of_prices_in_several_currencies_one_currencys_are_taken() -> None:
    texts = [f"$ {price}.00 / € {price - 10}.40 / £ {price - 30}.31" for price in range(100, 180)]
    found = infer_numbers(
        [*texts, *(f"About {price} EUR" for price in range(50, 70)), "$ 158.16 / £ 299.00", "€ 7"]
    )
    assert found.currency == "EUR"
    taken = pa.array(texts, pa.string())
    from handpick.stages.land.derived_columns import extract_pattern

    values = extract_pattern(pa.chunked_array([taken]), found.pattern, "price", is_number=True).to_pylist()
    assert values == [f"{price - 10}.40" for price in range(100, 180)]
    # A sole amount in dollars is no amount in euros: it is taken, as one in dollars, and asked about.
    assert found.foreign == ("$ 158.16 / £ 299.00",)
    alone = extract_pattern(
        pa.chunked_array([["$ 158.16", "£ 299.00 / $ 1", "About 7 EUR"]]),
        found.pattern,
        "price",
        is_number=True,
    )
    assert alone.to_pylist() == ["158.16", "299.00", "7"]


@pytest.mark.parametrize(
    ("texts", "currencies"),
    [
        (["₹12,999", "₹8,499", "$199", "9,999"], ["INR", "INR", "USD", "INR"]),
        (["$ 120 / € 110", "$ 130 / € 120", "$ 7 / £ 5", "About 90 EUR"], ["EUR", "EUR", "USD", "EUR"]),
        (["£5 / $7", "€ 110", "€ 120 / $ 130", "€ 99"], ["GBP", "EUR", "EUR", "EUR"]),
        (["R$ 1.299,00", "R$ 999,00"], ["BRL", "BRL"]),
        (["249,500 DT", "299,000 DT"], ["TND", "TND"]),
        (["71 490 сом", "8 900 сом"], ["KGS", "KGS"]),
    ],
)
def test_a_price_in_another_currency_is_landed_as_such_and_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, texts: list[str], currencies: list[str]
) -> None:
    rows = [f'p{n:02},Nuvo Aria {n},"{texts[n % len(texts)]}"' for n in range(5 * len(texts))]
    (tmp_path / "catalog.csv").write_text("\n".join(["id,name,price", *rows]), encoding="utf-8")
    (found,), _ = discover_sources(str(tmp_path))
    landed = land(tmp_path, monkeypatch).lake.read("raw/catalog", DAY)
    assert landed["currency"].to_pylist()[: len(texts)] == currencies
    assert all(value.replace(".", "").isdigit() for value in landed["price"].to_pylist())
    if currencies[0] == "TND":
        assert float(landed["price"][0].as_py()) == 249.5
    asked = any("counts only with its rate" in question for question in found.mapping.open_questions)
    assert asked == (len(set(currencies)) > 1)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 99)), max_size=30))
def test_the_earliest_or_the_newest_row_of_each_key_is_kept(pairs: list[tuple[str, int]]) -> None:
    rows = pa.table(
        {
            "key": pa.chunked_array([pa.array([key for key, _ in pairs], pa.string())]),
            "at": pa.chunked_array(
                [pa.array([f"20{year:02}-01-01 00:00:00" for _, year in pairs], pa.string())]
            ),
        }
    )
    for seen, choose in ((set[str](), min), (None, max)):
        kept = keep_one_per_key(rows, "key", "at", seen).to_pylist()
        years = {row["key"]: int(row["at"][2:4]) for row in kept}
        assert years == {key: choose(year for one, year in pairs if one == key) for key, _ in pairs}
        assert len(kept) == len(years)
        assert all(one != other for one, other in pairwise(sorted(row["key"] for row in kept)))
