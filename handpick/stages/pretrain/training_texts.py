"""Texts that the encoders are trained on: of the catalogue, of queries, and the phrases that are spoken."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from handpick.dataset.item_text import Row, format_item_text

_CLAUSE_END = re.compile(r"[,;:.!?，；：。！？、]+\s*|\n+")
_CHINESE = re.compile(r"[\u3400-\u9fff]")


def collect_texts(items: Iterable[Row], typed: Iterable[str | None]) -> list[str]:
    """Return the distinct texts of the catalogue and of typed queries, sorted."""
    return sorted({text for text in (*map(format_item_text, items), *typed) if text})


def sample_evenly(values: Sequence[Any], count: int, seed: int) -> list[Any]:
    """Return at most `count` of the values, drawn uniformly without replacement, in their order."""
    if len(values) <= count:
        return list(values)
    chosen = np.random.default_rng(seed).choice(len(values), count, replace=False)
    return [values[place] for place in np.sort(chosen)]


def rank_clauses(items: Iterable[Row], typed: Iterable[str | None]) -> list[str]:
    """Return clauses that people may say, the most frequent first: of queries, then of descriptions."""
    queried = Counter(clause for text in typed if text for clause in split_clauses(text))
    described = Counter(
        clause for row in items if row.get("description") for clause in split_clauses(row["description"])
    )
    return [
        *_sort_by_count(queried),
        *(clause for clause in _sort_by_count(described) if clause not in queried),
    ]


def count_single_phrases(count: int) -> int:
    """Return how many of `count` phrases are single clauses: half of them."""
    return max(1, count // 2)


def draw_phrases(clauses: Sequence[str], count: int, seed: int) -> list[str]:
    """Return at most `count` phrases: half of them single clauses, half of them two clauses in a row.

    Both clauses of a pair are in one language, as people state several wishes at once, but do not mix
    languages.

    Args:
        clauses: Clauses, the most frequent first.
        count: Phrases at most.
        seed: Seed of the draw of pairs.
    """
    # The most frequent clauses are the likeliest queries, so they are spoken first and paired.
    single = clauses[: count_single_phrases(count)]
    random = np.random.default_rng(seed)
    pairs: dict[str, None] = {}  # a dict keeps the order of the draw, a set would not
    for language in (True, False):
        same = [clause for clause in single if is_chinese(clause) == language]
        for _ in range(len(same) if len(same) > 1 else 0):
            one, two = random.choice(len(same), 2, replace=False)
            pairs[f"{same[one]}{'，' if language else ', '}{same[two]}"] = None
    return [*single, *list(pairs)[: count - len(single)]]


def split_clauses(text: str) -> list[str]:
    """Return the parts of a text between stops and commas, English and Chinese, of two characters or more."""
    return [part.strip() for part in _CLAUSE_END.split(text) if len(part.strip()) > 1]


def is_chinese(text: str) -> bool:
    """Return whether a text holds a Chinese character."""
    return bool(_CHINESE.search(text))


def _sort_by_count(counts: Counter[str]) -> list[str]:
    """Return the most frequent first, equally frequent ones in the order of their text."""
    return sorted(counts, key=lambda clause: (-counts[clause], clause))
