"""Renders the documentation page `docs/contracts.md` from the contracts."""

from __future__ import annotations

from handpick.contracts.contract import Column, Contract
from handpick.contracts.rules import HARMLESS_REASONS, list_quarantine_reasons

HEAD = """<!-- Written by `handpick contracts --write` from handpick/contracts; change it there. -->
# The contracts

What the rows of each of the four sources must satisfy. A row that breaks a rule is quarantined whole, with
every rule that it breaks ([quarantine](quarantine.md)); a bad value in a column marked *emptied* is set to
null, and the row is kept. Values are read as text: numbers with a decimal point, dates and timestamps in ISO
form (without an offset they are UTC), booleans as true/false, yes/no, t/f, y/n or 1/0. How to map your own
columns onto these: [inputs](inputs.md).
"""


def render_contracts_page(contracts: dict[str, Contract]) -> str:
    """Render the page as Markdown, one section per contract."""
    return HEAD + "".join(_render_section(contract) for contract in contracts.values())


def _render_section(contract: Contract) -> str:
    """Render the section of one contract: a table of columns and a list of further rules."""
    lines = [
        "",
        f"## `{contract.source}`",
        "",
        f"{contract.description} Contract version {contract.version}.",
        "",
        "| column | type | required | bounds | bad value | description |",
        "|---|---|---|---|---|---|",
        *[_render_row(column) for column in contract.columns],
        "",
        *[f"- {rule}" for rule in _list_rules(contract)],
        "- Reasons, in the order in which the ledger names the first: "
        f"{', '.join(list_quarantine_reasons(contract))}.",
    ]
    return "\n".join(lines) + "\n"


def _render_row(column: Column) -> str:
    """Render one column as a table row."""
    required = "yes" if column.is_required else ""
    treatment = "row quarantined" if column.severity == "critical" else "emptied"
    bounds = describe_bounds(column)
    cells = (f"`{column.name}`", column.type, required, bounds, treatment, column.description)
    return f"| {' | '.join(cells)} |"


def describe_bounds(column: Column) -> str:
    """Describe the bounds of a column in words, empty where it has none."""
    parts = []
    if column.min_value is not None:
        parts.append(f"at least {column.min_value:g}")
    if column.max_value is not None:
        parts.append(f"at most {column.max_value:,.0f}")
    if column.allowed_values:
        parts.append(", ".join(f"`{choice}`" for choice in column.allowed_values))
    if column.pattern:
        # A bar would end the cell of the Markdown table.
        parts.append(f"`{column.pattern}`".replace("|", "\\|"))
    if column.must_be_past:
        parts.append("not after the night")
    if column.max_days_ahead is not None:
        parts.append(f"at most {column.max_days_ahead} days after the night")
    return "; ".join(parts)


def _list_rules(contract: Contract) -> list[str]:
    """List the rules of a contract that concern more than one column or row."""
    key = " and ".join(f"`{name}`" for name in contract.key)
    rules = [
        f"Key: {key}. Of rows that share it the first by file and line is kept "
        f"({', '.join(HARMLESS_REASONS)})."
    ]
    rules += [
        f"`{reference.column}` must be the `{reference.key}` of a row of `{reference.source}`, tonight's or "
        "an earlier night's."
        for reference in contract.references
    ]
    if contract.any_of:
        rules.append(f"At least one of {', '.join(f'`{name}`' for name in contract.any_of)} must be present.")
    if contract.freshness:
        freshness = contract.freshness
        rules.append(
            f"If the newest `{freshness.column}` is older than {freshness.warn_hours / 24:g} days, the night "
            f"warns; if it is older than {freshness.stop_hours / 24:g} days, it stops."
        )
    if contract.volume:
        rules.append(
            f"A night stops if its rows are fewer than {contract.volume.min_ratio:g} or more than "
            f"{contract.volume.max_ratio:g} times the median of the last nights."
        )
    if contract.max_days_late:
        rules.append(
            f"After the first night, rows more than {contract.max_days_late} days late are quarantined."
        )
    return rules
