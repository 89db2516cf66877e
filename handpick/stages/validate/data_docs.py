"""Runs the Great Expectations suites of a night and builds their Data Docs.

The row filter decides on every row. Great Expectations checks the shares of rows that the filter quarantined,
which is equivalent to checking all rows, and documents the columns on the first rows of each source.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
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

PAGE = "index.html"
SITE = "night"
"""The only site that is built: the default site of an ephemeral context leaves a temporary folder behind."""


class DataDocs:
    """The Data Docs of a night: samples of raw rows, and the shares of rows that each rule quarantined."""

    def __init__(self, night: Night) -> None:
        import great_expectations as gx

        # Its progress and its deprecation warnings would bury the log of the night.
        logging.getLogger("great_expectations").setLevel(logging.ERROR)
        self.night, self.failed = night, list[str]()
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
        with warnings.catch_warnings(), night.lake.replace_partition("docs", night.logical_date) as folder:
            warnings.simplefilter("ignore")
            self.context.add_data_docs_site(SITE, _build_site_config(folder))
            self.context.build_data_docs(site_names=[SITE])
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
            # The time of a run is part of its page's path, which stays the same when the night runs again.
            run_time = datetime.combine(self.night.logical_date, datetime.min.time(), UTC)
            run = gx.RunIdentifier(run_name=self.night.logical_date.isoformat(), run_time=run_time)
            outcome = definition.run(batch_parameters={"dataframe": frame}, run_id=run)
        self.failed += [
            f"{name}: {result.expectation_config.type} on {result.expectation_config.kwargs.get('column')}"
            for result in outcome.results
            if not result.success
        ]


def _build_site_config(folder: Path) -> dict[str, Any]:
    """Return the configuration of a Data Docs site in a folder."""
    return {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)},
    }


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
