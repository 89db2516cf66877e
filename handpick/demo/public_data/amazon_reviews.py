"""Imports product reviews (a JSON object per line, also in a broken array) as `events` and `users`."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from handpick.errors import InputError
from handpick.ledger.flows import Flow

NEEDED = ("reviewerID", "asin", "overall", "unixReviewTime")
KEPT_ASIDE = ("summary", "reviewText", "helpful")
"""Columns that the contract does not know; landing keeps them in `_extra`."""


def import_amazon_reviews(file: Path, landing: Path, consent: bool = True) -> tuple[list[Path], list[Flow]]:
    """Write landing files of `events` (a rating per review) and `users` (a row per reviewer).

    Unparsable lines are copied, so that the night quarantines them with their text and the reason.

    Args:
        file: The reviews, with the columns of `NEEDED`.
        landing: The landing folder.
        consent: Whether lists may be made for these reviewers, which the data do not say.

    Returns:
        The files written, and the ledger lines of both sources.

    Raises:
        InputError: If a needed column is missing or no review has a time; nothing was written.
    """
    from handpick.demo.landing import write_json_lines
    from handpick.stages.land.json_lines import read_json

    table = read_json(file)
    missing = [name for name in NEEDED if name not in table.column_names]
    if missing:
        raise InputError(
            f"{file} has no {', '.join(missing)}; it has {', '.join(table.column_names)}. Nothing was "
            "written."
        )
    rows = table.to_pylist()
    events = [row["_raw"] if row.get("_raw") is not None else _build_event(row) for row in rows]
    parsed = [event for event in events if isinstance(event, dict)]
    moments = [event["occurred_at"] for event in parsed if _is_time(event["occurred_at"])]
    if not moments:
        raise InputError(f"{file}: no review has a time (unixReviewTime); nothing was written.")
    users = _build_users(parsed, consent)
    paths = []
    for source, lines in (("events", events), ("users", users)):
        # Dated by the newest review: the night of that day lands the whole history.
        path = landing / source / f"{source}-{max(moments)[:10]}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json_lines(path, lines)
        paths.append(path)
    nameless = sum(not (event["user_id"] and _is_time(event["occurred_at"])) for event in parsed)
    dropped = {
        "reviewer is there already": len(parsed) - nameless - len(users),
        "no reviewer or time": nameless,
    }
    return paths, [
        Flow("events", len(rows), len(events)),
        Flow("users", len(parsed), len(users), dropped),
    ]


def _build_event(row: dict[str, Any]) -> dict[str, Any]:
    """Build a rating event.

    Its id is a hash of the review, so that it is the same in every copy of the data.
    """
    content = "\x1f".join(str(row.get(name)) for name in (*NEEDED, "summary", "reviewText"))
    return {
        "event_id": f"review-{hashlib.sha256(content.encode()).hexdigest()[:20]}",
        "user_id": row["reviewerID"],
        "item_id": row["asin"],
        "event_type": "rating",
        "value": row["overall"],
        "occurred_at": _format_time(row["unixReviewTime"]),
        **{name: row[name] for name in KEPT_ASIDE if row.get(name)},
    }


def _format_time(seconds: str | None) -> str | None:
    """Format seconds since 1970 in ISO 8601; other text stays unchanged."""
    try:
        return datetime.fromtimestamp(int(seconds or ""), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return seconds


def _is_time(text: str | None) -> bool:
    """Return whether a text is a timestamp in the format of `_format_time`."""
    return text is not None and text[:4].isdigit() and text.endswith("Z")


def _build_users(events: list[dict[str, Any]], consent: bool) -> list[dict[str, Any]]:
    """Build a row per reviewer, whose sign-up is the first review."""
    first: dict[str, str] = {}
    for event in events:
        user, moment = event["user_id"], event["occurred_at"]
        if user and _is_time(moment):
            first[user] = min(first.get(user, moment), moment)
    return [
        {"user_id": user, "signed_up_at": moment, "country": None, "locale": None, "consent": consent}
        for user, moment in sorted(first.items())
    ]
