"""The four sources. This is the only place where their columns and bounds are written down."""

from __future__ import annotations

from handpick.contracts.contract import Column, Contract, Reference

ID = r"[^\s\x00-\x1f]{1,128}"
PATH = r"[^\x00-\x1f]{1,1024}"
EVENT_TYPES = ("impression", "view", "cart", "purchase", "return", "rating")

CATALOG = Contract(
    source="catalog",
    version="1",
    about="A phone as sold; a later row for the same phone replaces the earlier one.",
    key=("item_id", "updated_at"),
    columns=(
        Column("item_id", "string", "The shop's identifier of the phone.", is_required=True, pattern=ID),
        Column("title", "string", "Name on the shelf.", is_required=True),
        Column("brand", "string", "Maker."),
        Column("description", "string", "Sales text, any language."),
        Column("specs", "json", "Raw specification strings, as a JSON object."),
        Column(
            "price", "number", "Price in `currency`; empty where unknown.", at_least=0.01, at_most=1_000_000
        ),
        Column("currency", "string", "ISO 4217 code of the price.", pattern=r"[A-Za-z]{3}"),
        Column("release_date", "date", "First day of sale; empty where unknown."),
        Column("in_stock", "boolean", "Whether it can be bought now.", is_required=True),
        Column("image_path", "string", "Picture, relative to the media root.", pattern=PATH),
        Column(
            "updated_at", "timestamp", "When the shop last changed the row.", is_required=True, is_past=True
        ),
    ),
)

USERS = Contract(
    source="users",
    version="1",
    about="A customer; a later row for the same customer replaces the earlier one.",
    key=("user_id",),
    columns=(
        Column("user_id", "string", "The shop's identifier of the customer.", is_required=True, pattern=ID),
        Column("signed_up_at", "timestamp", "When the account was made.", is_required=True, is_past=True),
        Column("country", "string", "ISO 3166 code, two letters.", pattern=r"[A-Za-z]{2}"),
        Column(
            "locale",
            "string",
            "Language, such as `en` or `zh-CN`.",
            pattern=r"[A-Za-z]{2,3}([-_][A-Za-z0-9]+)*",
        ),
        Column("owned_item_id", "string", "The phone that the customer has now.", pattern=ID),
        Column("consent", "boolean", "Whether lists may be made for this customer.", is_required=True),
    ),
)

EVENTS = Contract(
    source="events",
    version="1",
    about="Something a customer did.",
    key=("event_id",),
    is_log=True,
    references=(Reference("user_id", "users", "user_id"), Reference("item_id", "catalog", "item_id")),
    columns=(
        Column("event_id", "string", "Unique for ever.", is_required=True, pattern=ID),
        Column("user_id", "string", "Who.", is_required=True, pattern=ID),
        Column("item_id", "string", "Which phone.", is_required=True, pattern=ID),
        Column("event_type", "string", "What happened.", is_required=True, one_of=EVENT_TYPES),
        Column(
            "value",
            "number",
            "Position of an impression from 1, stars of a rating from 1 to 5, price paid of a purchase.",
            at_least=0,
            at_most=10_000_000,
        ),
        Column("occurred_at", "timestamp", "When, UTC.", is_required=True, is_past=True),
        Column("session_id", "string", "The visit, where the shop knows it."),
        Column("list_version", "string", "The list version that was shown, for impressions of lists."),
    ),
)

QUERIES = Contract(
    source="queries",
    version="1",
    about="Something a customer asked, in words, with a picture or by voice.",
    key=("query_id",),
    is_log=True,
    any_of=("text", "image_path", "audio_path"),
    references=(Reference("user_id", "users", "user_id"),),
    columns=(
        Column("query_id", "string", "Unique for ever.", is_required=True, pattern=ID),
        Column("user_id", "string", "Who.", is_required=True, pattern=ID),
        Column("text", "string", "Typed words, any language."),
        Column("image_path", "string", "Picture, relative to the media root.", pattern=PATH),
        Column("audio_path", "string", "Voice, relative to the media root.", pattern=PATH),
        Column("occurred_at", "timestamp", "When, UTC.", is_required=True, is_past=True),
    ),
)

CONTRACTS: dict[str, Contract] = {contract.source: contract for contract in (CATALOG, USERS, EVENTS, QUERIES)}
"""Contracts by source, in the order in which references need them."""
