"""Model: the warehouse, built and tested by dbt, and its marts as partitions of the lake."""

from __future__ import annotations

from handpick.ledger.flows import StageResult
from handpick.night import Night


def run(night: Night) -> StageResult:
    """Build and test the dbt project for one night and write its marts to the lake.

    Raises:
        MissingPartition: If transform has not run for this logical date.
        WarehouseError: If a model cannot be built, a test fails, or somebody holds the warehouse's file.
    """
    from handpick.stages.warehouse.dbt import build
    from handpick.stages.warehouse.prepare import prepare

    prepare(night)
    build(night)
    return write(night)


def write(night: Night) -> StageResult:
    """Write the marts of a warehouse that dbt has built for this night: for those who ran dbt themselves.

    Raises:
        WarehouseError: If dbt has not built it for this night.
        LedgerImbalance: If a mart lacks rows that the lake has.
    """
    from handpick.stages.warehouse.docs import docs_page
    from handpick.stages.warehouse.marts import digest_of_marts, write_marts

    flows = write_marts(night)
    notes = {"warehouse_docs_page": str(docs_page(night))}
    where = str(night.lake.root / "marts")
    return StageResult("warehouse", night.logical_date, where, flows, digest_of_marts(night), notes=notes)
