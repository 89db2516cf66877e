"""Builds the Great Expectations suites from a contract.

There are two kinds, both derived from the same declaration. *Row expectations* state the rule of each column
in the vocabulary of Great Expectations and run on a sample of rows, as documentation. *Share expectations*
run on a single row of aggregates over all rows, one column per rule, and bound the share that the row filter
quarantined. "At most this share breaks the rule" is equivalent to a row expectation with `mostly` over every
row, and its cost does not grow with the number of rows.
"""

from __future__ import annotations

from typing import Any

from handpick.contracts.contract import Contract
from handpick.contracts.rules import list_quarantine_reasons
from handpick.settings.validate import ValidateSettings

ROW_COUNT, QUARANTINED_SHARE = "row_count", "share set aside"


def name_share_column(reason: str) -> str:
    """Return the name of the aggregate column that holds the share of a rule."""
    return f"share: {reason}"


def build_row_expectations(contract: Contract, limits: ValidateSettings) -> list[Any]:
    """Build the expectations of each column for a sample of rows; `mostly` is 1 minus the stop share."""
    import great_expectations.expectations as gxe

    mostly = 1 - limits.stop_share
    suite: list[Any] = []
    for column in contract.columns:
        about: dict[str, Any] = {"column": column.name, "notes": column.description}
        rule: dict[str, Any] = {**about, "mostly": mostly, "severity": column.severity}
        suite.append(
            gxe.ExpectColumnToExist(**about, severity="critical" if column.is_required else "warning")
        )
        if column.is_required:
            suite.append(gxe.ExpectColumnValuesToNotBeNull(**rule))
        if column.min_value is not None or column.max_value is not None:
            bounds = {"min_value": column.min_value, "max_value": column.max_value}
            suite.append(gxe.ExpectColumnValuesToBeBetween(**rule, **bounds))
        if column.allowed_values:
            suite.append(gxe.ExpectColumnValuesToBeInSet(**rule, value_set=list(column.allowed_values)))
        if column.pattern:
            suite.append(gxe.ExpectColumnValuesToMatchRegex(**rule, regex=rf"\A(?:{column.pattern})\Z"))
        if column.type == "json":
            suite.append(gxe.ExpectColumnValuesToBeJsonParseable(**rule))
    return suite


def build_share_expectations(contract: Contract, limits: ValidateSettings) -> list[Any]:
    """Build the limits on the share that each rule may quarantine, for the aggregates over all rows."""
    import great_expectations.expectations as gxe

    suite: list[Any] = [
        gxe.ExpectColumnMaxToBeBetween(
            column=name_share_column(reason),
            max_value=limits.stop_shares_by_rule.get(reason, limits.stop_share),
            severity="critical",
        )
        for reason in list_quarantine_reasons(contract)
    ]
    suite += [
        gxe.ExpectColumnMaxToBeBetween(
            column=QUARANTINED_SHARE, max_value=limits.stop_share, severity="critical"
        ),
        gxe.ExpectColumnMaxToBeBetween(
            column=QUARANTINED_SHARE, max_value=limits.warn_share, severity="warning"
        ),
        gxe.ExpectColumnMinToBeBetween(column=ROW_COUNT, min_value=1, severity="warning"),
    ]
    return suite
