"""Declared column lineage of lake and serving tables; that of dbt models comes from dbt's manifest.

An entry reads `table: {column: inputs}`. The column `*` stands for all columns that are not named; the input
`table.*` for the input's column of the same name, and `table.=` for the table as a whole, where no single
column is meant. Tables without an entry are derived as a whole from what the registry says that their stage
reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from handpick.lineage.dbt_columns import WHOLE_TABLE
from handpick.pipeline.registry import Stage, find_writing_stage
from handpick.serving.relations import RELATIONS

Inputs = tuple[str, ...]
DBT_TABLES = "marts"
"""Tables whose lineage is read from dbt's manifest."""

_MODEL_INPUTS = (
    "marts/fct_interactions.weight",
    "marts/fct_interactions.event_type",
    "marts/fct_interactions.occurred_at",
    "marts/dim_item.=",
    "marts/dim_user.=",
    "marts/fct_queries.=",
    "embeddings/items.text",
    "embeddings/items.image",
    "embeddings/queries.=",
    "features/training.=",
    "features/users.=",
    "features/items.=",
)
_SCORED = ("models.=", "evaluation.=", "gate.=", *_MODEL_INPUTS[3:9], "features/users.=", "features/items.=")
_VARIANTS = tuple(
    f"marts/dim_item.{name}" for name in ("variant_group_id", "title", "ram_gb", "storage_gb", "is_in_stock")
)

COLUMN_INPUTS: Mapping[str, Mapping[str, Inputs]] = {
    "raw/catalog": {"*": ("landing/catalog.*",)},
    "raw/users": {"*": ("landing/users.*",)},
    "raw/events": {"*": ("landing/events.*",)},
    "raw/queries": {"*": ("landing/queries.*",)},
    "valid/catalog": {"*": ("raw/catalog.*",)},
    "valid/users": {"*": ("raw/users.*",)},
    "valid/events": {"*": ("raw/events.*",)},
    "valid/queries": {"*": ("raw/queries.*",)},
    "clean/items": {
        "*": ("valid/catalog.specs",),
        **{
            name: (f"valid/catalog.{name}",)
            for name in ("item_id", "title", "description", "release_date", "updated_at")
        },
        "brand": ("valid/catalog.brand",),
        "brand_key": ("valid/catalog.brand",),
        "model_line": ("valid/catalog.title", "valid/catalog.brand"),
        "generation": ("valid/catalog.title", "valid/catalog.brand"),
        "variant_group_id": ("valid/catalog.model_id", "valid/catalog.title", "valid/catalog.brand"),
        "price": ("valid/catalog.price", "valid/catalog.currency"),
        "currency_stated": ("valid/catalog.currency",),
        "first_seen_date": ("valid/catalog.updated_at",),
        "is_in_stock": ("valid/catalog.in_stock",),
        "image_path": ("valid/catalog.image_path",),
        "content_hash": tuple(f"valid/catalog.{name}" for name in ("title", "brand", "description", "specs")),
    },
    "clean/item_price_history": {
        "item_id": ("valid/catalog.item_id",),
        "price": ("valid/catalog.price", "valid/catalog.currency"),
        "is_in_stock": ("valid/catalog.in_stock",),
        "valid_from": ("valid/catalog.updated_at",),
    },
    "clean/users": {"*": ("valid/users.*",), "is_consented": ("valid/users.consent",)},
    "clean/queries": {"*": ("valid/queries.*",)},
    "clean/interactions": {
        "*": ("valid/events.*",),
        "session_id": ("valid/events.session_id", "valid/events.occurred_at", "valid/events.user_id"),
        "position": ("valid/events.value",),
        "shown_position": ("valid/events.value",),
        "weight": ("valid/events.event_type", "valid/events.value"),
        "is_bot": ("valid/events.user_id", "valid/events.occurred_at"),
    },
    "clean/item_pairs": {
        "*": (
            "clean/interactions.item_id",
            "clean/interactions.session_id",
            "clean/interactions.event_type",
        )
    },
    "clean/item_daily": {
        "*": ("clean/interactions.event_type",),
        "item_id": ("clean/interactions.item_id",),
        "event_date": ("clean/interactions.occurred_at",),
        "rating_sum": ("clean/interactions.value",),
    },
    "clean/user_daily": {
        "*": ("clean/interactions.event_type",),
        "user_id": ("clean/interactions.user_id",),
        "event_date": ("clean/interactions.occurred_at",),
        "rating_sum": ("clean/interactions.value",),
        "viewed_price_sum": ("clean/items.price", "clean/interactions.event_type"),
        "session_count": ("clean/interactions.session_id",),
    },
    "embeddings/items": {
        "item_id": ("marts/dim_item.item_id",),
        "content_hash": ("marts/dim_item.content_hash",),
        "text": tuple(f"marts/dim_item.{name}" for name in ("title", "brand", "description", "specs_raw")),
        "image": ("marts/dim_item.image_path", "landing/media.="),
    },
    "embeddings/queries": {
        "query_id": ("marts/fct_queries.query_id",),
        "text": ("marts/fct_queries.text",),
        "image": ("marts/fct_queries.image_path", "landing/media.="),
        "audio": ("marts/fct_queries.audio_path", "landing/media.="),
    },
    "features/users": {"*": ("marts/mart_user_activity.*",)},
    "features/items": {"*": ("marts/mart_item_statistics.*",)},
    "features/training": {
        "*": ("marts/mart_user_activity_history.*",),
        "event_id": ("marts/fct_interactions.event_id",),
        "user_id": ("marts/fct_interactions.user_id",),
        "item_id": ("marts/fct_interactions.item_id",),
        "event_timestamp": ("marts/fct_interactions.occurred_at",),
        "phone_age_days": (
            "marts/dim_item.release_date",
            "marts/dim_item.first_seen_date",
            "marts/fct_interactions.occurred_at",
        ),
        "price_gap_to_owned": (
            "clean/item_price_history.price",
            "marts/mart_user_activity_history.owned_price",
        ),
        "days_since_last_event": (
            "marts/mart_user_activity_history.event_timestamp",
            "marts/fct_interactions.occurred_at",
        ),
    },
    "models": {"*": _MODEL_INPUTS},
    "evaluation": {"*": ("models.=", "marts/fct_interactions.weight")},
    "gate": {"*": ("evaluation.=",)},
    "lists/recommendations": {
        "*": _SCORED,
        "user_id": ("marts/dim_user.user_id",),
        "item_id": ("marts/dim_item.item_id", *_SCORED),
        **dict.fromkeys(("experiment", "variant"), ("marts/dim_user.=",)),
        "phone_variants": _VARIANTS,
    },
    "lists/similar_items": {
        "*": _SCORED,
        "item_id": ("marts/dim_item.item_id",),
        "phone_variants": _VARIANTS,
    },
    "lists/popular_items": {
        "*": ("marts/fct_interactions.weight", "marts/dim_user.country"),
        "item_id": ("marts/dim_item.item_id",),
        "phone_variants": _VARIANTS,
    },
    **{f"serving.{relation.name}": {"*": (f"{relation.lake_table}.*",)} for relation in RELATIONS},
}


def list_declared_tables(stage: Stage) -> dict[str, Mapping[str, Inputs]]:
    """Return the column lineage of each table that a stage writes; dbt's models are not among them.

    What has no declaration of its own is derived, as a whole, from everything that the stage reads.
    """
    tables = {
        table: columns for table, columns in COLUMN_INPUTS.items() if find_writing_stage(table) == stage
    }
    for written in stage.writes:
        if written != DBT_TABLES and not _list_tables_below(written, tables):
            inputs = [
                table for read in stage.reads for table in _list_tables_below(read, COLUMN_INPUTS) or [read]
            ]
            tables[written] = {"*": tuple(f"{table}.{WHOLE_TABLE}" for table in inputs)}
    return tables


def _list_tables_below(first: str, tables: Iterable[str]) -> list[str]:
    """Return the tables whose name is, or begins with, a first part such as `clean`."""
    return [table for table in tables if re.split(r"[/.]", table, maxsplit=1)[0] == first]
