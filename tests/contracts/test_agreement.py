"""Everything that is derived from a contract agrees with the contract."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from handpick.contracts import CONTRACTS, Contract
from handpick.contracts.dbt_sources import render_dbt_sources
from handpick.contracts.docs_page import describe_bounds, render_contracts_page
from handpick.contracts.patterns import JAVA_PATTERNS
from handpick.contracts.rules import build_rules, list_quarantine_reasons
from handpick.runtime.dataframes.duckdb_column import write
from handpick.settings.validate import ValidateSettings

AS_OF = datetime(2026, 1, 2, tzinfo=UTC)
every_contract = pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)


@every_contract
def test_arrow_and_spark_schemas_hold_the_same_columns_types_and_nullability(contract: Contract) -> None:
    from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

    ours = contract.arrow_schema()
    sparks = to_arrow_schema(from_arrow_schema(ours), timezone="UTC")
    assert [(field.name, field.type, field.nullable) for field in sparks] == [
        (field.name, field.type, field.nullable) for field in ours
    ]
    assert [
        name for name in contract.column_names if not ours.field(name).nullable
    ] == contract.required_columns


@every_contract
def test_every_bound_of_the_contract_is_a_rule_of_the_row_filter(contract: Contract) -> None:
    by_column: dict[str | None, str] = {}
    for rule in build_rules(contract, AS_OF):
        by_column[rule.column] = by_column.get(rule.column, "") + write(rule.violation)
    for column in contract.columns:
        sql = by_column.get(column.name, "")
        bounds = [repr(bound) for bound in (column.min_value, column.max_value) if bound is not None]
        assert all(text in sql for text in [*bounds, *column.allowed_values]), column.name
        assert ("regexp_matches(" in sql and r"'\A(?:" in sql) == bool(column.pattern), column.name
        missing = f'(("_raw" IS NULL) AND ("_text_{column.name}" IS NULL))'
        assert (missing in sql) == column.is_required, column.name
        assert ("2026-01-02" in sql) == column.must_be_past, column.name
        ahead = column.max_days_ahead
        last = None if ahead is None else f"{AS_OF + timedelta(days=ahead):%Y-%m-%d}"
        assert last is None or last in sql, column.name


@every_contract
def test_great_expectations_states_every_column_and_bound_with_the_contracts_severity(
    contract: Contract,
) -> None:
    from handpick.contracts.expectations import (
        build_row_expectations,
        build_share_expectations,
        name_share_column,
    )

    limits = ValidateSettings()
    stated = build_row_expectations(contract, limits)
    told: dict[str, dict[str, Any]] = {}
    for expectation in stated:
        told.setdefault(expectation.column, {})[type(expectation).__name__] = expectation
    for column in contract.columns:
        mine = told[column.name]
        assert ("ExpectColumnValuesToNotBeNull" in mine) == column.is_required
        between = mine.get("ExpectColumnValuesToBeBetween")
        assert (getattr(between, "min_value", None), getattr(between, "max_value", None)) == (
            column.min_value,
            column.max_value,
        )
        allowed = mine.get("ExpectColumnValuesToBeInSet")
        assert tuple(getattr(allowed, "value_set", ())) == column.allowed_values
        assert (column.pattern or "") in getattr(mine.get("ExpectColumnValuesToMatchRegex"), "regex", "")
        severities = {rule.severity.value for name, rule in mine.items() if name != "ExpectColumnToExist"}
        assert severities <= {column.severity}
    columns = {expectation.column for expectation in build_share_expectations(contract, limits)}
    assert {name_share_column(reason) for reason in list_quarantine_reasons(contract)} <= columns


@every_contract
def test_the_dbt_source_declares_every_column_and_its_tests(contract: Contract) -> None:
    tables = yaml.safe_load(render_dbt_sources(CONTRACTS))["sources"][0]["tables"]
    table = next(table for table in tables if table["name"] == contract.source)
    assert [column["name"] for column in table["columns"]] == contract.column_names
    for declared, column in zip(table["columns"], contract.columns, strict=True):
        tests = declared.get("data_tests", [])
        assert ("not_null" in tests) == column.is_required
        accepted = [
            test["accepted_values"]["arguments"]["values"] for test in tests if isinstance(test, dict)
        ]
        assert accepted == ([list(column.allowed_values)] if column.allowed_values else [])


@every_contract
def test_the_page_shows_every_column_bound_and_reason(contract: Contract) -> None:
    section = render_contracts_page({contract.source: contract})
    for column in contract.columns:
        assert f"| `{column.name}` | {column.type} |" in section
        assert describe_bounds(column) in section
    assert all(reason in section for reason in list_quarantine_reasons(contract))


def test_the_committed_page_is_the_one_that_the_contracts_give() -> None:
    page = Path(__file__).parents[2] / "docs" / "contracts.md"
    assert page.read_text() == render_contracts_page(CONTRACTS), "run `handpick contracts --write`"


def test_the_committed_dbt_sources_are_those_that_the_contracts_give() -> None:
    file = Path(__file__).parents[2] / "dbt" / "models" / "staging" / "valid" / "_valid__sources.yml"
    assert file.read_text() == render_dbt_sources(CONTRACTS), f"run `handpick contracts --dbt {file}`"


@every_contract
def test_patterns_mean_the_same_in_python_and_in_re2(contract: Contract) -> None:
    import re

    import pyarrow.compute as pc

    words = [
        "a",
        "A-1",
        "en",
        "zh-CN",
        "EUR",
        "",
        " a",
        "a b",
        "a\nb",
        "a\n",
        "x" * 128,
        "x" * 129,
        "é",
        "电",
        "\ufffd",
        "a\x00",
    ]
    for column in contract.columns:
        if column.pattern:
            python = [bool(re.fullmatch(column.pattern, word)) for word in words]
            re2 = pc.match_substring_regex(
                pa.array(words), rf"\A(?:{re2_form(column.pattern)})\z"
            ).to_pylist()
            assert python == re2, column.name
            java = JAVA_PATTERNS.get(column.pattern, column.pattern)
            assert python == [bool(re.fullmatch(java, word)) for word in words], column.name


def re2_form(pattern: str) -> str:
    """RE2 writes a character by number as `\\x{...}`."""
    import re

    return re.sub(r"\\u([0-9a-f]{4})", r"\\x{\1}", pattern)
