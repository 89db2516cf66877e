"""Which of the owner's columns a contract column may be, by name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

SYNONYMS: dict[str, tuple[str, ...]] = {
    "item_id": (
        "asin",
        "sku",
        "product_id",
        "productid",
        "article",
        "article_number",
        "id",
        "phone_id",
        "item",
    ),
    "title": ("name", "product_name", "product", "model", "model_name", "phone", "phone_name", "item_name"),
    "brand": ("maker", "manufacturer", "vendor", "oem", "company"),
    "description": ("desc", "details", "summary", "text", "features"),
    "specs": ("specifications", "spec", "attributes", "properties"),
    "price": ("cost", "amount", "current_price", "sale_price", "misc_price", "price_eur", "price_usd"),
    "currency": ("ccy", "currency_code"),
    "release_date": ("launch", "launched", "announced", "launch_announced", "released", "year"),
    "in_stock": ("available", "availability", "stock", "is_available", "status", "launch_status"),
    "image_path": ("image", "img", "img_url", "picture", "photo", "thumbnail", "image_url"),
    "audio_path": ("audio", "voice", "recording"),
    "updated_at": (
        "modified",
        "modified_at",
        "last_modified",
        "update_time",
        "changed_at",
        "updated",
        "timestamp",
        "scraped_at",
        "crawled_at",
    ),
    "user_id": (
        "customer_id",
        "customer",
        "user",
        "reviewerid",
        "reviewer_id",
        "client_id",
        "account_id",
        "uid",
    ),
    "signed_up_at": ("created_at", "registered_at", "signup", "joined", "registration_date", "created"),
    "country": ("country_code", "nation", "region"),
    "locale": ("language", "lang", "language_code"),
    "owned_item_id": ("owned", "current_phone", "device", "owned_phone"),
    "consent": ("gdpr", "opt_in", "marketing_consent", "agreed"),
    "event_id": ("id", "uuid", "event_uuid", "log_id"),
    "event_type": ("type", "event", "action", "event_name", "behavior", "activity"),
    "value": ("rating", "stars", "overall", "score", "quantity", "amount"),
    "occurred_at": (
        "timestamp",
        "time",
        "event_time",
        "ts",
        "date",
        "unixreviewtime",
        "created_at",
        "datetime",
    ),
    "session_id": ("session", "visit_id", "user_session"),
    "list_version": ("version", "list"),
    "query_id": ("id", "search_id", "question_id"),
    "text": ("query", "question", "search", "search_term", "q", "keywords"),
}


def likely(column: str, names: Sequence[str]) -> str | None:
    """The owner's column that is most likely this one, or None."""
    scored = sorted(((name_score(column, name), name) for name in names), reverse=True)
    return scored[0][1] if scored and scored[0][0] >= 0.6 else None


def name_score(column: str, name: str) -> float:
    """How alike two column names are, 0 to 1: equal, a known other name, or similar letters."""
    plain, target = _plain(name), _plain(column)
    if plain == target:
        return 1.0
    for place, synonym in enumerate(SYNONYMS.get(column, ())):
        if plain == _plain(synonym):
            return 0.95 - 0.01 * place
    return 0.85 * SequenceMatcher(None, plain, target).ratio()


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
