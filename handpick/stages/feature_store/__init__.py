"""The feature store stage: features of users and phones, point-in-time correct for training and as of tonight for scoring."""

from __future__ import annotations

from handpick.ledger.flows import StageResult
from handpick.night import Night

TABLES = ("features/users", "features/items", "features/training")
"""Lake tables that later stages read; `features/sources/*` are read by Feast only."""


def run(night: Night) -> StageResult:
    """Write tonight's feature tables, register the feature repository, and bring the online store up to date.

    Raises:
        MissingPartition: If the earlier stages have not run for this logical date.
        FeatureStoreError: If the online store cannot be reached or refuses a write.
    """
    from handpick.lake.partitions import digest_partitions
    from handpick.stages.feature_store import sources, tables, training
    from handpick.stages.feature_store.online import bring_up_to_date
    from handpick.stages.feature_store.store import applied

    users, items = tables.users(night), tables.items(night)
    sources.write(night)
    store = applied(night)
    rows = training.write(night, store)
    online, written = bring_up_to_date(night, store)
    return StageResult(
        "feature_store",
        night.logical_date,
        str(night.lake.root / "features"),
        (users, items, rows, *online),
        digest_partitions(night.lake, TABLES, night.logical_date),
        notes={"online_store": night.settings.features.online_store, "online_written_count": written},
    )
