"""Example users of a night and the top of their lists, for the report page and the terminal's summary."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

SHOWN_USERS = 5
"""Users whose lists are shown."""


def choose_example_users(lists: pa.Table, users: pa.Table, launched: set[str]) -> list[tuple[str, str]]:
    """Choose five users of different kinds: by queries, launches of the day, and activity.

    Args:
        lists: The night's `lists/recommendations`.
        users: The night's `dim_user`.
        launched: Items launched on the logical date.

    Returns:
        User and why they were chosen, the same for the same tables.
    """
    listed = set(lists["user_id"].unique().to_pylist())
    people = users.select(["user_id", "is_query_only", "is_cold", "event_count"]).to_pylist()
    people = sorted((row for row in people if row["user_id"] in listed), key=lambda row: row["user_id"])
    by_launch = lists.filter(pc.is_in(lists["item_id"], pa.array(sorted(launched), pa.string())))
    offered = by_launch.sort_by([("rank", "ascending"), ("user_id", "ascending")])["user_id"].to_pylist()
    queried = [row["user_id"] for row in people if row["is_query_only"]]
    cold = [row["user_id"] for row in people if row["is_cold"] and not row["is_query_only"]]
    busy = [
        row["user_id"] for row in sorted(people, key=lambda row: (-(row["event_count"] or 0), row["user_id"]))
    ]
    kinds = [
        ("has sent queries, but has no events", queried),
        ("offered a phone launched today", offered),
        ("has neither events nor queries", cold),
        ("has the most events", busy),
        # Users from the middle of the order by activity, so that not all examples are the busiest ones.
        ("an active customer", busy[len(busy) // 4 :]),
        ("an average customer", busy[len(busy) // 2 :]),
    ]
    chosen: list[tuple[str, str]] = []
    for about, candidates in kinds:
        taken = {user for user, _ in chosen}
        fresh = next((user for user in candidates if user not in taken), None)
        if fresh is not None and len(chosen) < SHOWN_USERS:
            chosen.append((fresh, about))
    return chosen


def join_list_with_items(lists: pa.Table, items: pa.Table, user_id: str, n: int) -> list[dict[str, Any]]:
    """Return the first n rows of a user's list with the phones' titles and prices."""
    own = lists.filter(pc.equal(lists["user_id"], user_id)).sort_by("rank").slice(0, n)
    # A hash join does not keep the order of rows.
    named = own.join(items.select(["item_id", "title", "price"]), "item_id").sort_by("rank")
    return named.to_pylist()


def find_launched_items(items: pa.Table, day: date) -> set[str]:
    """Return the items whose release date is the given day."""
    return set(
        items.filter(pc.equal(items["release_date"], pa.scalar(day, pa.date32())))["item_id"].to_pylist()
    )
