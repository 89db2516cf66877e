"""Builds the row filter of a contract: each rule is a condition in PySpark's API, true for rows breaking it.

Rules and values are expressions on the columns of `build_shared_columns`, so that the engine computes each of
them once: `_text_<column>` is the trimmed text, null where nothing is left; `_typed_<column>` is that text
cast to the contract's type, null where the cast fails.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from handpick.contracts.contract import EARLIEST_DATE, LATEST_DATE, Column, Contract, Severity
from handpick.contracts.patterns import JAVA_PATTERNS
from handpick.runtime.dataframes import F

if TYPE_CHECKING:
    from pyspark.sql import Column as Expression

REPEATED_TONIGHT = "repeated in this night"
CHANGED_CONTENT = "same key, different content"
ALREADY_LANDED = "landed on an earlier night"
HARMLESS_REASONS = (REPEATED_TONIGHT, ALREADY_LANDED)
"""Reasons that lose no data, as the lake has the same row already; thresholds do not count them."""

DATE_PREFIX = r"^\s*\d{4}-\d{1,2}-\d{1,2}"
"""Start of a full date. Without this check Spark casts `12:00` to today at noon and `2024` to 1 January."""


@dataclass(frozen=True)
class Rule:
    """One reason to quarantine a row, or to set one value to null.

    Args:
        reason: Text of the reason in the ledger and in quarantine.
        column: The offending column, or None for the row as a whole.
        violation: Condition on the raw and shared columns; true for a row that breaks the rule, else false or
            null.
        severity: `critical` quarantines the row, `warning` sets the value to null.
        is_lateness: Whether it quarantines rows that come late; those that an earlier night has are not late.
    """

    reason: str
    column: str | None
    violation: Expression
    severity: Severity = "critical"
    is_lateness: bool = False


def get_text(name: str) -> Expression:
    """Return the shared column that holds the trimmed text of a column."""
    return F.col(f"_text_{name}")


def get_typed(name: str) -> Expression:
    """Return the shared column that holds the typed value of a column."""
    return F.col(f"_typed_{name}")


def build_shared_columns(contract: Contract) -> tuple[dict[str, Expression], dict[str, Expression]]:
    """Return the shared columns by name: the trimmed texts, and their typed values."""
    texts = {f"_text_{name}": F.nullif(F.trim(F.col(name)), F.lit("")) for name in contract.column_names}
    return texts, {f"_typed_{column.name}": _cast_text(column) for column in contract.columns}


def _cast_text(column: Column) -> Expression:
    """Return the typed value of a column's shared text; null where the cast fails."""
    value = get_text(column.name)
    if column.type == "number":
        return value.try_cast("double")
    if column.type in ("timestamp", "date"):
        return F.when(value.rlike(DATE_PREFIX), value.try_cast(column.type))
    if column.type == "boolean":
        lowered = F.lower(value)
        is_yes = lowered.isin("true", "t", "1", "yes", "y", "1.0")
        return F.when(is_yes, True).when(lowered.isin("false", "f", "0", "no", "n", "0.0"), False)
    if column.allowed_values:
        return F.lower(value)
    return value


def build_valid_value(column: Column, rules: Sequence[Rule]) -> Expression:
    """Return a column's valid value; one that breaks a `warning` rule becomes null.

    Args:
        column: The column.
        rules: All rules of its contract.
    """
    value = get_typed(column.name)
    warnings = [rule for rule in rules if rule.column == column.name and rule.severity == "warning"]
    if not warnings:
        return value
    is_broken = reduce(or_, (rule.violation for rule in warnings))
    return F.when(~F.coalesce(is_broken, F.lit(False)), value)


def build_rules(contract: Contract, as_of: datetime, is_first_night: bool = True) -> list[Rule]:
    """Return all row rules of a contract, in order of precedence.

    The ledger counts a row under the first rule that it breaks.

    Args:
        contract: The contract of the source.
        as_of: End of the night, UTC; a `must_be_past` timestamp at or after it breaks the contract.
        is_first_night: Whether this is the first night, which lands the history and so has no late rows.
    """
    is_readable = F.col("_raw").isNull()
    rules = [Rule("unparsable line", None, ~is_readable)]
    # An unparsable line has no values: it breaks its own rule only, and no rule on missing values.
    missing = [column.name for column in contract.columns if column.is_required]
    rules += [Rule(f"missing {name}", name, is_readable & get_text(name).isNull()) for name in missing]
    for column in contract.columns:
        rules += _build_value_rules(column)
        if column.must_be_past:
            is_future = get_typed(column.name) >= F.lit(as_of)
            rules.append(Rule(f"{column.name} in the future", column.name, is_future))
        if column.max_days_ahead is not None:
            last = (as_of + timedelta(days=column.max_days_ahead)).date()
            reason = f"{column.name} more than {column.max_days_ahead} days ahead"
            # What is outside the range of all dates has its own reason.
            is_ahead = (value := get_typed(column.name)) > F.lit(last)
            is_ahead &= value < _build_day(LATEST_DATE, column.type)
            rules.append(Rule(reason, column.name, is_ahead, column.severity))
    if contract.max_days_late is not None and contract.freshness and not is_first_night:
        column = contract.column(contract.freshness.column)
        is_late = get_typed(column.name) < F.lit(as_of - timedelta(days=contract.max_days_late))
        reason = f"{column.name} more than {contract.max_days_late} days late"
        rules.append(Rule(reason, column.name, is_late, is_lateness=True))
    if contract.any_of:
        is_empty = F.coalesce(*map(get_text, contract.any_of)).isNull()
        rules.append(Rule(f"none of {', '.join(contract.any_of)}", None, is_readable & is_empty))
    return rules


def format_orphan_reason(column: str, source: str) -> str:
    """Return the reason of a row whose foreign key is unknown."""
    return f"{column} unknown in {source}"


def list_quarantine_reasons(contract: Contract) -> list[str]:
    """Return every reason for which a row of a source can be quarantined, in the order of the ledger."""
    rules = build_rules(contract, datetime(9000, 1, 1, tzinfo=UTC), is_first_night=False)
    orphans = [format_orphan_reason(reference.column, reference.source) for reference in contract.references]
    rows = [rule.reason for rule in rules if rule.severity == "critical"]
    return [
        *rows,
        REPEATED_TONIGHT,
        CHANGED_CONTENT,
        *([ALREADY_LANDED] if contract.is_log else []),
        *orphans,
    ]


def _build_value_rules(column: Column) -> list[Rule]:
    """Return the rules on one value that do not depend on the date of the night."""
    name, raw, value = column.name, get_text(column.name), get_typed(column.name)
    is_given = raw.isNotNull()
    found: list[tuple[str, Expression]] = []
    if column.type in ("number", "timestamp", "date", "boolean"):
        found.append((f"{name} is not a {column.type}", is_given & value.isNull()))
    if column.type in ("timestamp", "date"):
        first, last = (_build_day(text, column.type) for text in (EARLIEST_DATE, LATEST_DATE))
        found.append(
            (f"{name} outside {EARLIEST_DATE[:4]} to {LATEST_DATE[:4]}", (value < first) | (value >= last))
        )
    is_infinite = (value == F.lit(math.nan)) | (F.abs(value) == F.lit(math.inf))
    if column.type == "number":
        found.append((f"{name} is not finite", is_infinite))
    if column.type == "string" and not column.pattern and not column.allowed_values:
        # PostgreSQL cannot store NUL characters in text.
        found.append((f"NUL character in {name}", F.col(name).contains("\x00")))
    if column.type == "json":
        # try_parse_json also accepts arrays and scalars; only an object begins with a brace.
        is_object = F.try_parse_json(F.col(name)).isNotNull() & raw.startswith("{")
        found.append((f"{name} is not a JSON object", is_given & ~is_object))
    # NaN compares greater than every number, so that bounds would report it a second time.
    if column.min_value is not None:
        bound = (value < float(column.min_value)) & ~is_infinite
        found.append((f"{name} below {column.min_value:g}", bound))
    if column.max_value is not None:
        bound = (value > float(column.max_value)) & ~is_infinite
        found.append((f"{name} above {column.max_value:,.0f}", bound))
    if column.allowed_values:
        is_known = F.lower(raw).isin(*column.allowed_values)
        found.append((f"unknown {name}", is_given & ~is_known))
    if column.pattern:
        # Java's \z, unlike $, does not match before a line break at the end.
        whole = rf"\A(?:{JAVA_PATTERNS.get(column.pattern, column.pattern)})\z"
        found.append((f"malformed {name}", is_given & ~raw.rlike(whole)))
    return [Rule(reason, name, broken, column.severity) for reason, broken in found]


def _build_day(text: str, kind: str) -> Expression:
    """Return a day as a constant, a timestamp (UTC) or a date."""
    day = date.fromisoformat(text)
    return F.lit(day if kind == "date" else datetime.combine(day, time(), UTC))
