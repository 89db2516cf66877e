"""Intact files with known rows, and ways to damage them, with the ids of rows that stay intact."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass

ROWS = 12
HEAD = "event_id,user_id,item_id,event_type,value,occurred_at,session_id"
NASTY = [
    b'"',
    b'""',
    b"\x00",
    b"\xff\xfe",
    b"\r",
    b"\n",
    b"\n\n",
    b",",
    b",,,,,,,,,",
    b"}",
    b"{",
    b"]",
    b"\\",
    b"\\u0000",
    b'\\ud800"',
    b"=cmd|' /C calc'!A0",
    b'"},{"event_id": "x',
    b"9" * 400,
    b"1e999",
    b"NaN",
    b"-Infinity",
    b'{"a":' * 300,
    b"[" * 5000,
    "\u202e\u0000电é".encode(),
    b"'; drop table events; --",
    b"../../../etc/passwd",
    b"\x1f\x8b\x08",
]


@dataclass(frozen=True)
class Damaged:
    """A damaged file: its suffix, bytes, and the ids of intact rows."""

    suffix: str
    content: bytes
    whole: frozenset[str]


def lines_of(suffix: str, name: str) -> list[bytes]:
    """The lines of an intact file, with ids made of the file's name."""
    rows = [
        {
            "event_id": f"{name}-{number}",
            "user_id": "u1",
            "item_id": "p1",
            "event_type": "view",
            "value": number,
            "occurred_at": "2026-01-10T02:00:00Z",
            "session_id": "besuch ü 电",
        }
        for number in range(ROWS)
    ]
    if suffix == ".csv":
        return [f"{HEAD}\n".encode()] + [
            (",".join(str(v) for v in row.values()) + "\n").encode() for row in rows
        ]
    return [(json.dumps(row, ensure_ascii=False) + "\n").encode() for row in rows]


def damaged(seed: int) -> Damaged:
    """One damaged file; the same seed gives the same file."""
    chance = random.Random(seed)
    suffix = chance.choice([".csv", ".jsonl"])
    lines = lines_of(suffix, f"f{seed}")
    content = b"".join(lines)
    first = len(lines[0]) if suffix == ".csv" else 0
    place = chance.randrange(first, len(content) - 1)
    kind = chance.choice(["flip", "flip", "insert", "insert", "cut", "swap", "latin", "remove", "repeat"])
    if kind == "latin":
        return Damaged(suffix, content.decode().replace("电", "").encode("cp1252"), _ids(lines, suffix, 0, 0))
    end = min(len(content), place + chance.randrange(1, 40))
    middle = {
        "flip": bytes([content[place] ^ (1 << chance.randrange(8))]),
        "insert": chance.choice(NASTY) + content[place : place + 1],
        "swap": chance.choice(NASTY),
        "remove": b"",
        "repeat": content[place:end] * chance.randrange(2, 50),
        "cut": b"",
    }[kind]
    end = place + 1 if kind in ("flip", "insert") else len(content) if kind == "cut" else end
    return Damaged(suffix, content[:place] + middle + content[end:], _ids(lines, suffix, place, end))


def _ids(lines: list[bytes], suffix: str, start: int, end: int) -> frozenset[str]:
    """Ids of the lines outside the bytes from start to end; a line ends with its line break."""
    found, place = set(), 0
    for line in lines:
        is_clear = end < place or place + len(line) <= start
        if start == end or is_clear:
            found.add(line)
        place += len(line)
    texts = [line.decode() for line in found if line != lines[0] or suffix != ".csv"]
    return frozenset(
        text.split(",")[0] if suffix == ".csv" else json.loads(text)["event_id"] for text in texts
    )
