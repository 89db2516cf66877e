"""Names, types and descriptions of the features of users and phones.

This module does not import Feast, so that stages that only read features start fast.
"""

from typing import NamedTuple

WINDOWS = ("7d", "30d", "all")
"""Windows of whole days over which events are counted."""


class FeatureColumn(NamedTuple):
    """A feature column.

    Args:
        name: Name of the column.
        kind: Name of its type in `feast.types`.
        description: What it means.
    """

    name: str
    kind: str
    description: str = ""


def _make_count_columns(*events: str) -> tuple[FeatureColumn, ...]:
    """Return one count column for each event and window."""
    return tuple(
        FeatureColumn(f"{event}_count_{window}", "Int64", f"{event} events, {window}")
        for event in events
        for window in WINDOWS
    )


USER_ACTIVITY = (
    *_make_count_columns("view", "cart", "purchase", "query"),
    FeatureColumn("mean_viewed_price_30d", "Float64", "Mean price of phones viewed, 30 days"),
    FeatureColumn("distinct_brand_count_30d", "Int64", "Brands viewed, carted or bought, 30 days"),
    FeatureColumn("owned_price", "Float64", "Price of the phone that the user owns"),
    FeatureColumn("last_active_at", "UnixTimestamp", "End of the last day with an event"),
)

ITEM_STATISTICS = (
    *_make_count_columns("impression", "view", "cart", "purchase", "return"),
    FeatureColumn("rating_mean", "Float64", "Mean stars"),
    FeatureColumn("view_rate_30d", "Float64", "Views per impression, 30 days"),
    FeatureColumn("price_change_30d", "Float64", "Relative change of price, 30 days"),
)

AT_SCORING = (
    FeatureColumn("days_since_last_event", "Float64"),
    FeatureColumn("phone_age_days", "Float64"),
    FeatureColumn("price_gap_to_owned", "Float64"),
)
"""Features computed on demand.

They have no descriptions: Feast compares them with the columns that it infers, which have none.
"""
