"""The contract of the source `catalog`: the phones that the shop sells."""

from __future__ import annotations

from handpick.contracts.contract import Column, Contract, Freshness
from handpick.contracts.patterns import ID_PATTERN, PATH_PATTERN

CATALOG = Contract(
    source="catalog",
    version="1",
    description="A phone as sold; a later row for the same phone replaces the earlier one.",
    key=("item_id", "updated_at"),
    freshness=Freshness("updated_at", warn_hours=24 * 30, stop_hours=24 * 3650),
    columns=(
        Column(
            "item_id", "string", "The shop's identifier of the phone.", is_required=True, pattern=ID_PATTERN
        ),
        Column("title", "string", "Name of the product.", is_required=True),
        Column("brand", "string", "Manufacturer."),
        Column("description", "string", "Sales text in any language."),
        Column(
            "model_id",
            "string",
            "The shop's identifier of the model, which its colours and memory sizes share; empty: by title.",
            severity="warning",
        ),
        Column("specs", "json", "Raw specification strings, as a JSON object.", severity="warning"),
        Column(
            "price",
            "number",
            "Price in `currency`; empty where unknown.",
            min_value=0.01,
            max_value=100_000_000,
        ),
        Column(
            "currency", "string", "ISO 4217 code of the price.", pattern=r"[A-Za-z]{3}", severity="warning"
        ),
        Column(
            "release_date",
            "date",
            "First day of sale; empty where unknown.",
            max_days_ahead=730,
            severity="warning",
        ),
        Column(
            "in_stock",
            "boolean",
            "Whether the phone can be bought now; a number of pieces is understood.",
            is_required=True,
            can_be_count=True,
        ),
        Column(
            "image_path",
            "string",
            "Path of the picture, relative to the media root.",
            pattern=PATH_PATTERN,
            severity="warning",
        ),
        Column(
            "updated_at",
            "timestamp",
            "Time of the shop's last change of the row, UTC.",
            is_required=True,
            must_be_past=True,
        ),
    ),
)
