"""Writes three CSV files of a small shop that is made up, for the walk through in docs/own-shop.md.

Use: python scripts/make_example_shop.py FOLDER. 12 phones, 60 customers and eight weeks of clicks and orders
up to 2026-03-01, in columns that are not Handpick's.
"""

from __future__ import annotations

import csv
import random
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

LAST = datetime(2026, 3, 1, 20)
BRANDS, NAMES = ("Nordell", "Kimora", "Vasco"), ("One", "Two", "Air", "Max")
ACTIONS = (*["view"] * 6, "cart", "purchase")


def main() -> None:
    """Write the files into the folder that is named."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(1)  # noqa: S311 - no secret is made of it
    phones = [
        (
            f"A{n:03}",
            f"{BRANDS[n % 3]} {NAMES[n % 4]} {n}",
            BRANDS[n % 3],
            f"{199 + 55 * n},00",
            n % 5,
            f"2025-{n + 1:02}-15",
        )
        for n in range(12)
    ]
    people = [(f"C{n:04}", f"2025-12-{1 + n % 28:02} 10:00:00", ("DE", "FR")[n % 2]) for n in range(60)]
    clicks = []
    for person, _, _ in people:
        brand = draw.choice(BRANDS)
        for _ in range(draw.randrange(8, 20)):
            liked = [phone for phone in phones if phone[2] == brand or draw.random() < 0.2]
            at = LAST - timedelta(minutes=draw.randrange(55 * 24 * 60))
            clicks.append((person, draw.choice(liked)[0], draw.choice(ACTIONS), f"{at:%Y-%m-%d %H:%M:%S}"))
    write(folder / "products.csv", ("sku", "name", "brand", "price_eur", "stock", "launched"), phones)
    write(folder / "customers.csv", ("customer", "registered", "country"), people)
    write(
        folder / "clicks.csv",
        ("customer", "sku", "action", "time"),
        sorted(clicks, key=lambda row: str(row[3])),
    )


def write(file: Path, header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    """Write a file with semicolons, as spreadsheets of many countries do."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, delimiter=";").writerows([header, *rows])


if __name__ == "__main__":
    main()
