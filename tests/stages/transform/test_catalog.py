"""The catalogue: prices, names, variants of one phone, the newest row, and the history of price and stock."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from handpick.contracts import CONTRACTS
from handpick.runtime.dataframes import DataFrame
from handpick.stages.transform import catalog, prices, queries, users

from .conftest import FIRST, SECOND, Frames, collect, moment, phone

RATES = {"USD": 0.92, "GBP": 1.17}


def valid(frames: Frames, source: str, *rows: dict[str, Any]) -> DataFrame:
    """Valid rows of a source."""
    schema = CONTRACTS[source].arrow_schema()
    located = [{"_source_file": "a.csv", "_source_line": line, **row} for line, row in enumerate(rows, 2)]
    return frames.make([tuple(row.get(name) for name in schema.names) for row in located], schema)


def tonight(frames: Frames, *rows: dict[str, Any], day: date = FIRST) -> DataFrame:
    found = catalog.normalize_catalog(valid(frames, "catalog", *rows), day, "EUR", RATES, {})
    return frames.make([tuple(row.values()) for row in found.to_pylist()], found.schema)


def test_prices_are_in_the_shops_currency_or_unknown(frames: Frames) -> None:
    stated = {"p01": ("USD", 92.0), "p02": ("eur", 100.0), "p03": (None, 100.0), "p04": ("XXX", None)}
    rows = [
        phone(1, FIRST) | {"item_id": name, "currency": money, "price": 100.0}
        for name, (money, _) in stated.items()
    ]
    found = {row.item_id: (row.price, row.currency_stated) for row in collect(tonight(frames, *rows))}
    assert {name: price for name, (price, _) in found.items()} == {name: p for name, (_, p) in stated.items()}
    assert found["p02"][1] == found["p03"][1] == "EUR"


@pytest.mark.parametrize(
    ("title", "brand", "line", "generation"),
    [
        ("Nuvo Aria 12 Pro 128GB", "Nuvo", "Aria Pro", 12),
        ("Nuvo Aria 12 Pro (8GB/256 GB, Dual SIM)", "Nuvo", "Aria Pro", 12),
        ("Nuvo Aria 12 Pro 5G Starry Black", None, None, 12),
        ("Sony Xperia 1 IV", "Sony", "Xperia", 4),
        ("iPhone 6s Plus", "Apple", "iPhone s Plus", 6),
        ("Orbis Mix", "Orbis", "Mix", None),
    ],
)
def test_a_titles_line_and_generation_are_read(
    frames: Frames, title: str, brand: str | None, line: str | None, generation: int | None
) -> None:
    (row,) = collect(tonight(frames, phone(1, FIRST, title=title, brand=brand)))
    assert row.generation == generation
    if line == "Xperia":
        assert row.model_line.startswith("Xperia")
    elif line:
        assert row.model_line == line


def test_versions_of_one_phone_share_a_group_and_other_phones_do_not(frames: Frames) -> None:
    titles = ["Nuvo Aria 12 128GB Black", "Nuvo Aria 12 256GB, Blue", "Nuvo Aria 12 Pro", "Nuvo Aria 13"]
    rows = [phone(1, FIRST, title=title, brand="Nuvo") | {"item_id": title} for title in titles]
    groups = [row.variant_group_id for row in collect(tonight(frames, *rows), "item_id")]
    assert groups[0] == groups[1]
    assert len(set(groups)) == 3


def test_the_shops_own_column_of_models_goes_before_the_titles(frames: Frames) -> None:
    named = {
        "Nuvo Aria 12": "a",
        "Nuvo Aria Twelve": "a",
        "Nuvo Aria 12 128GB": "b",
        "Nuvo Aria 12 Blue": None,
    }
    rows = [
        phone(1, FIRST, title=name, brand="Nuvo") | {"item_id": name, "model_id": key}
        for name, key in named.items()
    ]
    groups = {row.item_id: row.variant_group_id for row in collect(tonight(frames, *rows))}
    assert groups["Nuvo Aria 12"] == groups["Nuvo Aria Twelve"] == "id:a"
    assert len({groups[name] for name in named}) == 3


def test_the_newest_row_of_a_phone_wins_and_its_first_sighting_stays(frames: Frames) -> None:
    first = tonight(
        frames,
        phone(1, FIRST, price=100.0, updated_at=moment(FIRST, 2)),
        phone(1, FIRST, price=90.0, updated_at=moment(FIRST, 1)),
        phone(2, FIRST),
    )
    assert {row.item_id: row.price for row in collect(first)} == {"p01": 100.0, "p02": 220.0}
    later = tonight(
        frames,
        phone(1, SECOND, price=80.0),
        phone(2, SECOND, price=1.0, updated_at=moment(FIRST - timedelta(days=1))),
        phone(3, SECOND),
        day=SECOND,
    )
    found = {
        row.item_id: (row.price, row.first_seen_date)
        for row in collect(catalog.update_catalog_snapshot(first, later))
    }
    assert found == {"p01": (80.0, FIRST), "p02": (220.0, FIRST), "p03": (230.0, SECOND)}


def test_the_content_hash_changes_with_content_and_with_nothing_else(frames: Frames) -> None:
    def content(**changes: Any) -> str:
        (row,) = collect(tonight(frames, phone(1, FIRST, **changes)))
        return str(row.content_hash)

    plain = content()
    assert content(price=1.0, in_stock=False, updated_at=moment(FIRST, 5)) == plain
    assert len({plain, content(title="Other"), content(description="New"), content(specs="{}")}) == 4


def changes(frames: Frames, previous: DataFrame | None, *rows: dict[str, Any]) -> list[Any]:
    states = prices.select_offers(valid(frames, "catalog", *rows), "EUR", RATES)
    return [
        (row.item_id, row.price, row.is_in_stock, row.valid_from.hour)
        for row in collect(prices.select_offer_changes(previous, states), "item_id", "valid_from")
    ]


def test_the_history_of_price_and_stock_has_a_row_for_every_change_only(frames: Frames) -> None:
    day = [
        phone(1, FIRST, price=100.0, updated_at=moment(FIRST, 1)),
        phone(1, FIRST, price=100.0, title="Renamed", updated_at=moment(FIRST, 2)),
        phone(1, FIRST, price=90.0, updated_at=moment(FIRST, 3)),
        phone(1, FIRST, price=90.0, in_stock=False, updated_at=moment(FIRST, 4)),
    ]
    assert changes(frames, None, *day) == [
        ("p01", 100.0, True, 1),
        ("p01", 90.0, True, 3),
        ("p01", 90.0, False, 4),
    ]


def test_a_row_out_of_date_changes_no_price_and_an_unchanged_one_adds_nothing(frames: Frames) -> None:
    before = tonight(frames, phone(1, FIRST, price=90.0, updated_at=moment(FIRST, 5)))
    old = phone(1, FIRST, price=50.0, updated_at=moment(FIRST, 2))
    same = phone(1, SECOND, price=90.0, updated_at=moment(SECOND, 1))
    new = phone(1, SECOND, price=80.0, updated_at=moment(SECOND, 2))
    assert changes(frames, before, old, same, new) == [("p01", 80.0, True, 2)]


def test_customers_are_as_they_last_said_and_known_since_their_first_night(frames: Frames) -> None:
    def row(number: int, **changes: Any) -> dict[str, Any]:
        return {"user_id": f"u{number}", "signed_up_at": moment(FIRST), "consent": True, **changes}

    first = users.normalize_users(
        valid(
            frames, "users", row(1, country="de", locale="en_GB"), row(2, consent=False, owned_item_id=" p1 ")
        ),
        FIRST,
    )
    later = users.normalize_users(valid(frames, "users", row(1, country="fr"), row(3)), SECOND)
    found = {row.user_id: row for row in collect(users.update_user_snapshot(first, later))}
    assert (found["u1"].country, found["u1"].locale, found["u1"].first_seen_date) == ("FR", None, FIRST)
    assert (found["u2"].is_consented, found["u2"].owned_item_id) == (False, "p1")
    assert found["u3"].first_seen_date == SECOND


def test_the_registration_of_a_customer_taken_from_a_log_never_moves_to_a_later_night(frames: Frames) -> None:
    def seen(day: date) -> DataFrame:
        row = {"user_id": "u1", "signed_up_at": moment(day), "consent": True}
        return users.normalize_users(valid(frames, "users", row), day)

    for is_from_log, expected in ((True, FIRST), (False, SECOND)):
        (row,) = collect(users.update_user_snapshot(seen(FIRST), seen(SECOND), is_from_log=is_from_log))
        assert row.signed_up_at == moment(expected)


def test_questions_are_tidied_and_blank_ones_are_nothing(frames: Frames) -> None:
    asked = {"user_id": "u1", "occurred_at": moment(FIRST), "audio_path": "a.wav"}
    rows = valid(
        frames,
        "queries",
        {**asked, "query_id": "q1", "text": " a\u00a0small  phone "},
        {**asked, "query_id": "q2", "text": " "},
    )
    found = {row.query_id: (row.text, row.audio_path) for row in collect(queries.normalize_queries(rows))}
    assert found == {"q1": ("a small phone", "a.wav"), "q2": (None, "a.wav")}
