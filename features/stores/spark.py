"""Feast's Spark offline store over the lake: the same sources, joined by the active Spark session."""

from __future__ import annotations

import copy
from datetime import date, datetime
from typing import Any, Literal

from feast import FeatureView
from feast.data_source import DataSource
from feast.infra.offline_stores.contrib.spark_offline_store.spark import (
    SparkOfflineStore,
    SparkOfflineStoreConfig,
)
from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource
from feast.infra.offline_stores.file_source import FileSource
from feast.infra.offline_stores.offline_store import RetrievalJob
from feast.repo_config import RepoConfig

from features.stores.offline import NIGHT_COLUMN, find_lake_root


class LakeSparkOfflineStoreConfig(SparkOfflineStoreConfig):
    """Location of the lake, and its nights that may be read."""

    type: Literal["features.stores.spark.LakeSparkOfflineStore"] = (
        "features.stores.spark.LakeSparkOfflineStore"
    )
    root: str = "../var/lake"
    """The lake's root, absolute or relative to the feature repository."""
    through: date | None = None
    """The last logical date to read; all by default."""


class LakeSparkOfflineStore(SparkOfflineStore):
    """Spark over the lake's partitions; point-in-time joins and deduplication are Feast's own."""

    @staticmethod
    def pull_latest_from_table_or_query(
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None,
        start_date: datetime,
        end_date: datetime,
    ) -> RetrievalJob:
        """Return each entity's newest row between two times, both included."""
        return SparkOfflineStore.pull_latest_from_table_or_query(
            config, _make_spark_source(config, data_source), join_key_columns, feature_name_columns,
            timestamp_field, created_timestamp_column, start_date, end_date,
        )  # fmt: skip

    @staticmethod
    def get_historical_features(
        config: RepoConfig, feature_views: list[FeatureView], *args: Any, **kwargs: Any
    ) -> RetrievalJob:
        """Return for each row of the entity frame the newest values that were known at its timestamp."""
        views = []  # copies: the definitions of the repository must keep their file sources
        for view in feature_views:
            placed = copy.copy(view)
            assert view.batch_source is not None
            placed.batch_source = _make_spark_source(config, view.batch_source)
            views.append(placed)
        return SparkOfflineStore.get_historical_features(config, views, *args, **kwargs)

    @staticmethod
    def validate_data_source(config: RepoConfig, data_source: DataSource) -> None:
        """Accept every source: before the first night there are no files to check."""


def _make_spark_source(config: RepoConfig, source: DataSource) -> SparkSource:
    """Return a file source as a Spark query over the nights that may be read."""
    assert isinstance(source, FileSource)
    folder = find_lake_root(config) / source.path.partition(f"/{NIGHT_COLUMN}=")[0]
    through = config.offline_store.through
    nights = f" WHERE {NIGHT_COLUMN} <= '{through}'" if through else ""
    return SparkSource(
        name=source.name,
        query=f"SELECT * FROM parquet.`{folder}`{nights}",  # noqa: S608 - names are declared by us, values are parameters
        timestamp_field=source.timestamp_field,
        created_timestamp_column=source.created_timestamp_column,
        field_mapping=source.field_mapping,
    )
