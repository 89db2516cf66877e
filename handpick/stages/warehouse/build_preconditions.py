"""Preconditions of a dbt build: tonight's clean tables, the ledger so far, and a folder for the warehouse."""

from __future__ import annotations

from handpick.errors import MissingPartition
from handpick.night import Night


def prepare_build(night: Night) -> None:
    """Check that transform has run, and write the ledger of the stages so far, which `mart_ledger` reads.

    Raises:
        MissingPartition: If transform has not run for this logical date.
    """
    from handpick.ledger.reconcile import write_ledger
    from handpick.stages.transform.public import CLEAN_TABLES

    for name in CLEAN_TABLES:
        if not night.lake.has(f"clean/{name}", night.logical_date):
            raise MissingPartition(
                f"clean/{name} has no partition for {night.logical_date}: looked in "
                f"{night.lake.partition(f'clean/{name}', night.logical_date)}. "
                f"Run `handpick transform --date {night.logical_date}` first."
            )
    write_ledger(night.results(), night.lake, night.logical_date)
    night.settings.path(night.settings.warehouse.path).parent.mkdir(parents=True, exist_ok=True)
