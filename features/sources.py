"""Where feature values come from: Parquet below the lake's root, which the offline store is configured with.

Paths are relative to that root, so that nothing here says on which machine the lake lies. Each night adds one
partition, in which only the entities that changed have a row.
"""

from feast import FileSource, RequestSource
from feast.data_format import ParquetFormat
from feast.field import Field
from feast.types import UnixTimestamp

from features.entities import OWNER

FOLDER = "features/sources"
"""Tables below the lake's root that the features stage writes, one for each source."""

EVENT_TIMESTAMP = "event_timestamp"
"""When a row's values became known."""


def _source(name: str, description: str) -> FileSource:
    return FileSource(
        name=f"{name}_source",
        path=f"{FOLDER}/{name}/logical_date=*/*.parquet",
        file_format=ParquetFormat(),
        timestamp_field=EVENT_TIMESTAMP,
        description=description,
        owner=OWNER,
    )


user_activity_source = _source(
    "user_activity", "A row for every moment at which a user's activity counts changed."
)
item_statistics_source = _source(
    "item_statistics",
    "A row for every night on which a phone's counts or price differ from the night before.",
)
item_offer_source = _source("item_offer", "A row for every change of a phone's price or stock.")
item_content_source = _source(
    "item_content", "A row for every night on which a phone's text or picture was encoded anew."
)
user_queries_source = _source(
    "user_queries", "A row for every night on which a user asked something: the mean of all queries so far."
)
scoring_moment = RequestSource(
    name="scoring_moment",
    schema=[Field(name="scored_at", dtype=UnixTimestamp)],
    description="The moment at which a user and a phone are brought together, given with the request.",
    owner=OWNER,
)
