"""`handpick init` on exports of shops with their own names, formats and databases."""

from __future__ import annotations

import json
import sqlite3
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from handpick.cli.main import app
from handpick.errors import InputError
from handpick.night import Night
from handpick.settings.load import Settings
from handpick.stages.land import run as land

DAY = date(2026, 3, 1)


def initialised(place: str, home: Path) -> tuple[Night, dict[str, Any], str]:
    """The night over what `init` proposed, the proposed sources, and the file's text."""
    file = home / "handpick.toml"
    CliRunner().invoke(app, ["init", place, "--out", str(file)], catch_exceptions=False)
    text = file.read_text()
    proposed = tomllib.loads(text)
    return Night(Settings(home=home, **proposed), DAY), proposed["sources"], text


def test_a_german_shop_with_semicolons_umlauts_and_comma_prices(tmp_path: Path) -> None:
    dump = tmp_path / "dump"
    dump.mkdir()
    (dump / "Artikelstamm.csv").write_text(
        "Artikelnr;Bezeichnung;Hersteller;Preis (brutto);Verfügbar;Erscheinungsdatum;Geändert am\n"
        "A-1;Größe 1;Nokla;1.299,00 €;ja;24.12.2025;01.03.2026 01:15\n"
        'A-2;"Größe\n2";Nokla;99,90 €;nein;13.01.2025;01.03.2026 01:15\n',
        encoding="cp1252",
    )
    (dump / "Kunden.csv").write_text(
        "Kundennummer;Registriert am;Land;Einwilligung\n7;24.12.2024 10:00;DE;J\n8;24.12.2024 10:00;AT;N\n"
    )
    click = {"id": "k1", "kunde": 7, "artikel": "A-1", "aktion": "Warenkorb", "zeitpunkt": 1772355600000}
    (dump / "klicks.jsonl").write_text(json.dumps(click) + "\n")
    (dump / "suchen.csv").write_text(
        "lfd,kunde,suchtext,zeit\n1,7,handy,2026-03-01 09:00:00\n", encoding="utf-8-sig"
    )
    night, _, text = initialised(str(dump), tmp_path)
    land(night)
    items = night.lake.read("raw/catalog", DAY).to_pylist()
    assert [(row["item_id"], row["price"], row["currency"], row["in_stock"], row["release_date"]) for row in items] == [
        ("A-1", "1299.00", "EUR", "true", "2025-12-24"), ("A-2", "99.90", "EUR", "false", "2025-01-13"),
    ]  # fmt: skip
    (event,) = night.lake.read("raw/events", DAY).to_pylist()
    assert (event["user_id"], event["event_type"], event["occurred_at"][:19]) == (
        "7",
        "cart",
        "2026-03-01T09:00:00",
    )
    assert night.lake.read("raw/queries", DAY).column("text").to_pylist() == ["handy"]
    assert "states no time zone and is read as UTC" in text


def test_a_database_with_prices_in_cents_and_stock_in_pieces(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    with sqlite3.connect(tmp_path / "shop.db") as shop:
        shop.executescript(
            """create table products(sku text, name text, price_cents int, currency_code text, qty_available int,
                 last_modified text);
               insert into products values('S1', 'One', 12999, 'USD', 3, '2026-03-01 02:00:00'),
                 ('S2', 'Two', 5000, 'USD', 0, '2026-03-01 02:00:00');
               create table customers(customer_id int, created_at text, gdpr_consent int);
               insert into customers values(1, '2024-05-01 10:00:00', 1);
               create table "order"(event_uuid text, customer_id int, sku text, action text, ts text);
               insert into "order" values('e1', 1, 'S1', 'order', '2026-03-01 03:00:00'),
                 ('e2', 1, 'S1', 'order', '2026-03-05 03:00:00');
               create table staff(badge int);"""
        )
    night, found, text = initialised(url, tmp_path)
    assert found["events"]["query"] == 'select * from "order" where ts >= :late and ts < :until'
    assert "# Not matched: table staff (badge)" in text
    land(night)
    items = night.lake.read("raw/catalog", DAY).to_pylist()
    assert [(row["price"], row["in_stock"]) for row in items] == [("129.99", "true"), ("50", "false")]
    assert night.lake.read("raw/events", DAY).column("event_id").to_pylist() == ["e1"]


def test_a_log_without_ids_or_customers_and_dates_that_may_be_either(tmp_path: Path) -> None:
    dump = tmp_path / "dump"
    dump.mkdir()
    phone = {"productId": 1, "productName": "One", "listPrice": "$1,299.99", "availability": "Discontinued"}
    (dump / "phones.json").write_text(
        json.dumps({"data": [{**phone, "modified": "2026-03-01T03:00:00+02:00"}]})
    )
    rows = [
        {"uid": "a", "pid": 1, "type": kind, "timestamp": f"2026-03-01 0{hour}:00:00"}
        for hour, kind in enumerate(["click", "refund"])
    ]
    pq.write_table(pa.Table.from_pylist(rows), dump / "interactions.parquet")
    (dump / "q.json").write_text(
        json.dumps([{"qid": 1, "uid": "a", "query": "ph", "at": "03/01/2026 10:00"}])
    )
    night, found, text = initialised(str(dump), tmp_path)
    assert found["events"]["hashed"] == ["event_id"]
    assert found["users"]["first_per_key"]
    assert found["catalog"]["constants"]["currency"] == "USD"
    assert "the month first" in text  # a question, and no guess
    assert "times" not in found["queries"]
    land(night)
    assert night.lake.read("raw/users", DAY).column("user_id").to_pylist() == ["a"]
    assert night.lake.read("raw/events", DAY).column("event_type").to_pylist() == ["view", "return"]
    assert night.lake.read("raw/catalog", DAY).column("price").to_pylist() == ["1299.99"]


def test_a_folder_in_which_nothing_looks_like_a_shop_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "weather.csv").write_text("mm,wind\n1,2\n")
    with pytest.raises(InputError, match=r"nothing in .* looks like .*mm, wind"):
        CliRunner().invoke(
            app, ["init", str(tmp_path), "--out", str(tmp_path / "handpick.toml")], catch_exceptions=False
        )
    assert not (tmp_path / "handpick.toml").exists()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mysql://shop:secret@127.0.0.1:1/shop", "needs the Python package"),
        ("postgres://shop:secret@127.0.0.1:1/shop", "the database did not answer"),
        ("postgresql://shop:secret@127.0.0.1:1/shop", "the database did not answer"),
        ("bogus://shop:secret@127.0.0.1:1/shop", "is no URL of a database"),
        ("://", "is no URL of a database"),
    ],
)
def test_a_database_that_cannot_be_read_is_one_line_without_its_password(
    url: str, told: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=told) as error:
        CliRunner().invoke(
            app, ["init", url, "--out", str(tmp_path / "handpick.toml")], catch_exceptions=False
        )
    assert "\n" not in str(error.value)
    assert "secret" not in str(error.value)


def test_a_password_is_not_written_into_the_settings(tmp_path: Path) -> None:
    from handpick.stages.land.proposed_settings import _render_url

    lines = list(_render_url("events", "postgresql://shop:secret@db/shop"))
    assert not any("secret" in line for line in lines)
    assert any("HANDPICK__SOURCES__EVENTS__URL" in line for line in lines)
    assert list(_render_url("events", "sqlite:///shop.db")) == ['url = "sqlite:///shop.db"']


def test_values_of_a_database_are_texts_that_the_contract_reads() -> None:
    from handpick.stages.land.sql import format_database_value

    values = [{"Display": '6.1"'}, [1, "a"], b"caf\xc3\xa9", 4012345678901.0, float("nan"), 249.5, True, None]
    assert [format_database_value(value) for value in values] == [
        '{"Display": "6.1\\""}', '[1, "a"]', "café", "4012345678901.0", None, "249.5", "true", None,
    ]  # fmt: skip


def test_stock_that_would_be_the_same_for_all_is_asked_about_and_not_mapped(tmp_path: Path) -> None:
    dump = tmp_path / "dump"
    dump.mkdir()
    head = "sku,name,price,stock_qty,last_modified\n"
    rows = "".join(f"s{n},Phone {n},{n}.50,{200 - n},2026-03-01 02:{n % 60:02d}:00\n" for n in range(150))
    (dump / "products.csv").write_text(head + rows)
    _, found, _ = initialised(str(dump), tmp_path)
    assert "in_stock" not in found["catalog"].get("values", {})
    assert any("is that the stock" in question for question in found["catalog"]["questions"])
    (dump / "products.csv").write_text(head + rows + "s999,Phone,9.50,0,2026-03-01 02:00:00\n")
    (tmp_path / "handpick.toml").unlink()
    _, found, _ = initialised(str(dump), tmp_path)
    assert not any("is that the stock" in question for question in found["catalog"].get("questions", []))


def test_a_column_that_is_mostly_empty_or_repeats_is_no_event_id(tmp_path: Path) -> None:
    dump = tmp_path / "dump"
    dump.mkdir()
    for name, ids in {
        "transactionid": lambda n: str(n) if n % 8 == 0 else "",
        "event_id": lambda n: str(n // 4),
    }.items():
        rows = "".join(f"u{n % 5},p{n % 7},view,{ids(n)},2026-03-01 02:{n % 60:02d}:00\n" for n in range(80))
        (dump / "events.csv").write_text(f"user_id,item_id,event,{name},timestamp\n{rows}")
        (tmp_path / "handpick.toml").unlink(missing_ok=True)
        _, found, _ = initialised(str(dump), tmp_path)
        assert found["events"]["hashed"] == ["event_id"]
        assert any("was not mapped" in question for question in found["events"]["questions"])


def test_parts_of_one_export_are_read_together_and_parts_elsewhere_are_asked_about(tmp_path: Path) -> None:
    dump = tmp_path / "dump"
    (dump / "events").mkdir(parents=True)
    head = "event_id,user_id,item_id,event_type,occurred_at"
    row = "e{n},u{n},p1,view,2026-03-01 02:{n:02d}:00Z"
    for number, name in enumerate(["events-2026-03-01.csv", "events-2026-03-01-part2.csv", "late.csv"]):
        lines = [row.format(n=number * 10 + place) for place in range(10)]
        extra = ",nr" if name == "late.csv" else ""
        lines = [f"{line},1" if extra else line for line in lines]
        (dump / "events" / name).write_text("\n".join([head + extra, *lines]) + "\n")
    _, found, text = initialised(str(dump), tmp_path)
    assert found["events"]["path"] == str(dump / "events")
    assert "Not matched" not in text
    (dump / "more").mkdir()
    (dump / "events" / "late.csv").rename(dump / "more" / "late.csv")
    (tmp_path / "handpick.toml").unlink()
    _, found, _ = initialised(str(dump), tmp_path)
    assert any(
        "more has nearly the same columns and is not read" in question
        for question in found["events"]["questions"]
    )
