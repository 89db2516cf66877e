"""The four sources' contracts, by source."""

from handpick.contracts.catalog import CATALOG
from handpick.contracts.contract import Contract
from handpick.contracts.events import EVENTS
from handpick.contracts.queries import QUERIES
from handpick.contracts.users import USERS

CONTRACTS: dict[str, Contract] = {contract.source: contract for contract in (CATALOG, USERS, EVENTS, QUERIES)}
"""Contracts by source, in the order in which references need them."""
