"""The contract of the source `events`: impressions, views, carts, purchases, returns and ratings."""

from __future__ import annotations

from handpick.contracts.contract import Column, Contract, Freshness, Reference, Volume
from handpick.contracts.patterns import EVENT_TYPES, ID_PATTERN

EVENTS = Contract(
    source="events",
    version="1",
    description="An interaction of a customer with a phone.",
    key=("event_id",),
    is_log=True,
    references=(Reference("user_id", "users", "user_id"), Reference("item_id", "catalog", "item_id")),
    freshness=Freshness("occurred_at", warn_hours=24, stop_hours=24 * 60),
    volume=Volume(min_ratio=0.1, max_ratio=20),
    max_days_late=30,
    columns=(
        Column(
            "event_id",
            "string",
            "Identifier of the event, unique over all nights.",
            is_required=True,
            pattern=ID_PATTERN,
        ),
        Column("user_id", "string", "The customer.", is_required=True, pattern=ID_PATTERN),
        Column("item_id", "string", "The phone.", is_required=True, pattern=ID_PATTERN),
        Column("event_type", "string", "Type of the event.", is_required=True, allowed_values=EVENT_TYPES),
        Column(
            "value",
            "number",
            "Position of an impression from 1, stars of a rating from 1 to 5, price paid of a purchase.",
            min_value=0,
            max_value=100_000_000,
        ),
        Column("occurred_at", "timestamp", "Time of the event, UTC.", is_required=True, must_be_past=True),
        Column("session_id", "string", "The session, where the shop knows it."),
        Column("list_version", "string", "The list version that was shown, for impressions of lists."),
    ),
)
