"""What dbt needs before it starts: tonight's tables, the ledger so far, and a folder for the warehouse."""

from __future__ import annotations

from handpick.errors import MissingPartition
from handpick.night import Night


def prepare(night: Night) -> None:
    """Check that transform has run, and give dbt the ledger of the stages so far.

    Raises:
        MissingPartition: If it has not.
    """
    from handpick.ledger.reconcile import write_ledger
    from handpick.stages.transform import CLEAN

    for name in CLEAN:
        if not night.lake.has(f"clean/{name}", night.logical_date):
            raise MissingPartition(
                f"clean/{name} has no partition for {night.logical_date}: looked in "
                f"{night.lake.partition(f'clean/{name}', night.logical_date)}. "
                f"Run `handpick transform --date {night.logical_date}` first."
            )
    write_ledger(night.results(), night.lake, night.logical_date)
    night.settings.path(night.settings.warehouse.path).parent.mkdir(parents=True, exist_ok=True)
