"""What encoders learn from: the texts, phrases, spec sheets and pictures of one night's marts."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from handpick.errors import MissingPartition
from handpick.lake.partitions import Lake
from handpick.night import Night

NUMERIC = (
    "display_inches", "battery_mah", "weight_g", "main_camera_mp", "selfie_camera_mp", "ram_gb", "storage_gb",
    "thickness_mm", "refresh_hz", "charging_w", "ppi", "price",
)  # fmt: skip
"""Figures of a phone, each told by its logarithm: twice as much is the same step anywhere."""
CATEGORICAL = ("os", "chipset", "network", "display_type", "sim", "build", "brand")
TAGS = ("color_tags", "spec_tags")
ITEM_COLUMNS = (
    "item_id", "content_hash", "title", "brand", "description", "image_path",
    *(name for name in (*NUMERIC, *CATEGORICAL, *TAGS) if name != "brand"),
)  # fmt: skip
QUERY_COLUMNS = ("query_id", "user_id", "text", "image_path", "audio_path", "occurred_at")

Row = dict[str, Any]

_CLAUSE = re.compile(r"[,;:.!?，；：。！？、]+\s*|\n+")
_CHINESE = re.compile(r"[\u3400-\u9fff]")


def newest_night(lake: Lake) -> date:
    """The newest logical date whose marts are built.

    Raises:
        MissingPartition: If there is none.
    """
    dates = lake.dates("marts/dim_item")
    if not dates:
        raise MissingPartition(
            "There are no marts to learn from yet: run a night first, with `handpick run`."
        )
    return dates[-1]


def items(night: Night) -> pa.Table:
    """All phones as of tonight, by `item_id`."""
    return night.lake.read("marts/dim_item", night.logical_date, list(ITEM_COLUMNS)).sort_by("item_id")


def queries(night: Night) -> pa.Table:
    """All queries through tonight, by `query_id`, each once."""
    rows = night.lake.read_through("marts/fct_queries", night.logical_date, list(QUERY_COLUMNS))
    _, firsts = np.unique(rows["query_id"].to_numpy(zero_copy_only=False).astype(str), return_index=True)
    return rows.take(pa.array(firsts))


def phone_text(row: Row) -> str:
    """What the shop says of a phone, in one text: its name, its description, and its sheet's outstanding features."""
    tags = ", ".join(tag.replace("-", " ") for tag in row.get("spec_tags") or ())
    parts = (row.get("title"), row.get("description"), tags)
    return ". ".join(part.strip().rstrip(".") for part in parts if part and part.strip())


def sheet(row: Row) -> Row:
    """A phone's figures as logarithms, categories and tags, as the specifications encoder reads them."""
    told = {name: row.get(name) for name in (*CATEGORICAL, *TAGS)}
    for name in NUMERIC:
        value = row.get(name)
        told[name] = math.log(value) if value is not None and 0 < value < math.inf else None
    return told


def sheet_text(told: Row) -> str:
    """A sheet as text that is the same for the same sheet."""
    return json.dumps(told, sort_keys=True, ensure_ascii=False)


def texts(phones: Sequence[Row], typed: Iterable[str | None], most: int, seed: int) -> list[str]:
    """Different texts of the catalogue and of typed queries, sorted; drawn evenly where there are more than `most`."""
    found = sorted({text for text in (*map(phone_text, phones), *typed) if text})
    return evenly(found, most, seed)


def evenly(things: Sequence[Any], most: int, seed: int) -> list[Any]:
    """At most `most` of the things, drawn without repetition, in their order."""
    if len(things) <= most:
        return list(things)
    chosen = np.random.default_rng(seed).choice(len(things), most, replace=False)
    return [things[place] for place in np.sort(chosen)]


def phrases(phones: Sequence[Row], typed: Iterable[str | None], most: int, seed: int) -> list[str]:
    """What people may say: the clauses that they type, the most frequent first; clauses of descriptions fill up.

    Half of the phrases are two clauses in a row, because people ask for more than one thing at a time.
    """
    counts = Counter(clause for text in typed if text for clause in clauses(text))
    told = Counter(
        clause for row in phones if row.get("description") for clause in clauses(row["description"])
    )
    known = [*_by_count(counts), *(clause for clause in _by_count(told) if clause not in counts)][:most]
    random = np.random.default_rng(seed)
    alone = known[: max(1, most // 2)]
    pairs: dict[str, None] = {}
    for language in (True, False):
        same = [clause for clause in alone if is_chinese(clause) == language]
        for _ in range(len(same) if len(same) > 1 else 0):
            one, two = random.choice(len(same), 2, replace=False)
            pairs[f"{same[one]}{'，' if language else ', '}{same[two]}"] = None
    return [*alone, *list(pairs)[: most - len(alone)]]


def clauses(text: str) -> list[str]:
    """The parts between stops and commas, English and Chinese."""
    return [part.strip() for part in _CLAUSE.split(text) if len(part.strip()) > 1]


def is_chinese(text: str) -> bool:
    """Whether it holds a Chinese character."""
    return bool(_CHINESE.search(text))


def _by_count(counts: Counter[str]) -> list[str]:
    return sorted(counts, key=lambda clause: (-counts[clause], clause))
