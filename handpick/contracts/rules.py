"""The row filter, derived from a contract: each rule is a Spark SQL condition that holds for a row that breaks it.

Rules and values are written on columns that `shared` makes of the raw ones, so that a night computes each of them once:
`_text_<column>` without white space around it, null where nothing else is there; `_typed_<column>` in the contract's type,
null where the text cannot be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from handpick.contracts.contract import EARLIEST_DATE, LATEST_DATE, Column, Contract, Severity
from handpick.contracts.patterns import IN_JAVA

REPEATED = "repeated in this night"
CHANGED = "same key, different content"
KNOWN = "landed on an earlier night"
HARMLESS = (REPEATED, KNOWN)
"""Reasons that cost nothing: the same row is already there. They do not count towards the share that stops a night."""

DAY = r"^\\s*\\d{4}-\\d{1,2}-\\d{1,2}"
"""A date must be written out: Spark would read `12:00` as today at noon and `2024` as the first of January."""


@dataclass(frozen=True)
class Rule:
    """One reason to quarantine a row, or to empty one value.

    Args:
        reason: As people read it in the ledger.
        column: The offending column, or None for the row as a whole.
        broken: Spark SQL on the raw and the shared columns; true for a row that breaks the rule, else false or null.
        severity: Whether the row or only the value is set aside.
    """

    reason: str
    column: str | None
    broken: str
    severity: Severity = "critical"


def quote(literal: str) -> str:
    """A Spark SQL string literal of exactly this text."""
    return "'" + literal.replace("\\", "\\\\").replace("'", "\\'") + "'"


def text(name: str) -> str:
    """SQL: the shared column with the text of a column."""
    return f"`_text_{name}`"


def typed(name: str) -> str:
    """SQL: the shared column with the typed value of a column."""
    return f"`_typed_{name}`"


def shared(contract: Contract) -> tuple[list[str], list[str]]:
    """SQL of the shared columns, in two rounds: the texts, then the typed values of these."""
    texts = [f"nullif(trim(`{name}`), '') as {text(name)}" for name in contract.names]
    return texts, [f"{_typed(column)} as {typed(column.name)}" for column in contract.columns]


def _typed(column: Column) -> str:
    """SQL: the typed value of the shared text."""
    told = text(column.name)
    if column.type == "number":
        return f"try_cast({told} as double)"
    if column.type in ("timestamp", "date"):
        return f"case when {told} rlike '{DAY}' then try_cast({told} as {column.type}) end"
    if column.type == "boolean":
        yes, no = "('true', 't', '1', 'yes', 'y', '1.0')", "('false', 'f', '0', 'no', 'n', '0.0')"
        return f"case when lower({told}) in {yes} then true when lower({told}) in {no} then false end"
    if column.one_of:
        return f"lower({told})"
    return told


def valid_value(column: Column) -> str:
    """SQL: the typed value as it enters the valid rows; a value that breaks a `warning` rule is emptied."""
    value = typed(column.name)
    if column.severity == "critical":
        return value
    broken = " or ".join(f"({rule.broken})" for rule in _value_rules(column))
    return f"case when not coalesce({broken or 'false'}, false) then {value} end"


def rules_of(contract: Contract, as_of: datetime, is_first_night: bool = True) -> list[Rule]:
    """All row rules of a contract, in the order in which the ledger names the first one broken.

    Args:
        contract: The source's contract.
        as_of: The first moment after the night; a past timestamp at or after it breaks the contract.
        is_first_night: The first night brings the history, so nothing is late.
    """
    rules = [Rule("unparsable line", None, "`_raw` is not null")]
    readable = "`_raw` is null and "
    missing = [column for column in contract.columns if column.is_required]
    rules += [
        Rule(f"missing {column.name}", column.name, f"{readable}{text(column.name)} is null")
        for column in missing
    ]
    for column in contract.columns:
        rules += _value_rules(column)
        if column.is_past:
            moment = _literal(as_of)
            rules.append(
                Rule(f"{column.name} in the future", column.name, f"{typed(column.name)} >= {moment}")
            )
    if contract.late_days is not None and contract.freshness and not is_first_night:
        column = contract.column(contract.freshness.column)
        oldest = _literal(as_of - timedelta(days=contract.late_days))
        reason = f"{column.name} more than {contract.late_days} days late"
        rules.append(Rule(reason, column.name, f"{typed(column.name)} < {oldest}"))
    if contract.any_of:
        anything = ", ".join(text(name) for name in contract.any_of)
        rules.append(
            Rule(f"none of {', '.join(contract.any_of)}", None, f"{readable}coalesce({anything}) is null")
        )
    return rules


def stranger_reason(column: str, source: str) -> str:
    """The reason of a row whose reference is not known."""
    return f"{column} unknown in {source}"


def reasons_of(contract: Contract) -> list[str]:
    """Every reason for which a row of this source can be set aside, in the ledger's order."""
    rules = rules_of(contract, datetime.max - timedelta(days=1), is_first_night=False)
    strangers = [stranger_reason(reference.column, reference.source) for reference in contract.references]
    rows = [rule.reason for rule in rules if rule.severity == "critical"]
    return [*rows, REPEATED, CHANGED, *([KNOWN] if contract.is_log else []), *strangers]


def _literal(moment: datetime) -> str:
    return f"timestamp'{moment.strftime('%Y-%m-%d %H:%M:%S')}'"


def _value_rules(column: Column) -> list[Rule]:
    """Rules on one value, whatever its night."""
    name, told, value = column.name, text(column.name), typed(column.name)
    there = f"{told} is not null"
    found: list[tuple[str, str]] = []
    if column.type in ("number", "timestamp", "date", "boolean"):
        found.append((f"{name} is not a {column.type}", f"{there} and {value} is null"))
    if column.type in ("timestamp", "date"):
        outside = f"{value} < {column.type}'{EARLIEST_DATE}' or {value} >= {column.type}'{LATEST_DATE}'"
        found.append((f"{name} outside {EARLIEST_DATE[:4]} to {LATEST_DATE[:4]}", outside))
    if column.type == "number":
        found.append(
            (f"{name} is not finite", f"({value} = double('NaN') or abs({value}) = double('Infinity'))")
        )
    if column.type == "string" and not column.pattern and not column.one_of:
        found.append((f"NUL character in {name}", f"instr(`{name}`, char(0)) > 0"))
    if column.type == "json":
        broken = f"{there} and (try_parse_json(`{name}`) is null or not {told} like '{{%')"
        found.append((f"{name} is not a JSON object", broken))
    finite = f"{value} <> double('NaN') and abs({value}) <> double('Infinity')"
    if column.at_least is not None:
        bound = f"{value} < {column.at_least!r}d and {finite}"
        found.append((f"{name} below {column.at_least:g}", bound))
    if column.at_most is not None:
        bound = f"{value} > {column.at_most!r}d and {finite}"
        found.append((f"{name} above {column.at_most:,.0f}", bound))
    if column.one_of:
        allowed = ", ".join(quote(choice) for choice in column.one_of)
        found.append((f"unknown {name}", f"{there} and lower({told}) not in ({allowed})"))
    if column.pattern:
        whole = quote(rf"\A(?:{IN_JAVA.get(column.pattern, column.pattern)})\z")
        found.append((f"malformed {name}", f"{there} and not {told} rlike {whole}"))
    return [Rule(reason, name, broken, column.severity) for reason, broken in found]
