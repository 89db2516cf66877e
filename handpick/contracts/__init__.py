"""The data contract of each source: declared once here, and the single input of everything derived from it."""

from handpick.contracts.contract import ORIGIN, Column, Contract, Reference
from handpick.contracts.sources import CONTRACTS

__all__ = ["CONTRACTS", "ORIGIN", "Column", "Contract", "Reference"]
