"""Makes shops whose true rows are known, and writes them with several of the troubles that real exports have.

The writers here know nothing of how Handpick reads: they follow what databases, spreadsheets, shop systems and
scripts are known to write. `judge_shop` compares what is landed after `handpick init` with the true rows.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import random
import re
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

DAY = date(2026, 1, 10)
KEYS = {"catalog": "item_id", "users": "user_id", "events": "event_id", "queries": "query_id"}
TROUBLES_PER_SHOP = 8

TEXTS = {
    "utf-8": ["Großes Display, übersichtlich", "Écran très lumineux", "Gran batería, año 2025", "大画面 长续航", "Отличный экран"],
    "cp1252": ["Großes Display für Anfänger, schön", "Écran très lumineux, léger", "Cámara rápida, señal estable"],
    "cp1250": ["Skvělá výdrž, žlutý kryt", "Duży ekran, świetna bateria, żółty", "Gyönyörű kijelző, hosszú üzemidő"],
    "cp1251": ["Отличный телефон с большим экраном", "Хорошая камера и мощная батарея"],
    "gb18030": ["旗舰手机，超长续航", "大屏幕手机，拍照清晰"], "shift_jis": ["大画面スマホ、長持ちバッテリー", "軽くてきれいなカメラ"],
    "utf-16": ["Großes Display", "Отличный экран", "大画面"], "utf-8-sig": ["Größe M, größer"],
}  # fmt: skip
HEADERS = {
    "de": {"item_id": "Artikelnr", "title": "Bezeichnung", "brand": "Marke", "description": "Beschreibung", "price": "Preis",
           "in_stock": "Bestand", "release_date": "Erscheinungsdatum", "updated_at": "geändert_am", "user_id": "Kundennr",
           "signed_up_at": "registriert_am", "country": "Land", "consent": "Einwilligung", "event_type": "Aktion",
           "occurred_at": "Zeitpunkt", "text": "Suchtext"},
    "fr": {"title": "Nom", "brand": "Marque", "description": "Descriptif", "price": "Prix", "updated_at": "modifié",
           "user_id": "id_client", "signed_up_at": "inscrit_le", "country": "Pays", "consent": "Consentement",
           "occurred_at": "Horodatage", "text": "Recherche"},
    "shop": {"item_id": "sku", "title": "name", "price": "current_price", "in_stock": "stock_qty", "updated_at": "last_modified",
             "user_id": "customer_id", "signed_up_at": "created_at", "consent": "gdpr", "event_type": "action",
             "occurred_at": "timestamp", "text": "search_term"},
}  # fmt: skip

CET = timezone(timedelta(hours=1))
GERMAN_MONTHS = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
]


def _pad(number: int) -> str:
    return f"{number:02d}"


MOMENTS: dict[str, Callable[[datetime], str]] = {
    "iso_z": lambda t: t.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "iso_space": lambda t: t.strftime("%Y-%m-%d %H:%M:%S"),
    "iso_micro": lambda t: t.strftime("%Y-%m-%d %H:%M:%S.") + f"{t.microsecond:06d}0",
    "iso_comma": lambda t: t.strftime("%Y-%m-%d %H:%M:%S,") + f"{t.microsecond // 1000:03d}",
    "iso_offset": lambda t: t.astimezone(CET).strftime("%Y-%m-%dT%H:%M:%S+0100"),
    "iso_utc": lambda t: t.strftime("%Y-%m-%d %H:%M:%S UTC"),
    "iso_minute": lambda t: t.strftime("%Y-%m-%d %H:%M"),
    "german": lambda t: t.strftime("%d.%m.%Y %H:%M:%S"),
    "german_ms": lambda t: t.strftime("%d.%m.%Y %H:%M:%S.") + f"{t.microsecond // 1000:03d}",
    "slashes_dm": lambda t: t.strftime("%d/%m/%Y %H:%M:%S"),
    "slashes_md": lambda t: t.strftime("%m/%d/%Y %I:%M:%S %p"),
    "slashes_ymd": lambda t: t.strftime("%Y/%m/%d %H:%M:%S"),
    "dashes_dm": lambda t: t.strftime("%d-%m-%Y %H:%M:%S"),
    "short_year": lambda t: t.strftime("%d.%m.%y %H:%M"),
    "us_short": lambda t: f"{t.month}/{t.day}/{t:%y} {t:%I:%M %p}",
    "log": lambda t: t.strftime("%d/%b/%Y:%H:%M:%S +0000"),
    "rfc2822": lambda t: t.strftime("%a, %d %b %Y %H:%M:%S GMT"),
    "ctime": lambda t: t.strftime("%a %b %d %H:%M:%S %Y"),
    "compact": lambda t: t.strftime("%Y%m%d%H%M%S"),
    "basic": lambda t: t.strftime("%Y%m%dT%H%M%SZ"),
    "epoch_s": lambda t: str(int(t.timestamp())),
    "epoch_ms": lambda t: str(int(t.timestamp() * 1000)),
    "epoch_us": lambda t: str(int(t.timestamp()) * 1_000_000),
    "epoch_float": lambda t: f"{t.timestamp():.3f}",
    "excel": lambda t: f"{(t - datetime(1899, 12, 30, tzinfo=UTC)) / timedelta(days=1):.10f}",
    "month_name": lambda t: f"{t.day}. {GERMAN_MONTHS[t.month - 1]} {t.year} {t:%H:%M}",
    "berlin_clock": lambda t: t.astimezone(ZoneInfo("Europe/Berlin")).strftime("%Y-%m-%d %H:%M:%S"),
    "berlin_german": lambda t: t.astimezone(ZoneInfo("Europe/Berlin")).strftime("%d.%m.%Y %H:%M:%S Uhr"),
    "zone_name": lambda t: t.astimezone(CET).strftime("%Y-%m-%d %H:%M:%S CET"),
    "mixed": lambda t: t.strftime("%d.%m.%Y %H:%M:%S" if t.minute % 5 else "%Y-%m-%d %H:%M:%S"),
    "ordinal": lambda t: t.strftime("%B %d %Y, %H:%M:%S"),
    "dot_date_only_minutes": lambda t: t.strftime("%d.%m.%Y %H:%M"),
}
DAYS: dict[str, Callable[[date], str]] = {
    "iso": lambda d: d.isoformat(),
    "german": lambda d: d.strftime("%d.%m.%Y"),
    "slashes": lambda d: d.strftime("%d/%m/%Y"),
    "us": lambda d: d.strftime("%B %d, %Y"),
    "compact": lambda d: d.strftime("%Y%m%d"),
    "named": lambda d: f"{d.day}. {GERMAN_MONTHS[d.month - 1]} {d.year}",
    "chinese": lambda d: f"{d.year}年{d.month}月{d.day}日",
    "iso_time": lambda d: f"{d.isoformat()} 00:00:00",
}


def _group(amount: float, mark: str, decimal: str, decimals: int = 2) -> str:
    text = f"{amount:,.{decimals}f}" if decimals else f"{amount:,.0f}"
    return text.replace(",", "\0").replace(".", decimal).replace("\0", mark)


def _lakh(amount: float) -> str:
    whole = str(int(amount))
    head, tail = whole[:-3], whole[-3:]
    pairs = [head[max(0, end - 2) : end] for end in range(len(head), 0, -2)][::-1]
    return ",".join([*pairs, tail]) if head else tail


PRICES: dict[str, Callable[[float], str]] = {
    "plain": lambda p: f"{p:.2f}",
    "code_after": lambda p: f"{p:.2f} EUR",
    "code_before": lambda p: f"EUR {p:.2f}",
    "german": lambda p: f"{_group(p, '.', ',')} €",
    "german_bare": lambda p: _group(p, ".", ","),
    "german_ungrouped": lambda p: f"{p:.2f}".replace(".", ","),
    "french": lambda p: f"{_group(p, chr(0x202F), ',')} €",
    "french_blank": lambda p: f"{_group(p, ' ', ',')} €",
    "english": lambda p: f"€{_group(p, ',', '.')}",
    "swiss": lambda p: f"CHF {_group(p, chr(0x2019), '.')}",
    "padded": lambda p: f"{p:10.2f}",
    "whole_german": lambda p: f"{_group(int(p), '.', ',', 0)} €",
    "whole_english": lambda p: _group(int(p), ",", ".", 0),
    "whole_bare_german": lambda p: _group(int(p), ".", ",", 0),
    "lakh": lambda p: f"₹{_lakh(p * 90)}",
    "dash_cents": lambda p: f"{_group(int(p), '.', ',', 0)},- €",
    "from_price": lambda p: f"ab {_group(p, '.', ',')} €",
    "with_tax": lambda p: f"{_group(p, '.', ',')} € inkl. MwSt.",
    "strike": lambda p: f"{_group(p + 100, '.', ',')} € {_group(p, '.', ',')} €",
    "scientific": lambda p: f"{p:.4E}",
    "dollar_behind": lambda p: f"{_group(p, ',', '.')}$",
    "cents_free": lambda p: str(int(p)),
}
WHOLE = {"whole_german", "whole_english", "whole_bare_german", "dash_cents", "cents_free"}


@dataclass
class Shop:
    """The true rows of a shop, how each column is written, and how each file is.

    Args:
        rows: True rows by source; values are typed.
        writers: Per source and column, how a value is written; others are written plainly.
        names: Per source, the owner's names of columns.
        files: Per source, what is special about its file.
        troubles: Names of the troubles.
    """

    rows: dict[str, list[dict[str, Any]]]
    writers: dict[tuple[str, str], Callable[[Any], str]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    empty: dict[str, str] = field(default_factory=dict)


def make_rows(chance: random.Random) -> dict[str, list[dict[str, Any]]]:
    """Make the true rows: 40 phones, 20 customers, 120 events of the day, 12 searches."""
    start = datetime(2026, 1, 9, tzinfo=UTC)
    items = [
        {
            "item_id": f"{chance.choice('ABC')}-{number:04d}",
            "title": f"Nordis N{number} {chance.choice((64, 128, 256))}GB",
            "brand": chance.choice(["Nordis", "Kestrel", "Lumo"]),
            "description": f"Phone number {number}",
            "price": round(
                chance.choice([89, 149, 249, 379, 599, 899, 1049, 1299, 1899])
                + chance.choice([0, 0.5, 0.99]),
                2,
            ),
            "currency": "EUR",
            "in_stock": chance.random() < 0.8,
            "release_date": date(2024, 1, 1) + timedelta(days=chance.randrange(600)),
            "updated_at": start + timedelta(seconds=chance.randrange(80_000)),
        }
        for number in range(40)
    ]
    users = [
        {
            "user_id": f"u{number:03d}",
            "signed_up_at": datetime(2024, 3, 1, tzinfo=UTC)
            + timedelta(seconds=chance.randrange(50_000_000)),
            "country": chance.choice(["DE", "FR", "PL"]),
            "consent": chance.random() < 0.8,
        }
        for number in range(20)
    ]
    events = [
        {
            "event_id": f"e{number:05d}",
            "user_id": chance.choice(users)["user_id"],
            "item_id": chance.choice(items)["item_id"],
            "event_type": chance.choice(["view", "view", "cart", "purchase"]),
            "occurred_at": datetime(2026, 1, 10, tzinfo=UTC)
            + timedelta(seconds=number * 600 + chance.randrange(500)),
        }
        for number in range(120)
    ]
    queries = [
        {
            "query_id": f"q{number}",
            "user_id": chance.choice(users)["user_id"],
            "text": f"phone with camera {number}",
            "occurred_at": datetime(2026, 1, 10, 8, tzinfo=UTC)
            + timedelta(minutes=17 * number + chance.randrange(9)),
        }
        for number in range(12)
    ]
    return {"catalog": items, "users": users, "events": events, "queries": queries}


def _write_plainly(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return MOMENTS["iso_z"](value)
    if isinstance(value, float):
        return f"{value:.2f}"
    return str(value)


# The troubles ------------------------------------------------------------------------------------

Trouble = Callable[[Shop, random.Random], str]


def _trouble_moments(source: str, column: str) -> Trouble:
    def apply(shop: Shop, chance: random.Random) -> str:
        form = chance.choice([name for name in MOMENTS if name != "iso_z"])
        if form in ("iso_micro", "iso_comma", "german_ms", "epoch_ms", "epoch_float"):
            for row in shop.rows[source]:
                row[column] += timedelta(milliseconds=chance.randrange(1000))
        elif form in ("iso_minute", "short_year", "us_short", "month_name", "dot_date_only_minutes"):
            for row in shop.rows[source]:
                row[column] = row[column].replace(second=0)
        shop.writers[source, column] = MOMENTS[form]
        return f"{source}.{column} {form}"

    return apply


def _trouble_days(shop: Shop, chance: random.Random) -> str:
    form = chance.choice(list(DAYS))
    shop.writers["catalog", "release_date"] = DAYS[form]
    return f"release_date {form}"


def _trouble_price(shop: Shop, chance: random.Random) -> str:
    form = chance.choice([name for name in PRICES if name != "plain"])
    for row in shop.rows["catalog"]:
        if form in WHOLE:
            row["price"] = float(int(row["price"]))
        if form == "lakh":
            row["price"] = float(int(row["price"] * 90))
        if form == "swiss":
            row["currency"] = "CHF"
        elif form == "lakh":
            row["currency"] = "INR"
    shop.writers["catalog", "price"] = (lambda p: f"₹{_lakh(p)}") if form == "lakh" else PRICES[form]
    if "code" in form or "€" in PRICES[form](1.0) or form in ("swiss", "lakh"):
        for row in shop.rows["catalog"]:
            row.pop("currency")
    return f"price {form}"


def _trouble_stock(shop: Shop, chance: random.Random) -> str:
    form = chance.choice(
        ["pieces", "negative", "plus", "german", "english", "numbers", "upper", "strange", "units"]
    )
    words = {
        "german": ("auf Lager", "ausverkauft"),
        "english": ("In Stock", "Out of stock"),
        "numbers": ("1", "0"),
        "upper": ("Y", "N"),
    }

    def write(value: bool) -> str:
        if form in words:
            return words[form][not value]
        if form == "plus":
            return chance.choice(["3", "10+", ">20"]) if value else "0"
        return (
            str(chance.randrange(1, 90))
            if value
            else "-1"
            if form == "negative" and chance.random() < 0.5
            else "0"
        )

    shop.writers["catalog", "in_stock"] = write
    return f"stock {form}"


def _trouble_nulls(shop: Shop, chance: random.Random) -> str:
    mark = chance.choice(["\\N", "NULL", "N/A", "-", "null", "nan", "None", "#N/A"])
    for row in shop.rows["catalog"]:
        if chance.random() < 0.2:
            row["price"] = None
        if chance.random() < 0.2:
            row["release_date"] = None
    for source in ("catalog", "users"):
        shop.empty[source] = mark
    return f"nulls {mark}"


def _trouble_ids(shop: Shop, chance: random.Random) -> str:
    form = chance.choice(["zeros", "floats", "ean", "padded", "mixed_case", "dashes"])
    new = {
        row["item_id"]: {
            "zeros": f"{number + 7:06d}",
            "floats": str(number + 1),
            "ean": str(4012345678901 + number),
            "padded": f"K{number}",
            "mixed_case": f"ab{'X' if number % 2 else 'x'}{number}",
            "dashes": f"{number + 10}-{number % 7}/a",
        }[form]
        for number, row in enumerate(shop.rows["catalog"])
    }
    for source in ("catalog", "events"):
        for row in shop.rows[source]:
            row["item_id"] = new[row["item_id"]]
    if form == "floats":
        shop.writers["events", "item_id"] = lambda text: f"{text}.0"
    if form == "padded":
        shop.writers["events", "item_id"] = lambda text: f" {text}  "
    return f"ids {form}"


def _trouble_encoding(source: str, column: str) -> Trouble:
    def apply(shop: Shop, chance: random.Random) -> str:
        encoding = chance.choice([name for name in TEXTS if name != "utf-8"])
        for number, row in enumerate(shop.rows[source]):
            row[column] = f"{chance.choice(TEXTS[encoding])} {number}"
        shop.files.setdefault(source, {})["encoding"] = encoding
        return f"{source} in {encoding}"

    return apply


def _trouble_file(source: str, name: str, choices: list[Any]) -> Trouble:
    def apply(shop: Shop, chance: random.Random) -> str:
        choice = chance.choice(choices)
        shop.files.setdefault(source, {})[name] = choice
        return f"{source} {name} {choice!r}"

    return apply


def _trouble_quoting(source: str, column: str) -> Trouble:
    def apply(shop: Shop, chance: random.Random) -> str:
        form = chance.choice(["inches", "breaks", "lists", "semicolons", "backslash"])
        for number, row in enumerate(shop.rows[source]):
            row[column] = {
                "inches": f'With a 6.{number % 9}" display',
                "breaks": f"First line {number}\nsecond line\n\nlast line",
                "lists": f"All in one:\ncamera, battery, size, price, weight, colour, RAM, storage\nnumber {number}",
                "semicolons": f"small; light; cheap; {number}",
                "backslash": f'The "best" phone, {number}',
            }[form]
        if form == "backslash":
            shop.files.setdefault(source, {})["escape"] = "backslash"
        return f"{source}.{column} quoting {form}"

    return apply


def _trouble_headers(shop: Shop, chance: random.Random) -> str:
    language = chance.choice(list(HEADERS))
    shop.names = HEADERS[language]
    return f"headers {language}"


def _trouble_words(shop: Shop, chance: random.Random) -> str:
    kinds = chance.choice([
        {"view": "Ansicht", "cart": "Warenkorb", "purchase": "Kauf"},
        {"view": "pageview", "cart": "add_to_cart", "purchase": "order"},
        {"view": "VIEW", "cart": "CART", "purchase": "PURCHASE"},
    ])  # fmt: skip
    shop.writers["events", "event_type"] = lambda kind: kinds[kind]
    return f"event words {kinds['view']}"


def _trouble_consent(shop: Shop, chance: random.Random) -> str:
    yes, no = chance.choice(
        [
            ("J", "N"),
            ("ja", "nein"),
            ("1", "0"),
            ("Yes", "No"),
            ("oui", "non"),
            ("TRUE", "FALSE"),
            ("opt-in", "opt-out"),
        ]
    )
    shop.writers["users", "consent"] = lambda value: yes if value else no
    return f"consent {yes}/{no}"


TROUBLES: tuple[Trouble, ...] = (
    _trouble_moments("events", "occurred_at"), _trouble_moments("catalog", "updated_at"),
    _trouble_moments("users", "signed_up_at"), _trouble_moments("queries", "occurred_at"),
    _trouble_days, _trouble_price, _trouble_stock, _trouble_nulls, _trouble_ids,
    _trouble_encoding("catalog", "description"), _trouble_encoding("queries", "text"),
    *(_trouble_file(source, "delimiter", [";", "\t", "|"]) for source in KEYS),
    *(_trouble_file(source, "line_end", ["\r\n", "\r"]) for source in ("catalog", "events")),
    *(_trouble_file(source, "packed", ["gz", "bz2", "xz", "zst", "zip"]) for source in ("catalog", "events")),
    *(_trouble_file(source, "format", ["jsonl", "json", "parquet", "parquet"]) for source in ("catalog", "users", "events")),
    *(_trouble_file(source, "top", ["sep", "title", "blank"]) for source in ("events", "users")),
    *(_trouble_file(source, "bottom", ["total", "count", "blank"]) for source in ("catalog", "events")),
    _trouble_file("events", "ending", ["delimiter"]), _trouble_file("catalog", "twice", ["note"]),
    _trouble_file("events", "name", ["events_20260110", "20260110_export", "klicks", "events-2026-01-10-part1"]),
    _trouble_file("users", "quotes", ["all"]), _trouble_file("events", "blanks", [3]),
    _trouble_quoting("catalog", "description"), _trouble_quoting("queries", "text"),
    _trouble_headers, _trouble_words, _trouble_consent,
    _trouble_file("events", "split", ["gz", "", "other_columns"]), _trouble_file("catalog", "spaced", [True]),
)  # fmt: skip


def make_shop(seed: int) -> Shop:
    """Make a shop with eight troubles; the same seed gives the same shop."""
    chance = random.Random(seed)
    shop = Shop(make_rows(chance))
    chosen = chance.sample(TROUBLES, TROUBLES_PER_SHOP)
    # Values are emptied last, as the other troubles change them.
    chosen.sort(key=lambda trouble: trouble is _trouble_nulls)
    shop.troubles = [trouble(shop, chance) for trouble in chosen]
    return shop


# Writing ------------------------------------------------------------------------------------------


def write_shop(shop: Shop, folder: Path) -> None:
    """Write the files of a shop below a folder."""
    for source, rows in shop.rows.items():
        told = shop.files.get(source, {})
        place = folder / source
        place.mkdir(parents=True)
        kind = told.get("format", "csv")
        name = told.get("name", f"{source}-{DAY}")
        columns = list(rows[0])
        texts = [{column: _write(shop, source, column, row[column]) for column in columns} for row in rows]
        heads = [shop.names.get(column, column) for column in columns]
        if kind == "parquet":
            _write_parquet(
                shop, source, rows, texts, dict(zip(columns, heads, strict=True)), place / f"{name}.parquet"
            )
            continue
        if told.get("spaced"):
            heads = [f" {head.upper()} " if not shop.names else f" {head} " for head in heads]
        if told.get("split") is not None and kind == "csv":
            half = len(texts) // 2
            more = _write_csv(texts[half:], heads, told, shop.empty.get(source, ""))
            if told["split"] == "other_columns":
                more = _write_csv(
                    [{"nr": "1", **row} for row in texts[half:]],
                    ["nr", *heads],
                    told,
                    shop.empty.get(source, ""),
                )
            _pack(
                more.encode(told.get("encoding", "utf-8"), errors="replace"),
                place,
                f"{name}-2.csv",
                told["split"] if told["split"] == "gz" else "",
            )
            texts = texts[:half]
        if kind == "csv":
            content = _write_csv(texts, heads, told, shop.empty.get(source, ""))
        else:
            content = _write_json(texts, dict(zip(columns, heads, strict=True)), kind)
        encoded = content.encode(told.get("encoding", "utf-8"), errors="replace")
        _pack(encoded, place, f"{name}.{kind}", told.get("packed", ""))


def _write(shop: Shop, source: str, column: str, value: Any) -> str | None:
    if value is None:
        return shop.empty.get(source, "") or None
    return shop.writers.get((source, column), _write_plainly)(value)


def _write_csv(texts: list[dict[str, str | None]], heads: list[str], told: dict[str, Any], empty: str) -> str:
    delimiter, line_end = told.get("delimiter", ","), told.get("line_end", "\n")
    out = io.StringIO()
    has_backslashes = told.get("escape") == "backslash"
    writer = csv.writer(
        out, delimiter=delimiter, lineterminator="\n", doublequote=not has_backslashes,
        escapechar="\\" if has_backslashes else None,
        quoting=csv.QUOTE_ALL if told.get("quotes") == "all" else csv.QUOTE_MINIMAL,
    )  # fmt: skip
    heads = [*heads, "note", "note", "note_2"] if told.get("twice") else heads
    if told.get("top") == "sep":
        out.write(f"sep={delimiter}\n")
    elif told.get("top") == "title":
        out.write("Export of 10 January\n\n")
    elif told.get("top") == "blank":
        out.write("\n\n")
    writer.writerow(heads)
    for number, row in enumerate(texts):
        values = ["" if value is None else value for value in row.values()]
        values += ["1", "2", "3"] if told.get("twice") else []
        if has_backslashes and empty == "\\N":
            # Databases write the mark itself, unescaped.
            line = io.StringIO()
            csv.writer(
                line, delimiter=delimiter, lineterminator="", doublequote=False, escapechar="\\"
            ).writerow(["\0" if value == "\\N" else value for value in values])
            out.write(line.getvalue().replace("\0", "\\N") + "\n")
        else:
            writer.writerow(values + ([""] if told.get("ending") == "delimiter" else []))
        if told.get("blanks") and number % told["blanks"] == 0:
            out.write("\n")
    if told.get("bottom") == "total":
        out.write(delimiter.join(["Total", *[""] * (len(heads) - 1)]) + "\n")
    elif told.get("bottom") == "count":
        out.write(f"({len(texts)} rows)\n")
    elif told.get("bottom") == "blank":
        out.write("\n\n\n")
    return out.getvalue().replace("\n", line_end)


def _write_json(texts: list[dict[str, str | None]], names: dict[str, str], kind: str) -> str:
    rows = [{names[column]: value for column, value in row.items()} for row in texts]
    if kind == "json":
        return json.dumps(rows, ensure_ascii=False, indent=2)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _write_parquet(
    shop: Shop,
    source: str,
    rows: list[dict[str, Any]],
    texts: list[dict[str, str | None]],
    names: dict[str, str],
    file: Path,
) -> None:
    arrays = {}
    for column, name in names.items():
        values = [row[column] for row in rows]
        if (source, column) in shop.writers:
            arrays[name] = pa.array([text[column] for text in texts], pa.string())
        elif isinstance(values[0], datetime):
            arrays[name] = pa.array(values, pa.timestamp("ns", "Europe/Berlin"))
        elif column == "item_id" and all(re.fullmatch(r"[1-9]\d{0,14}", value) for value in values):
            arrays[name] = pa.array([float(value) for value in values], pa.float64())
        else:
            arrays[name] = pa.array(values)
    pq.write_table(pa.table(arrays), file)


def _pack(content: bytes, place: Path, name: str, packed: str) -> None:
    if packed == "zip":
        with zipfile.ZipFile(place / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, content)
        return
    if packed == "zst":
        with (
            pa.OSFile(str(place / f"{name}.zst"), "wb") as raw,
            pa.CompressedOutputStream(raw, "zstd") as stream,
        ):
            stream.write(content)
        return
    squeezers: dict[str, Callable[[bytes], bytes]] = {
        "gz": gzip.compress,
        "bz2": bz2.compress,
        "xz": lzma.compress,
    }
    squeeze = squeezers.get(packed, lambda plain: plain)
    (place / (f"{name}.{packed}" if packed else name)).write_bytes(squeeze(content))


# Judging ------------------------------------------------------------------------------------------


@dataclass
class ShopVerdict:
    """What became of the values of a shop.

    Args:
        counts: Number of values that are `right`, `stated` (a doubt names the column, or the row or value is set
            aside and counted) or `silent`.
        silent: The silently wrong values.
        line: The clear line that the shop stopped with; empty if it landed.
        crash: A traceback; empty if there was none.
        said: What `init` wrote.
    """

    counts: Counter[str] = field(default_factory=Counter)
    silent: list[str] = field(default_factory=list)
    line: str = ""
    crash: str = ""
    said: str = ""


def judge_shop(shop: Shop, said: str, landed: dict[str, list[dict[str, Any]]]) -> ShopVerdict:
    """Compare landed texts, as the contract reads them, with the true rows.

    Args:
        shop: The shop.
        said: The settings that `init` wrote, with its questions, and the doubts of the night.
        landed: Raw rows by source.
    """
    verdict = ShopVerdict(said=said)
    doubts = said[said.find("questions") :] if "questions" in said else said
    for source, rows in shop.rows.items():
        key = KEYS[source]
        found = {str(row[key]).strip(): row for row in landed[source] if row["_raw"] is None}
        aside = len(landed[source]) - len(found)
        for row in rows:
            mine = found.get(row[key])
            if mine is None:
                # An unparsable row is kept whole and counted; one that is nowhere was lost.
                kind = "stated" if aside > 0 else "silent"
                verdict.counts[kind] += len(row)
                if kind == "silent":
                    verdict.silent.append(f"{source} {row[key]} is nowhere")
                continue
            for column, value in row.items():
                kind = _judge_value(column, value, mine.get(column))
                if kind == "silent" and re.search(rf"\b{column}\b|encoding|not UTF-8", doubts):
                    kind = "stated"
                verdict.counts[kind] += 1
                if kind == "silent":
                    verdict.silent.append(f"{source} {row[key]} {column}: {mine.get(column)!r} for {value!r}")
    return verdict


def _judge_value(column: str, value: Any, text: str | None) -> str:
    """Return `right`, `stated` for a value that validation sets aside and counts, or `silent`."""
    text = None if text is None or not text.strip() else text.strip()
    if text is None:
        return "right" if value is None else "silent"
    if isinstance(value, datetime):
        read = _read_moment(text)
        return "stated" if read is None else "right" if read == value else "silent"
    if column == "release_date":
        read_day = _read_day(text)
        return "stated" if read_day is None else "right" if read_day == value else "silent"
    if column == "price":
        if not re.fullmatch(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", text):
            return "stated"
        return "right" if value is not None and abs(float(text) - value) < 1e-9 else "silent"
    if isinstance(value, bool):
        truth = {"true": True, "t": True, "1": True, "yes": True, "y": True, "1.0": True,
                 "false": False, "f": False, "0": False, "no": False, "n": False, "0.0": False}.get(text.lower())  # fmt: skip
        return "stated" if truth is None else "right" if truth is value else "silent"
    if column == "event_type":
        known = {"impression", "view", "cart", "purchase", "return", "rating"}
        return "right" if text.lower() == value else "stated" if text.lower() not in known else "silent"
    return "right" if text == value else "silent"


def _read_moment(text: str) -> datetime | None:
    """Read a moment as validation does: ISO 8601, UTC where no zone is stated."""
    if not re.match(r"\d{4}-\d{1,2}-\d{1,2}", text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _read_day(text: str) -> date | None:
    if not re.match(r"\d{4}-\d{1,2}-\d{1,2}", text):
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def run_generated_shop(seed: int, home: Path) -> ShopVerdict:
    """Make a shop, run `init` and `land` on it as a newcomer would, and judge what has landed."""
    import importlib

    cases = importlib.import_module("shop_cases")
    shop = make_shop(seed)
    write_shop(shop, home)
    (outcome,) = cases.run_shop_in_place(home)
    verdict = ShopVerdict(line=outcome.stopped, crash=outcome.crash, said=outcome.said)
    if outcome.stopped or outcome.crash:
        return verdict
    landed = {source: list(rows.values()) for source, rows in outcome.valid.items()}
    return judge_shop(shop, outcome.said, landed)
