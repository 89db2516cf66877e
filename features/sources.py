"""Sources of feature values: Parquet files below the lake's root, which the offline store configures.

Paths are relative to that root, so that the definitions hold on every machine. Each night adds one partition,
with a row for every entity that changed.
"""

from feast import FileSource, RequestSource
from feast.data_format import ParquetFormat
from feast.field import Field
from feast.types import UnixTimestamp

from features.entities import OWNER

SOURCES_PREFIX = "features/sources"
"""Prefix of the lake tables that the feature store stage writes, one for each source."""

EVENT_TIMESTAMP = "event_timestamp"
"""Column with the time at which a row's values became known."""


def _make_source(name: str, description: str) -> FileSource:
    """Return the source of one feature view."""
    return FileSource(
        name=f"{name}_source",
        path=f"{SOURCES_PREFIX}/{name}/logical_date=*/*.parquet",
        file_format=ParquetFormat(),
        timestamp_field=EVENT_TIMESTAMP,
        description=description,
        owner=OWNER,
    )


user_activity_source = _make_source(
    "user_activity", "A row for every time at which a user's activity counts changed."
)
item_statistics_source = _make_source(
    "item_statistics",
    "A row for every night on which a phone's counts or price differ from those of the night before.",
)
item_offer_source = _make_source("item_offer", "A row for every change of a phone's price or stock.")
item_content_source = _make_source(
    "item_content", "A row for every night on which a phone's text or picture was encoded again."
)
user_queries_source = _make_source(
    "user_queries", "A row for every night on which a user searched: the mean of all queries so far."
)
scoring_moment = RequestSource(
    name="scoring_moment",
    schema=[Field(name="scored_at", dtype=UnixTimestamp)],
    description="The time of scoring, given with the request.",
    owner=OWNER,
)
