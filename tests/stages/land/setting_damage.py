"""Damages settings and folders in the ways that people and programs do, each from a seed."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

SOURCES = ("catalog", "users", "events", "queries")
COLUMNS = ("item_id", "title", "price", "in_stock", "updated_at", "user_id", "signed_up_at", "consent", "event_id", "value",
           "event_type", "occurred_at", "text", "release_date", "specs", "nonsense", "_raw", "_source_line", "")  # fmt: skip
FILES = {
    "catalog": "item_id,title,price,in_stock,updated_at,release_date\np1,Phone,249.00,yes,2026-01-09T08:00:00Z,2025-05-01\n",
    "users": "user_id,signed_up_at,consent\nu1,2025-01-01T00:00:00Z,true\n",
    "events": "event_id,user_id,item_id,event_type,value,occurred_at\ne1,u1,p1,view,,2026-01-10T06:00:00Z\n",
    "queries": "query_id,user_id,text,occurred_at\nq1,u1,small phone,2026-01-10T06:00:00Z\n",
}  # fmt: skip

TEXTS = (
    "", " ", "x", "price", "../../etc", "\x00", "\ud7ff", "é" * 50, "%", "%Q", "%Y", "%d.%m.%Y", "%Y-%m-%d %H:%M:%S.%f", "%Y%Y",
    "%Y(", "%Y[a-", "epoch_s", "excel", "(", "[", "(a)(b", "(?P<x>", "(?<=a+)b", "(\\d+", "()", "(x)?", "([0-9]+)", "Europe/Berln",
    "Europe/Berlin", "+25:00", "+01:00", "UTC+1", "/etc/localtime", "../UTC", "utf-8", "utf8 ", "cp1250", "rot13", "base64", "hex",
    "idna", "utf-16", "undefined", "1.299,00", "full", "never", "s3://", "file:///nowhere", "memory://x", "bogus://x/y",
    "http://[::1", "postgresql://a:b@127.0.0.1:1/x", "mysql://x", "postgres://127.0.0.1:1/x", "sqlite:///nowhere/x.db", "://",
    "select 1", "drop table x", "{logical_date}", "{", "*", "\\N", "nan", "-1", "1e999", "a" * 300,
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    *TEXTS, 0, -1, 1, 10**30, 1.5, -0.0, True, False, [], [1], ["a"], ["*"], ["%Y", "%d.%m.%Y"], [[]], {}, {"a": "b"}, {"*": "true"},
    {"a": {"b": "c"}}, {"price": "price"}, {"price": 0.01}, {"price": 1e308}, {"occurred_at": "%d"}, {"": ""},
)  # fmt: skip
KEYS = ("path", "format", "encoding", "mode", "max_gone_share", "nulls", "questions", "needed", "columns", "values", "constants",
        "patterns", "numbers", "collected", "hashed", "first_per_key", "times", "timezone", "factors", "url", "query",
        "colums", "delimiter")  # fmt: skip
BY_COLUMN = ("columns", "values", "constants", "patterns", "numbers", "collected", "times", "factors")


def _quote(text: str) -> str:
    return json.dumps(text)


def _render(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, list):
        return f"[{', '.join(_render(each) for each in value)}]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_quote(key)} = {_render(each)}" for key, each in value.items()) + " }"
    return repr(value)


def damage_settings(seed: int) -> bytes:
    """Return the bytes of a `handpick.toml` in which something is wrong, or at least strange."""
    chance = random.Random(seed)
    lines = ['[lake]', 'landing = "landing"', 'root = "lake"', 'media = "media"']  # fmt: skip
    for source in SOURCES:
        lines.append(f"[sources.{source}]")
        for _ in range(chance.choice([0, 0, 1, 2])):
            key = chance.choice(KEYS)
            if key in BY_COLUMN and chance.random() < 0.8:
                column, value = chance.choice(COLUMNS), chance.choice(VALUES)
                lines.append(f"{key} = {{ {_quote(column)} = {_render(value)} }}")
            else:
                lines.append(f"{key} = {_render(chance.choice(VALUES))}")
    content = "\n".join(lines).encode("utf-8", errors="surrogatepass")
    if chance.random() < 0.2:
        place = chance.randrange(len(content))
        content = (
            content[:place]
            + chance.choice([b"\x00", b"\xff", b'"', b"\n", b"=", b"[", b"]", b"\r", b"{"])
            + content[place + 1 :]
        )
    if chance.random() < 0.05:
        content = content[: chance.randrange(len(content))]
    return content


def damage_folder(seed: int, folder: Path, damaged: Callable[[int], Any]) -> None:
    """Write a folder of files for `init`: damaged tables under odd names, tables with odd columns, and rubbish.

    Args:
        seed: The seed.
        folder: An empty folder.
        damaged: Makes a damaged file of events from a seed.
    """
    chance = random.Random(seed)
    names = [
        "events",
        "Kunden",
        "cat alog",
        "q",
        "żółw",
        "a.b",
        "[x]",
        "{y}",
        "%s",
        "x" * 100,
        "-rf",
        "événements",
    ]
    for number in range(chance.choice([1, 1, 2, 3])):
        kind = chance.choice(["damaged", "columns", "bytes", "text", "good"])
        suffix = chance.choice(
            [".csv", ".csv", ".json", ".jsonl", ".txt", ".tsv", ".parquet", ".gz", ".zip", ".xlsx", ""]
        )
        name = f"{chance.choice(names)}{number}"
        if kind == "damaged":
            file = damaged(seed * 7 + number)
            content, suffix = file.content, file.suffix
        elif kind == "columns":
            content = _make_odd_table(chance)
        elif kind == "bytes":
            content = chance.randbytes(chance.choice([0, 1, 10, 500]))
        elif kind == "text":
            content = "".join(chance.choices(string.printable + "éü电\u2028", k=300)).encode()
        else:
            content = FILES[chance.choice(SOURCES)].encode()
        (folder / f"{name}{suffix}").write_bytes(content)


def _make_odd_table(chance: random.Random) -> bytes:
    """Return a CSV file with columns of one kind of odd value each, under names that `init` knows."""
    names = [
        "sku",
        "name",
        "price",
        "preis",
        "stock_qty",
        "updated",
        "user",
        "created_at",
        "consent",
        "time",
        "action",
        "query",
        "id",
    ]
    heads = chance.sample(names, 7)
    pools = [
        ["0000-00-00", "30.02.2026", "2026-13-01", "12:00", "99999999999999", "-1"], ["1.299,00 €", "1,049", "€", "1e400", "--", "NaN"],
        ["0", "-2", "10+", ">", "∞", "1/2"], ["", " ", "\t", "\\N", "null"], ["a" * 500, "\x00", "\ufeff", "\u202e", "'"],
        ["true", "wahr", "2", "ja", "?"], ["10-01-2026", "01/10/2026", "10-Jan-26", "Januar", "%Y"], ["46032.25", "1768024800", "20260110"],
        ["4.01235E+12", "1.0", "007", "١٢٣", "１２"], ['"', '""', "\\", '\\"', "a;b|c"],
    ]  # fmt: skip
    chosen = [chance.choice(pools) for _ in heads]
    rows = [",".join(heads)] + [",".join(chance.choice(pool) for pool in chosen) for _ in range(12)]
    return "\n".join(rows).encode("utf-8", errors="replace")
