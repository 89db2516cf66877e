"""The land stage: what arrived for a night, copied into the lake row for row, as text; nothing is judged yet."""

from __future__ import annotations

import hashlib
import json

from handpick.contracts import CONTRACTS, Contract
from handpick.lake import digest_of, write_parquet
from handpick.ledger import Flow, StageResult
from handpick.log import say
from handpick.night import Night

MANIFEST = "_manifest.json"


def run(night: Night) -> StageResult:
    """Land all four sources.

    Raises:
        InputError: If a source has no file for this night, or a file cannot be read as what it is; nothing was landed.
    """
    from handpick.land.arrivals import arrivals

    waiting = {source: arrivals(night, source) for source in CONTRACTS}
    flows, digests = [], []
    for source, contract in CONTRACTS.items():
        rows, digest = _land(night, contract, waiting[source])
        flows.append(Flow(source, rows, rows))
        digests.append(digest)
    digest = hashlib.sha256("".join(digests).encode()).hexdigest()
    files = sum(len(found) for found in waiting.values())
    return StageResult(
        "land", night.logical_date, str(night.lake.root / "raw"), tuple(flows), digest, notes={"files": files}
    )


def _land(night: Night, contract: Contract, found: list) -> tuple[int, str]:  # type: ignore[type-arg]
    from handpick.land.adapters import read
    from handpick.land.arrivals import taken_entry

    source = contract.source
    table = f"raw/{source}"
    settings = night.settings.sources.of(source)
    count = 0
    unknown: set[str] = set()
    with night.lake.writing(table, night.logical_date) as folder:
        for number, file in enumerate(found):
            rows, extra = read(file, contract, settings, night)
            unknown |= extra
            count += rows.num_rows
            write_parquet(rows, folder / f"part-{number:05d}.parquet")
        if not found:
            write_parquet(contract.raw_schema().empty_table(), folder / "part-00000.parquet")
        manifest = {"files": [taken_entry(file) for file in found], "unknown_columns": sorted(unknown)}
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True))
    if unknown:
        say(
            f"  {source}: columns that the contract does not know were kept aside: {', '.join(sorted(unknown))}"
        )
    return count, digest_of(night.lake.partition(table, night.logical_date))
