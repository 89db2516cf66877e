"""The contract of the source `users`: customer accounts."""

from __future__ import annotations

from handpick.contracts.contract import Column, Contract
from handpick.contracts.patterns import ID_PATTERN

USERS = Contract(
    source="users",
    version="1",
    description="A customer; a later row for the same customer replaces the earlier one.",
    key=("user_id",),
    columns=(
        Column(
            "user_id",
            "string",
            "The shop's identifier of the customer.",
            is_required=True,
            pattern=ID_PATTERN,
        ),
        Column(
            "signed_up_at", "timestamp", "Time of the registration, UTC.", is_required=True, must_be_past=True
        ),
        Column(
            "country",
            "string",
            "ISO 3166 country code of two letters.",
            pattern=r"[A-Za-z]{2}",
            severity="warning",
        ),
        Column(
            "locale",
            "string",
            "Language, such as `en` or `zh-CN`.",
            pattern=r"[A-Za-z]{2,3}([-_][A-Za-z0-9]+)*",
            severity="warning",
        ),
        Column(
            "owned_item_id",
            "string",
            "The phone that the customer owns now.",
            pattern=ID_PATTERN,
            severity="warning",
        ),
        Column("consent", "boolean", "Whether the customer consented to recommendations.", is_required=True),
    ),
)
