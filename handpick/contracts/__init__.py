"""Contracts: what each source promises, declared once and derived from everywhere else."""

from handpick.contracts.contract import ORIGIN, Column, Contract, Reference
from handpick.contracts.sources import CONTRACTS

__all__ = ["CONTRACTS", "ORIGIN", "Column", "Contract", "Reference"]
