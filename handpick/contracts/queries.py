"""The contract of the source `queries`: search queries as text, picture or voice recording."""

from __future__ import annotations

from handpick.contracts.contract import Column, Contract, Freshness, Reference, Volume
from handpick.contracts.patterns import ID_PATTERN, PATH_PATTERN

QUERIES = Contract(
    source="queries",
    version="1",
    description="A search query of a customer, as text, picture or voice recording.",
    key=("query_id",),
    is_log=True,
    any_of=("text", "image_path", "audio_path"),
    references=(Reference("user_id", "users", "user_id"),),
    freshness=Freshness("occurred_at", warn_hours=24 * 7, stop_hours=24 * 3650),
    volume=Volume(min_ratio=0.02, max_ratio=50),
    max_days_late=30,
    columns=(
        Column(
            "query_id",
            "string",
            "Identifier of the query, unique over all nights.",
            is_required=True,
            pattern=ID_PATTERN,
        ),
        Column("user_id", "string", "The customer.", is_required=True, pattern=ID_PATTERN),
        Column("text", "string", "Text of the query in any language."),
        Column(
            "image_path",
            "string",
            "Path of the picture, relative to the media root.",
            pattern=PATH_PATTERN,
            severity="warning",
        ),
        Column(
            "audio_path",
            "string",
            "Path of the voice recording, relative to the media root.",
            pattern=PATH_PATTERN,
            severity="warning",
        ),
        Column("occurred_at", "timestamp", "Time of the query, UTC.", is_required=True, must_be_past=True),
    ),
)
