"""Feature views of users and phones, and the features that are computed on demand at scoring."""

from datetime import timedelta

import pandas as pd
from feast import FeatureView, types
from feast.field import Field
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Array, Bool, Float32, Float64, UnixTimestamp

from features import sources
from features.columns import AT_SCORING, ITEM_STATISTICS, USER_ACTIVITY, FeatureColumn
from features.entities import OWNER, item, user


def _make_fields(columns: tuple[FeatureColumn, ...]) -> list[Field]:
    """Return columns as Feast fields."""
    return [
        Field(name=column.name, dtype=getattr(types, column.kind), description=column.description)
        for column in columns
    ]


user_activity = FeatureView(
    name="user_activity",
    entities=[user],
    ttl=timedelta(days=730),
    schema=_make_fields(USER_ACTIVITY),
    source=sources.user_activity_source,
    description="What a user did, over three windows of whole days.",
    owner=OWNER,
    tags={"stage": "features", "table": "marts/mart_user_activity"},
)

item_statistics = FeatureView(
    name="item_statistics",
    entities=[item],
    ttl=timedelta(days=730),
    schema=_make_fields(ITEM_STATISTICS),
    source=sources.item_statistics_source,
    description="What all users did with a phone, over three windows of whole days.",
    owner=OWNER,
    tags={"stage": "features", "table": "marts/mart_item_statistics"},
)

item_offer = FeatureView(
    name="item_offer",
    entities=[item],
    ttl=timedelta(days=3650),
    schema=[
        Field(name="price", dtype=Float64, description="Price in the shop's currency"),
        Field(name="is_in_stock", dtype=Bool, description="Whether the phone is in stock"),
        Field(
            name="released_at",
            dtype=UnixTimestamp,
            description="Release date, or when the phone was first seen",
        ),
    ],
    source=sources.item_offer_source,
    description="A phone's price and stock over time.",
    owner=OWNER,
    tags={"stage": "features", "table": "clean/item_price_history"},
)

item_content = FeatureView(
    name="item_content",
    entities=[item],
    ttl=timedelta(days=3650),
    schema=[
        Field(name="text", dtype=Array(Float32), description="Embedding of title, description and specs"),
        Field(name="image", dtype=Array(Float32), description="Embedding of the picture"),
    ],
    source=sources.item_content_source,
    description="Embeddings of a phone's text and picture.",
    owner=OWNER,
    tags={"stage": "features", "table": "embeddings/items"},
)

user_queries = FeatureView(
    name="user_queries",
    entities=[user],
    ttl=timedelta(days=730),
    schema=[
        Field(name="query_text", dtype=Array(Float32), description="Mean embedding of the query texts"),
        Field(name="query_image", dtype=Array(Float32), description="Mean embedding of the query pictures"),
        Field(name="query_audio", dtype=Array(Float32), description="Mean embedding of the voice queries"),
    ],
    source=sources.user_queries_source,
    description="Mean embeddings of a user's queries by text, picture and voice.",
    owner=OWNER,
    tags={"stage": "features", "table": "embeddings/queries"},
)


@on_demand_feature_view(
    sources=[user_activity[["last_active_at", "owned_price"]], item_offer, sources.scoring_moment],
    schema=_make_fields(AT_SCORING),
    mode="pandas",
    description="Features of a user and a phone at the time of scoring: whole days since the user's last "
    "active day, days since the phone's release, and the phone's price relative to the price of the phone "
    "that the user owns.",
    owner=OWNER,
    tags={"stage": "features"},
)
def at_scoring(inputs: pd.DataFrame) -> pd.DataFrame:
    """Compute the features of each row of `inputs`; null where an input is unknown."""
    # Feast stores this function's source and runs it where this module's imports are missing.
    import pandas as pd

    def to_timestamps(column: str) -> "pd.Series[pd.Timestamp]":
        values = inputs[column]
        # Feast passes seconds as numbers when it infers the schema, and timestamps otherwise.
        return pd.to_datetime(values, utc=True, unit="s" if pd.api.types.is_numeric_dtype(values) else "ns")

    day = pd.Timedelta(days=1)
    scored = to_timestamps("scored_at")
    outputs = pd.DataFrame(index=inputs.index)
    outputs["days_since_last_event"] = ((scored - to_timestamps("last_active_at")) / day).floordiv(1)
    outputs["phone_age_days"] = (scored - to_timestamps("released_at")) / day
    price, owned = inputs["price"].astype("float64"), inputs["owned_price"].astype("float64")
    outputs["price_gap_to_owned"] = (price - owned) / owned.where(owned > 0)
    return outputs
