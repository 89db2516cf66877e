"""The warehouse stage: dbt builds and tests the warehouse, whose marts become partitions of the lake."""

from __future__ import annotations

from handpick.ledger.flows import StageResult
from handpick.night import Night


def run(night: Night) -> StageResult:
    """Build and test the dbt project for one night and write its marts to the lake.

    Raises:
        MissingPartition: If transform has not run for this logical date.
        WarehouseError: If a model cannot be built, a test fails, or another program has the warehouse's file
            open.
    """
    from handpick.stages.warehouse.build_preconditions import prepare_build
    from handpick.stages.warehouse.dbt_runner import build_warehouse

    prepare_build(night)
    build_warehouse(night)
    return write_built_marts(night)


def write_built_marts(night: Night) -> StageResult:
    """Write the marts of a warehouse that dbt has built for this night; `run` does so after its own build.

    Raises:
        WarehouseError: If dbt has not built it for this night.
        LedgerImbalance: If a mart lacks rows that the lake has.
    """
    from handpick.lake.partitions import digest_partitions
    from handpick.stages.warehouse.docs_page import render_docs_page
    from handpick.stages.warehouse.marts import MARTS, write_marts

    flows = write_marts(night)
    notes = {"warehouse_docs_page": str(render_docs_page(night))}
    where = str(night.lake.root / "marts")
    digest = digest_partitions(night.lake, [mart.table for mart in MARTS], night.logical_date)
    return StageResult("warehouse", night.logical_date, where, flows, digest, notes=notes)
