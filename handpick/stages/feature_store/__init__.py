"""The feature store stage: features as of tonight for scoring, and point-in-time features for training."""

from __future__ import annotations

from handpick.ledger.flows import StageResult
from handpick.night import Night

FEATURE_TABLES = ("features/users", "features/items", "features/training")
"""Lake tables that later stages read; `features/sources/*` are read by Feast only."""


def run(night: Night) -> StageResult:
    """Write tonight's feature tables, register the feature repository, and bring the online store up to date.

    Raises:
        MissingPartition: If the earlier stages have not run for this logical date.
        FeatureStoreError: If the online store cannot be reached or refuses a write.
    """
    from handpick.lake.partitions import digest_partitions
    from handpick.stages.feature_store import feature_tables, offline_sources, training_rows
    from handpick.stages.feature_store.feast_store import apply_definitions
    from handpick.stages.feature_store.online_store import update_online_store

    users, items = feature_tables.write_user_features(night), feature_tables.write_item_features(night)
    offline_sources.write_sources(night)
    store = apply_definitions(night)
    rows = training_rows.write_training_rows(night, store)
    online, written = update_online_store(night, store)
    return StageResult(
        "feature_store",
        night.logical_date,
        str(night.lake.root / "features"),
        (users, items, rows, *online),
        digest_partitions(night.lake, FEATURE_TABLES, night.logical_date),
        notes={"online_store": night.settings.features.online_store, "online_written_count": written},
    )
