"""Feast's DuckDB offline store over the lake.

Source paths are relative to a configured root, and nights after a configured date are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

import ibis
from feast.data_source import DataSource
from feast.infra.offline_stores.duckdb import DuckDBOfflineStore, DuckDBOfflineStoreConfig, _write_data_source
from feast.infra.offline_stores.file_source import FileSource
from feast.infra.offline_stores.ibis import (
    get_historical_features_ibis,
    pull_all_from_table_or_query_ibis,
    pull_latest_from_table_or_query_ibis,
)
from feast.infra.offline_stores.offline_store import RetrievalJob
from feast.repo_config import RepoConfig

NIGHT_COLUMN = "logical_date"


class LakeDuckDBOfflineStoreConfig(DuckDBOfflineStoreConfig):
    """Location of the lake, and its nights that may be read."""

    type: Literal["features.stores.offline.LakeDuckDBOfflineStore"] = (
        "features.stores.offline.LakeDuckDBOfflineStore"
    )
    root: str = "../var/lake"
    """The lake's root, absolute or relative to the feature repository."""
    through: date | None = None
    """The last logical date to read, so that a repeated old night reads the same rows; all by default."""


def find_lake_root(config: RepoConfig) -> Path:
    """Return the lake's root as an absolute path."""
    return (Path(config.repo_path or ".") / config.offline_store.root).resolve()


class LakeDuckDBOfflineStore(DuckDBOfflineStore):
    """DuckDB over the lake's partitions; point-in-time joins and deduplication are Feast's own."""

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
        return pull_latest_from_table_or_query_ibis(
            config, data_source, join_key_columns, feature_name_columns, timestamp_field,
            created_timestamp_column, start_date, end_date, **_make_access(config),
        )  # fmt: skip

    @staticmethod
    def pull_all_from_table_or_query(
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> RetrievalJob:
        """Return all rows between two times, both included."""
        return pull_all_from_table_or_query_ibis(
            config, data_source, join_key_columns, feature_name_columns, timestamp_field,
            created_timestamp_column=created_timestamp_column, start_date=start_date, end_date=end_date,
            **_make_access(config),
        )  # fmt: skip

    @staticmethod
    def get_historical_features(config: RepoConfig, *args: Any, **kwargs: Any) -> RetrievalJob:
        """Return for each row of the entity frame the newest values that were known at its timestamp."""
        return get_historical_features_ibis(config, *args, **kwargs, **_make_access(config))

    @staticmethod
    def validate_data_source(config: RepoConfig, data_source: DataSource) -> None:
        """Accept every source: before the first night there are no files to check."""


def _make_access(config: RepoConfig) -> dict[str, Callable[..., Any]]:
    """Return the reader and writer of sources for Feast's ibis functions.

    Feast's own reader knows neither the lake's root nor the last night that may be read.
    """
    return {"data_source_reader": partial(_read_source, config), "data_source_writer": _write_data_source}


def _read_source(config: RepoConfig, data_source: DataSource, _repo_path: str) -> ibis.Table:
    """Read the rows of one source from the nights that may be read."""
    assert isinstance(data_source, FileSource)
    table = ibis.read_parquet(str(find_lake_root(config) / data_source.path), hive_partitioning=True)
    if config.offline_store.through is not None:
        table = table.filter(table[NIGHT_COLUMN].cast("date") <= config.offline_store.through)
    return table.drop(NIGHT_COLUMN)
