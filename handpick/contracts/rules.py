"""Builds the row filter of a contract: each rule is a Spark SQL condition, true for rows that break it.

Rules and values are expressions on the columns of `build_shared_columns`, so that Spark computes each of them
once: `_text_<column>` is the trimmed text, null where nothing is left; `_typed_<column>` is that text cast to
the contract's type, null where the cast fails.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from handpick.contracts.contract import EARLIEST_DATE, LATEST_DATE, Column, Contract, Severity
from handpick.contracts.patterns import JAVA_PATTERNS

REPEATED_TONIGHT = "repeated in this night"
CHANGED_CONTENT = "same key, different content"
ALREADY_LANDED = "landed on an earlier night"
HARMLESS_REASONS = (REPEATED_TONIGHT, ALREADY_LANDED)
"""Reasons that lose no data, as the lake has the same row already; thresholds do not count them."""

DATE_PREFIX = r"^\\s*\\d{4}-\\d{1,2}-\\d{1,2}"
"""Start of a full date. Without this check Spark casts `12:00` to today at noon and `2024` to 1 January."""


@dataclass(frozen=True)
class Rule:
    """One reason to quarantine a row, or to set one value to null.

    Args:
        reason: Text of the reason in the ledger and in quarantine.
        column: The offending column, or None for the row as a whole.
        violation: Spark SQL on the raw and shared columns; true for a row that breaks the rule, else false or
            null.
        severity: `critical` quarantines the row, `warning` sets the value to null.
    """

    reason: str
    column: str | None
    violation: str
    severity: Severity = "critical"


def quote_literal(literal: str) -> str:
    """Return a Spark SQL string literal of exactly this text."""
    return "'" + literal.replace("\\", "\\\\").replace("'", "\\'") + "'"


def quote_text_column(name: str) -> str:
    """Return the quoted name of the shared column that holds the trimmed text of a column."""
    return f"`_text_{name}`"


def quote_typed_column(name: str) -> str:
    """Return the quoted name of the shared column that holds the typed value of a column."""
    return f"`_typed_{name}`"


def build_shared_columns(contract: Contract) -> tuple[list[str], list[str]]:
    """Return the select expressions of the shared columns: the trimmed texts, and their typed values."""
    texts = [f"nullif(trim(`{name}`), '') as {quote_text_column(name)}" for name in contract.column_names]
    return texts, [
        f"{_cast_text(column)} as {quote_typed_column(column.name)}" for column in contract.columns
    ]


def _cast_text(column: Column) -> str:
    """Return the SQL that casts the shared text of a column; null where the cast fails."""
    value = quote_text_column(column.name)
    if column.type == "number":
        return f"try_cast({value} as double)"
    if column.type in ("timestamp", "date"):
        return f"case when {value} rlike '{DATE_PREFIX}' then try_cast({value} as {column.type}) end"
    if column.type == "boolean":
        yes, no = "('true', 't', '1', 'yes', 'y', '1.0')", "('false', 'f', '0', 'no', 'n', '0.0')"
        return f"case when lower({value}) in {yes} then true when lower({value}) in {no} then false end"
    if column.allowed_values:
        return f"lower({value})"
    return value


def build_valid_value(column: Column) -> str:
    """Return the SQL of a column's valid value; a value that breaks a `warning` rule becomes null."""
    value = quote_typed_column(column.name)
    if column.severity == "critical":
        return value
    broken = " or ".join(f"({rule.violation})" for rule in _build_value_rules(column))
    return f"case when not coalesce({broken or 'false'}, false) then {value} end"


def build_rules(contract: Contract, as_of: datetime, is_first_night: bool = True) -> list[Rule]:
    """Return all row rules of a contract, in order of precedence.

    The ledger counts a row under the first rule that it breaks.

    Args:
        contract: The contract of the source.
        as_of: End of the night, UTC; a `must_be_past` timestamp at or after it breaks the contract.
        is_first_night: Whether this is the first night, which lands the history and so has no late rows.
    """
    rules = [Rule("unparsable line", None, "`_raw` is not null")]
    # An unparsable line has no values: it breaks its own rule only, and no rule on missing values.
    readable = "`_raw` is null and "
    missing = [column for column in contract.columns if column.is_required]
    rules += [
        Rule(f"missing {column.name}", column.name, f"{readable}{quote_text_column(column.name)} is null")
        for column in missing
    ]
    for column in contract.columns:
        rules += _build_value_rules(column)
        if column.must_be_past:
            moment = _quote_timestamp(as_of)
            rules.append(
                Rule(
                    f"{column.name} in the future",
                    column.name,
                    f"{quote_typed_column(column.name)} >= {moment}",
                )
            )
    if contract.max_days_late is not None and contract.freshness and not is_first_night:
        column = contract.column(contract.freshness.column)
        oldest = _quote_timestamp(as_of - timedelta(days=contract.max_days_late))
        reason = f"{column.name} more than {contract.max_days_late} days late"
        rules.append(Rule(reason, column.name, f"{quote_typed_column(column.name)} < {oldest}"))
    if contract.any_of:
        anything = ", ".join(quote_text_column(name) for name in contract.any_of)
        rules.append(
            Rule(f"none of {', '.join(contract.any_of)}", None, f"{readable}coalesce({anything}) is null")
        )
    return rules


def format_orphan_reason(column: str, source: str) -> str:
    """Return the reason of a row whose foreign key is unknown."""
    return f"{column} unknown in {source}"


def list_quarantine_reasons(contract: Contract) -> list[str]:
    """Return every reason for which a row of a source can be quarantined, in the order of the ledger."""
    rules = build_rules(contract, datetime.max - timedelta(days=1), is_first_night=False)
    orphans = [format_orphan_reason(reference.column, reference.source) for reference in contract.references]
    rows = [rule.reason for rule in rules if rule.severity == "critical"]
    return [
        *rows,
        REPEATED_TONIGHT,
        CHANGED_CONTENT,
        *([ALREADY_LANDED] if contract.is_log else []),
        *orphans,
    ]


def _quote_timestamp(moment: datetime) -> str:
    """Return a Spark SQL timestamp literal; the session time zone is UTC."""
    return f"timestamp'{moment.strftime('%Y-%m-%d %H:%M:%S')}'"


def _build_value_rules(column: Column) -> list[Rule]:
    """Return the rules on one value that do not depend on the date of the night."""
    name, raw, value = column.name, quote_text_column(column.name), quote_typed_column(column.name)
    is_given = f"{raw} is not null"
    found: list[tuple[str, str]] = []
    if column.type in ("number", "timestamp", "date", "boolean"):
        found.append((f"{name} is not a {column.type}", f"{is_given} and {value} is null"))
    if column.type in ("timestamp", "date"):
        outside = f"{value} < {column.type}'{EARLIEST_DATE}' or {value} >= {column.type}'{LATEST_DATE}'"
        found.append((f"{name} outside {EARLIEST_DATE[:4]} to {LATEST_DATE[:4]}", outside))
    if column.type == "number":
        found.append(
            (f"{name} is not finite", f"({value} = double('NaN') or abs({value}) = double('Infinity'))")
        )
    if column.type == "string" and not column.pattern and not column.allowed_values:
        # PostgreSQL cannot store NUL characters in text.
        found.append((f"NUL character in {name}", f"instr(`{name}`, char(0)) > 0"))
    if column.type == "json":
        # try_parse_json also accepts arrays and scalars; only an object begins with a brace.
        broken = f"{is_given} and (try_parse_json(`{name}`) is null or not {raw} like '{{%')"
        found.append((f"{name} is not a JSON object", broken))
    # NaN compares greater than every number in Spark, so that bounds would report it a second time.
    finite = f"{value} <> double('NaN') and abs({value}) <> double('Infinity')"
    if column.min_value is not None:
        # The suffix d makes the literal a double; Spark would read a decimal.
        bound = f"{value} < {column.min_value!r}d and {finite}"
        found.append((f"{name} below {column.min_value:g}", bound))
    if column.max_value is not None:
        bound = f"{value} > {column.max_value!r}d and {finite}"
        found.append((f"{name} above {column.max_value:,.0f}", bound))
    if column.allowed_values:
        allowed = ", ".join(quote_literal(choice) for choice in column.allowed_values)
        found.append((f"unknown {name}", f"{is_given} and lower({raw}) not in ({allowed})"))
    if column.pattern:
        # Java's \z, unlike $, does not match before a line break at the end.
        whole = quote_literal(rf"\A(?:{JAVA_PATTERNS.get(column.pattern, column.pattern)})\z")
        found.append((f"malformed {name}", f"{is_given} and not {raw} rlike {whole}"))
    return [Rule(reason, name, broken, column.severity) for reason, broken in found]
