"""Great Expectations over a night: the suites derived from the contracts, and their Data Docs.

Whether a row is good is decided by the row filter, for every row. Great Expectations judges the shares that it set
aside, over all rows (an aggregate that is equivalent), and describes the columns on the first rows of each source.
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
    ROWS,
    SHARE_OF_ALL,
    row_expectations,
    share_column,
    share_expectations,
)
from handpick.contracts.rules import HARMLESS, reasons_of
from handpick.ledger.flows import Flow
from handpick.night import Night

PAGE = "index.html"
SITE = "night"
"""The only site that is built; an ephemeral context has another one of its own, in a temporary folder that it leaves."""


class Docs:
    """A night's Data Docs in the making: the landed rows need no verdicts, so they can be judged while there are none."""

    def __init__(self, night: Night) -> None:
        import great_expectations as gx

        logging.getLogger("great_expectations").setLevel(logging.ERROR)
        self.night, self.failed = night, list[str]()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.context = gx.get_context(mode="ephemeral")
            self.context.variables.progress_bars = {"globally": False}
            self.source = self.context.data_sources.add_pandas("night")

    def judge_rows(self) -> Docs:
        """Judge the first landed rows of each source."""
        for contract in CONTRACTS.values():
            expectations = row_expectations(contract, self.night.settings.validation)
            self._judge(f"{contract.source} rows", _sample(self.night, contract), expectations)
        return self

    def finish(self, flows: Sequence[Flow]) -> tuple[Path, list[str]]:
        """Judge the shares of rows that were set aside, and build the pages.

        Returns:
            The first page, and the expectations that failed, as `source: expectation on column`.
        """
        night = self.night
        for flow in flows:
            contract = CONTRACTS[flow.source]
            expectations = share_expectations(contract, night.settings.validation)
            self._judge(f"{flow.source} shares", _shares(contract, flow), expectations)
        with warnings.catch_warnings(), night.lake.writing("docs", night.logical_date) as folder:
            warnings.simplefilter("ignore")
            self.context.add_data_docs_site(SITE, _site(folder))
            self.context.build_data_docs(site_names=[SITE])
        return night.lake.partition("docs", night.logical_date) / PAGE, self.failed

    def _judge(self, name: str, frame: Any, expectations: list[Any]) -> None:
        """Run one suite on one frame, and keep the expectations that failed."""
        import great_expectations as gx

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            suite = self.context.suites.add(gx.ExpectationSuite(name=name, expectations=expectations))
            batch = self.source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("night")
            definition = gx.ValidationDefinition(name=name, data=batch, suite=suite)
            self.context.validation_definitions.add(definition)
            run_time = datetime.combine(self.night.logical_date, datetime.min.time(), UTC)
            run = gx.RunIdentifier(run_name=self.night.logical_date.isoformat(), run_time=run_time)
            outcome = definition.run(batch_parameters={"dataframe": frame}, run_id=run)
        self.failed += [
            f"{name}: {result.expectation_config.type} on {result.expectation_config.kwargs.get('column')}"
            for result in outcome.results
            if not result.success
        ]


def _site(folder: Path) -> dict[str, Any]:
    return {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)},
    }


def _sample(night: Night, contract: Contract) -> Any:
    """The first landed rows as text, numbers as numbers."""
    import pandas as pd
    import pyarrow.dataset as ds

    landed = ds.dataset(night.lake.partition(f"raw/{contract.source}", night.logical_date), format="parquet")
    frame = landed.head(night.settings.validation.expectations_rows, columns=contract.names).to_pandas()
    for column in contract.columns:
        if column.type == "number":
            frame[column.name] = pd.to_numeric(frame[column.name], errors="coerce")
    return frame


def _shares(contract: Contract, flow: Flow) -> Any:
    """One row of aggregates over all of the night's rows."""
    import pandas as pd

    rows = max(flow.rows_in, 1)
    bad = flow.rows_dropped - sum(flow.dropped.get(reason, 0) for reason in HARMLESS)
    shares = {
        share_column(reason): flow.dropped.get(reason, 0) / rows if reason not in HARMLESS else 0.0
        for reason in {*reasons_of(contract), *flow.dropped}
    }
    return pd.DataFrame([{ROWS: flow.rows_in, SHARE_OF_ALL: bad / rows, **shares}])
