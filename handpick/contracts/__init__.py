"""The data contracts of the sources, and the rules, expectations, dbt sources and docs derived from them."""

from handpick.contracts.contract import ORIGIN, Column, Contract, Reference
from handpick.contracts.sources import CONTRACTS

__all__ = ["CONTRACTS", "ORIGIN", "Column", "Contract", "Reference"]
