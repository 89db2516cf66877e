"""Contracts: what each source promises, declared once and derived from everywhere else."""

from handpick.contracts.catalog import CATALOG
from handpick.contracts.contract import ORIGIN, Column, Contract, Reference
from handpick.contracts.events import EVENTS
from handpick.contracts.queries import QUERIES
from handpick.contracts.users import USERS

CONTRACTS: dict[str, Contract] = {contract.source: contract for contract in (CATALOG, USERS, EVENTS, QUERIES)}
"""Contracts by source, in the order in which references need them."""

__all__ = ["CONTRACTS", "ORIGIN", "Column", "Contract", "Reference"]
