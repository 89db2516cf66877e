"""Runs the Great Expectations suites of a night and writes their Data Docs.

The row filter decides on every row. Great Expectations checks the shares of rows that the filter quarantined,
which is equivalent to checking all rows, and documents the columns on the first rows of each source.

The page is written from the results by a template of ours. Great Expectations' own pages show landed text
unescaped, run scripts, and load styles and tables from other servers.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handpick.contracts import CONTRACTS, Contract
from handpick.contracts.expectations import (
    QUARANTINED_SHARE,
    ROW_COUNT,
    build_row_expectations,
    build_share_expectations,
    name_share_column,
)
from handpick.contracts.rules import HARMLESS_REASONS, list_quarantine_reasons
from handpick.ledger.flows import Flow
from handpick.night import Night
from handpick.runtime.html import render_page

PAGE = "index.html"
TEMPLATE = "data_docs.html"
EXAMPLES, EXAMPLE_LETTERS = 5, 200
"""Unexpected values that are shown of an expectation, and letters of each."""


@dataclass(frozen=True)
class Outcome:
    """One expectation and what became of it.

    Args:
        column: The column it is about.
        expectation: What is expected, in words.
        severity: `critical` or `warning`.
        is_met: Whether it is met.
        observed: The observed value, or the share of unexpected ones.
        examples: Unexpected values and how often they occur.
    """

    column: str
    expectation: str
    severity: str
    is_met: bool
    observed: str
    examples: list[tuple[str, int]]


@dataclass(frozen=True)
class Suite:
    """One suite of a night: its name, the rows it was run on, and its outcomes."""

    name: str
    rows: int
    outcomes: list[Outcome]

    @property
    def failed(self) -> int:
        """The number of expectations that are not met."""
        return sum(not outcome.is_met for outcome in self.outcomes)


class DataDocs:
    """The Data Docs of a night: samples of raw rows, and the shares of rows that each rule quarantined."""

    def __init__(self, night: Night) -> None:
        import great_expectations as gx

        # Its progress and its deprecation warnings would bury the log of the night.
        logging.getLogger("great_expectations").setLevel(logging.ERROR)
        self.night, self.failed, self.suites = night, list[str](), list[Suite]()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.context = gx.get_context(mode="ephemeral")
            self.context.variables.progress_bars = {"globally": False}
            self.source = self.context.data_sources.add_pandas("night")

    def check_samples(self) -> DataDocs:
        """Check the first raw rows of each source; return self."""
        for contract in CONTRACTS.values():
            expectations = build_row_expectations(contract, self.night.settings.validation)
            self._run_suite(f"{contract.source} rows", _sample_rows(self.night, contract), expectations)
        return self

    def finish(self, flows: Sequence[Flow]) -> tuple[Path, list[str]]:
        """Check the shares of quarantined rows, and build the pages.

        Args:
            flows: The ledger lines of the stage.

        Returns:
            The index page, and the failed expectations as `source: expectation on column`.
        """
        night = self.night
        for flow in flows:
            contract = CONTRACTS[flow.source]
            expectations = build_share_expectations(contract, night.settings.validation)
            self._run_suite(f"{flow.source} shares", _aggregate_shares(contract, flow), expectations)
        with night.lake.replace_partition("docs", night.logical_date) as folder:
            (folder / PAGE).write_text(render_docs(night, self.suites), encoding="utf-8")
        return night.lake.partition("docs", night.logical_date) / PAGE, self.failed

    def _run_suite(self, name: str, frame: Any, expectations: list[Any]) -> None:
        """Run one suite on one data frame, and keep the expectations that failed."""
        import great_expectations as gx

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            suite = self.context.suites.add(gx.ExpectationSuite(name=name, expectations=expectations))
            batch = self.source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("night")
            definition = gx.ValidationDefinition(name=name, data=batch, suite=suite)
            self.context.validation_definitions.add(definition)
            outcome = definition.run(batch_parameters={"dataframe": frame})
        self.suites.append(Suite(name, len(frame), [summarize_expectation(each) for each in outcome.results]))
        self.failed += [
            f"{name}: {result.expectation_config.type} on {result.expectation_config.kwargs.get('column')}"
            for result in outcome.results
            if not result.success
        ]


def render_docs(night: Night, suites: Sequence[Suite]) -> str:
    """Render the Data Docs of a night as one HTML page, which needs neither script nor network."""
    return render_page(
        "handpick.stages.validate",
        TEMPLATE,
        shop=night.settings.shop.name,
        date=night.logical_date.isoformat(),
        suites=suites,
    )


def summarize_expectation(result: Any) -> Outcome:
    """Return what is shown of one validation result of Great Expectations."""
    config, found = result.expectation_config, result.result or {}
    settings = dict(config.kwargs)
    column, mostly = str(settings.pop("column", "")), settings.pop("mostly", None)
    settings.pop("batch_id", None)
    # `regex` is shown as it is; a list of values as its values.
    words = [
        f"{name.replace('_', ' ')} {', '.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in settings.items()
        if value is not None
    ]
    if mostly is not None:
        words.append(f"for at least {100 * mostly:g} % of the values")
    observed = found.get("observed_value")
    if observed is None and (share := found.get("unexpected_percent")) is not None:
        observed = f"{share:.2f} % of {found.get('element_count', 0):,} values do not"
    failure = next(
        (info["exception_message"] for info in _list_exceptions(result) if info.get("raised_exception")), None
    )
    return Outcome(
        column=column,
        expectation="; ".join([config.type.removeprefix("expect_").replace("_", " "), *words]),
        severity=str(getattr(config.severity, "value", config.severity)),
        is_met=bool(result.success),
        observed=str(failure if failure is not None else "" if observed is None else observed),
        examples=[
            (str(each["value"])[:EXAMPLE_LETTERS], int(each["count"]))
            for each in (found.get("partial_unexpected_counts") or [])[:EXAMPLES]
            # Great Expectations reports values that it cannot count in another form.
            if isinstance(each, dict) and "value" in each
        ],
    )


def _list_exceptions(result: Any) -> list[dict[str, Any]]:
    """Return the descriptions of exceptions of a result, which is one of them or holds one per metric."""
    found = result.exception_info or {}
    return (
        [found]
        if "raised_exception" in found
        else [each for each in found.values() if isinstance(each, dict)]
    )


def _sample_rows(night: Night, contract: Contract) -> Any:
    """Return the first raw rows of a source as text, with numeric columns parsed."""
    import pandas as pd
    import pyarrow.dataset as ds

    landed = ds.dataset(night.lake.partition(f"raw/{contract.source}", night.logical_date), format="parquet")
    frame = landed.head(
        night.settings.validation.expectations_rows, columns=contract.column_names
    ).to_pandas()
    for column in contract.columns:
        if column.type == "number":
            # As in the row filter: text that is not a number becomes null.
            frame[column.name] = pd.to_numeric(frame[column.name], errors="coerce")
    return frame


def _aggregate_shares(contract: Contract, flow: Flow) -> Any:
    """Return a data frame of one row: the row count, the quarantined share, and the share of each rule."""
    import pandas as pd

    rows = max(flow.rows_in, 1)
    bad = flow.rows_dropped - sum(flow.dropped.get(reason, 0) for reason in HARMLESS_REASONS)
    shares = {
        name_share_column(reason): flow.dropped.get(reason, 0) / rows
        if reason not in HARMLESS_REASONS
        else 0.0
        for reason in {*list_quarantine_reasons(contract), *flow.dropped}
    }
    return pd.DataFrame([{ROW_COUNT: flow.rows_in, QUARANTINED_SHARE: bad / rows, **shares}])
