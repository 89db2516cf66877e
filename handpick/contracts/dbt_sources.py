"""Renders the dbt sources file from the contracts: the columns of the valid tables, with their tests."""

from __future__ import annotations

from typing import Any

import yaml

from handpick.contracts.contract import Column, Contract

HEADER = "# Written by `handpick contracts --dbt FILE` from handpick/contracts; change it there.\n"
WAREHOUSE_TYPES = {
    "string": "varchar",
    "number": "double",
    "boolean": "boolean",
    "timestamp": "timestamp with time zone",
    "date": "date",
    "json": "varchar",
}


def render_dbt_sources(contracts: dict[str, Contract]) -> str:
    """Render the YAML of the dbt source `valid`, with one table per contract."""
    tables = [_build_table(contract) for contract in contracts.values()]
    about = "Rows that keep their contract, as the validate stage wrote them."
    document = {"version": 2, "sources": [{"name": "valid", "description": about, "tables": tables}]}
    return HEADER + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)


def _build_table(contract: Contract) -> dict[str, Any]:
    """Return the entry of one table: description, freshness limits and columns."""
    table: dict[str, Any] = {"name": contract.source, "description": contract.description}
    if contract.freshness:
        limits = {
            "warn_after": {"count": int(contract.freshness.warn_hours), "period": "hour"},
            "error_after": {"count": int(contract.freshness.stop_hours), "period": "hour"},
        }
        table["config"] = {"loaded_at_field": contract.freshness.column, "freshness": limits}
    table["columns"] = [_build_column(column, contract) for column in contract.columns]
    return table


def _build_column(column: Column, contract: Contract) -> dict[str, Any]:
    """Return the entry of one column: description, type and data tests."""
    tests: list[Any] = ["not_null"] if column.is_required else []
    # Only log keys are unique over all partitions: other sources repeat a key whenever its row changes.
    if contract.key == (column.name,) and contract.is_log:
        tests.append("unique")
    if column.allowed_values:
        tests.append({"accepted_values": {"arguments": {"values": list(column.allowed_values)}}})
    entry: dict[str, Any] = {
        "name": column.name,
        "description": column.description,
        "data_type": WAREHOUSE_TYPES[column.type],
    }
    return {**entry, "data_tests": tests} if tests else entry
