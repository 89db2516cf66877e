"""The contracts of the four sources, and the order in which they can be validated."""

from collections.abc import Mapping

from handpick.contracts.catalog import CATALOG
from handpick.contracts.contract import Contract
from handpick.contracts.events import EVENTS
from handpick.contracts.queries import QUERIES
from handpick.contracts.users import USERS

CONTRACTS: dict[str, Contract] = {contract.source: contract for contract in (CATALOG, USERS, EVENTS, QUERIES)}
"""Contracts by source; a source comes after those that its foreign keys refer to."""


def group_by_dependency(contracts: Mapping[str, Contract]) -> list[list[Contract]]:
    """Group contracts into batches that can be validated in parallel.

    The foreign keys of a batch refer only to sources of earlier batches.

    Raises:
        ValueError: If contracts refer to each other in a circle.
    """
    found: list[list[Contract]] = []
    known: set[str] = set()
    while len(known) < len(contracts):
        group = [
            contract
            for source, contract in contracts.items()
            if source not in known and known.issuperset(reference.source for reference in contract.references)
        ]
        if not group:
            raise ValueError(f"contracts refer to each other in a circle: {sorted(set(contracts) - known)}")
        found.append(group)
        known |= {contract.source for contract in group}
    return found
