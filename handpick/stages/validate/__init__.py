"""The validate stage: turns each landed row into a typed valid row or a quarantined row with reasons."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from handpick.contracts import CONTRACTS
from handpick.contracts.sources import group_by_dependency
from handpick.ledger.flows import Flow, StageResult
from handpick.night import Night
from handpick.runtime.log import log_progress

if TYPE_CHECKING:
    from handpick.stages.validate.source_validation import ValidationOutcome


def run(night: Night) -> StageResult:
    """Validate the four sources on the engine, and document them with Great Expectations.

    Raises:
        NightStopped: If a threshold is exceeded; the message names the rule, the number of rows and their
            partition.
    """
    from handpick.lake.partitions import count_rows, digest_partitions
    from handpick.runtime.dataframes import start_engine
    from handpick.stages.validate.bot_warnings import find_suspected_bots
    from handpick.stages.validate.data_docs import DataDocs
    from handpick.stages.validate.source_validation import list_raw_partitions, validate_source
    from handpick.stages.validate.thresholds import check_thresholds

    flows: list[Flow] = []
    notes: dict[str, object] = {}
    outcomes: dict[str, ValidationOutcome] = {}
    # Great Expectations takes seconds to import and to sample; it does so while the engine filters the rows.
    with (
        ThreadPoolExecutor(1) as docs_thread,
        start_engine(night.settings, count_rows(*list_raw_partitions(night))) as engine,
    ):
        notes["engine"] = engine.name
        docs = docs_thread.submit(lambda: DataDocs(night).check_samples())
        # Foreign keys are checked against the valid rows of the groups before.
        for group in group_by_dependency(CONTRACTS):
            with ThreadPoolExecutor(len(group)) as pool:
                validated = pool.map(lambda contract: validate_source(engine, night, contract), group)
                outcomes |= dict(zip((contract.source for contract in group), validated, strict=True))
    for contract in CONTRACTS.values():
        outcome = outcomes[contract.source]
        flows.append(outcome.flow)
        for reason, count in outcome.emptied.items():
            notes[f"{contract.source}: {reason}"] = count
            log_progress(f"  {contract.source}: {count:,} rows were kept without a value: {reason}")
    page, failed = docs.result().finish(flows)
    warnings = [line for flow in flows for line in check_thresholds(night, flow)]
    warnings += [
        f"{user} looked at phones {views:,} times in one hour" for user, views in find_suspected_bots(night)
    ]
    for line in warnings:
        log_progress(f"  warning: {line}")
    notes |= {"warnings": warnings, "data_docs_page": str(page), "expectations_failed": failed}
    tables = [f"{kind}/{source}" for kind in ("valid", "quarantine") for source in CONTRACTS]
    digest = digest_partitions(night.lake, tables, night.logical_date)
    return StageResult(
        "validate", night.logical_date, str(night.lake.root / "valid"), tuple(flows), digest, notes=notes
    )
