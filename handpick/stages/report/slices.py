"""What the slices of the evaluation are, in words, and which of them are the same tonight."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

SLICES = {
    "all": "all test users, all phones on sale",
    "warm": "users who had shown a preference before the test window",
    "cold_user": "users who had shown none before it",
    "query_only": "those users without a preference who had sent a query",
    "cold_item": "only phones without an event in training count as right",
    "launch_week": "only phones released in the week before the test window count as right",
}
COLD_ITEM_NOTE = (
    "In cold_item and launch_week all phones compete, but only new ones count as right. The oracle ranks by "
    "the users' hidden preferences, also for phones that are not new; a model that favours new phones can "
    "therefore beat it there, and not over all users."
)


def explain_slices(names: Sequence[str], has_oracle: bool) -> list[tuple[str, str]]:
    """Return each slice with what it is, and a note about the oracle where there is one."""
    found = [(name, SLICES[name]) for name in names if name in SLICES]
    found += [
        (name, f"the users of the kind {name.replace('_', ' ')}") for name in names if name not in SLICES
    ]
    if has_oracle and "cold_item" in names:
        found.append(("oracle", COLD_ITEM_NOTE))
    return found


def find_twins(rows: Iterable[tuple[str, str, float, int]]) -> list[str]:
    """Return a sentence for each pair of slices in which every model has the same users and the same value.

    Args:
        rows: Model, slice, value and users of each measurement.
    """
    columns: dict[str, dict[str, Any]] = {}
    for member, name, value, users in rows:
        columns.setdefault(name, {})[member] = (value, users)
    names = list(columns)
    return [
        f"{names[later]} is the same as {names[first]} tonight: the same users, and the same phones count."
        for first in range(len(names))
        for later in range(first + 1, len(names))
        if columns[names[first]] == columns[names[later]]
    ]
