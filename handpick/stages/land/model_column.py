"""Finds a catalogue's column of models, which colours and memory sizes of a phone share, and verifies it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

import pyarrow as pa

MODEL_ID_NAMES = (
    "modelid", "parentid", "parentasin", "parentsku", "parentproductid", "parentcode", "itemgroupid",
    "groupid", "productgroupid", "variantgroupid", "variantgroup", "variantof", "namespaceid", "masterid",
    "mastersku", "masterproductid", "styleid", "spu", "spuid", "model", "modelname", "modell", "modele",
    "modelo", "modello",
)  # fmt: skip
"""Names of such columns, letters and digits only, the most telling first."""
MIN_FILLED = 0.5
"""Share of the rows that must have a model."""
MIN_ALIKE = 0.95
"""Share of models whose phones must have one brand, and titles that begin alike."""
_SIZE = re.compile(r"\d\s*(?:GB|TB|ГБ|ТБ|Go|To)\b", re.IGNORECASE)


def find_model_column(rows: pa.Table, mapped: Mapping[str, str]) -> tuple[str | None, str]:
    """Find the column that says which phones are variants of one model.

    Args:
        rows: The catalogue, as text.
        mapped: The columns that were matched already, by contract column; none of them is taken.

    Returns:
        The column or None; and the doubt about a column that is called like one, empty for none.
    """
    if "title" not in mapped:
        return None, ""
    by_name = {
        re.sub(r"[^a-z0-9]", "", name.lower()): name
        for name in rows.column_names
        if name not in mapped.values()
    }
    doubt = ""
    for name in MODEL_ID_NAMES:
        if name not in by_name:
            continue
        problem = _find_problem(rows, by_name[name], mapped)
        if problem is None:
            return by_name[name], ""
        doubt = doubt or problem
    return None, doubt


def _find_problem(rows: pa.Table, column: str, mapped: Mapping[str, str]) -> str | None:
    """Return what speaks against a column of models: a question, empty if it is none at all; or None."""
    titles = [text or "" for text in rows.column(mapped["title"]).to_pylist()]
    brands = rows.column(mapped["brand"]).to_pylist() if "brand" in mapped else [None] * len(titles)
    groups: dict[str, list[int]] = defaultdict(list)
    for number, value in enumerate(rows.column(column).to_pylist()):
        if value and value.strip():
            groups[value.strip()].append(number)
    several = {
        value: members for value, members in groups.items() if len({titles[one] for one in members}) > 1
    }
    filled = sum(len(members) for members in groups.values())
    if not several or len(groups) < 2 or filled < MIN_FILLED * len(titles):
        return ""
    # With the memory in it, it tells variants apart and does not join them.
    if sum(_SIZE.search(value) is not None for value in groups) > 0.05 * len(groups):
        return ""
    mixed = [
        members
        for members in several.values()
        if len({(brands[one] or "").strip().lower() for one in members}) > 1
        or not _begin_alike([titles[one] for one in members])
    ]
    if len(mixed) <= (1 - MIN_ALIKE) * len(several):
        return None
    shown = ", ".join(repr(titles[one][:40]) for one in mixed[0][:2])
    return (
        f"model_id: {column} was not mapped, as it would make one model of {shown}; set columns.model_id if "
        "it names what variants share"
    )


def _begin_alike(titles: list[str]) -> bool:
    """Return whether titles share their first two words, or the only one."""
    heads = {tuple(title.lower().split()[:2]) for title in titles}
    return len(heads) == 1
