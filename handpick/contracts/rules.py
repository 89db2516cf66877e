"""The row filter, derived from a contract: each rule is a Spark SQL condition that holds for a row that breaks it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from handpick.contracts.contract import Column, Contract


@dataclass(frozen=True)
class Rule:
    """One reason to quarantine a row.

    Args:
        reason: As people read it in the ledger.
        column: The offending column, or None for the row as a whole.
        broken: Spark SQL on the raw text columns; true for a row that breaks the rule.
    """

    reason: str
    column: str | None
    broken: str


def quote(text: str) -> str:
    """A SQL string literal that keeps backslashes."""
    return "r'" + text.replace("'", "\\'") + "'" if "\\" in text else "'" + text.replace("'", "''") + "'"


def present(name: str) -> str:
    """SQL: the column holds more than white space."""
    return f"(`{name}` is not null and trim(`{name}`) <> '')"


def parsed(column: Column) -> str:
    """SQL: the typed value of a raw text column, or null where its text cannot be read."""
    text = f"nullif(trim(`{column.name}`), '')"
    if column.type == "number":
        return f"try_cast({text} as double)"
    if column.type == "timestamp":
        return f"try_cast({text} as timestamp)"
    if column.type == "date":
        return f"try_cast({text} as date)"
    if column.type == "boolean":
        yes, no = "('true', 't', '1', 'yes', 'y')", "('false', 'f', '0', 'no', 'n')"
        return f"case when lower({text}) in {yes} then true when lower({text}) in {no} then false end"
    if column.one_of:
        return f"lower({text})"
    return text


def rules_of(contract: Contract, as_of: datetime) -> list[Rule]:
    """All row rules of a contract, in the order in which the ledger names the first one broken.

    Args:
        as_of: The first moment after the night; a past timestamp at or after it breaks the contract.
    """
    rules = [Rule("unparsable line", None, "_raw is not null")]
    readable = "_raw is null and "
    for column in contract.columns:
        if column.is_required:
            rules.append(Rule(f"missing {column.name}", column.name, f"{readable}not {present(column.name)}"))
    for column in contract.columns:
        rules += [
            Rule(rule.reason, rule.column, readable + rule.broken) for rule in _column_rules(column, as_of)
        ]
    if contract.any_of:
        anything = " or ".join(present(name) for name in contract.any_of)
        rules.append(Rule(f"none of {', '.join(contract.any_of)}", None, f"{readable}not ({anything})"))
    return rules


def _column_rules(column: Column, as_of: datetime) -> list[Rule]:
    name, value, there = column.name, parsed(column), present(column.name)
    rules = []
    if column.type in ("number", "timestamp", "date", "boolean"):
        rules.append(Rule(f"{name} is not a {column.type}", name, f"{there} and {value} is null"))
    if column.type == "number":
        rules.append(Rule(f"{name} is not finite", name, f"({value} = 'NaN' or abs({value}) = 'Infinity')"))
    if column.type == "json":
        broken = f"{there} and (try_parse_json(`{name}`) is null or not trim(`{name}`) like '{{%')"
        rules.append(Rule(f"{name} is not a JSON object", name, broken))
    if column.at_least is not None:
        rules.append(Rule(f"{name} below {column.at_least:g}", name, f"{value} < {column.at_least!r}"))
    if column.at_most is not None:
        bound = f"{value} > {column.at_most!r} and {value} <> 'NaN' and abs({value}) <> 'Infinity'"
        rules.append(Rule(f"{name} above {column.at_most:,.0f}", name, bound))
    if column.one_of:
        allowed = ", ".join(quote(choice) for choice in column.one_of)
        rules.append(Rule(f"unknown {name}", name, f"{there} and lower(trim(`{name}`)) not in ({allowed})"))
    if column.pattern:
        rules.append(
            Rule(
                f"malformed {name}",
                name,
                f"{there} and not trim(`{name}`) rlike {quote(f'^(?:{column.pattern})$')}",
            )
        )
    if column.is_past:
        moment = as_of.strftime("%Y-%m-%d %H:%M:%S")
        rules.append(Rule(f"{name} in the future", name, f"{value} >= timestamp'{moment}'"))
    return rules
