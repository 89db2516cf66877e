"""Preconditions of a dbt build: tonight's clean tables, the ledger so far, and a folder for the warehouse."""

from __future__ import annotations

from handpick.errors import MissingPartition
from handpick.night import Night


def prepare_build(night: Night) -> None:
    """Check that transform has run, and write the ledger of the stages so far, which `mart_ledger` reads.

    Raises:
        MissingPartition: If transform has not run for this logical date.
        DamagedData: If a partition that a new warehouse is built from is not what transform wrote.
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
    file = night.settings.path(night.settings.warehouse.path)
    if not file.is_file():
        # A new warehouse is built from all nights, and DuckDB does not compare pages with their checksums.
        for name in CLEAN_TABLES:
            days = night.lake.list_dates(f"clean/{name}", night.logical_date)
            night.lake.check(f"clean/{name}", days, with_bytes=True)
    write_ledger(night.results(), night.lake, night.logical_date)
    file.parent.mkdir(parents=True, exist_ok=True)
