"""Great Expectations over the landed rows: the suite derived from each contract, and its Data Docs.

Whether a row is good is decided by the row filter, for every row. The expectations state the same contract in the
words and pages that people know; they look at the first `expectations_rows` rows of each source.
"""

from __future__ import annotations

import logging
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from handpick.contracts import CONTRACTS, Contract
from handpick.night import Night


def expectations(contract: Contract) -> list[Any]:
    """The contract as Great Expectations' expectations; bounds are critical, references are the row filter's."""
    import great_expectations.expectations as gxe

    suite: list[Any] = []
    for column in contract.columns:
        suite.append(gxe.ExpectColumnToExist(column=column.name))
        if column.is_required:
            suite.append(
                gxe.ExpectColumnValuesToNotBeNull(column=column.name, mostly=0.8, severity="critical")
            )
        if column.at_least is not None or column.at_most is not None:
            suite.append(
                gxe.ExpectColumnValuesToBeBetween(
                    column=column.name,
                    min_value=column.at_least,
                    max_value=column.at_most,
                    mostly=0.95,
                    severity="warning",
                )
            )
        if column.one_of:
            suite.append(
                gxe.ExpectColumnValuesToBeInSet(
                    column=column.name, value_set=list(column.one_of), mostly=0.95, severity="critical"
                )
            )
        if column.pattern:
            suite.append(
                gxe.ExpectColumnValuesToMatchRegex(
                    column=column.name, regex=f"^(?:{column.pattern})$", mostly=0.95, severity="warning"
                )
            )
    if len(contract.key) == 1:
        suite.append(
            gxe.ExpectColumnProportionOfUniqueValuesToBeBetween(column=contract.key[0], min_value=0.95)
        )
    else:
        suite.append(gxe.ExpectCompoundColumnsToBeUnique(column_list=list(contract.key), mostly=0.95))
    return suite


def describe(night: Night) -> str:
    """Validate the four sources with Great Expectations and build the Data Docs; returns their first page."""
    import great_expectations as gx

    folder = night.lake.root / "data_docs"
    folder.mkdir(parents=True, exist_ok=True)
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        context.add_data_docs_site("local", _site(folder))
        source = context.data_sources.add_pandas("landed")
        for contract in CONTRACTS.values():
            _validate(context, source, night, contract)
        context.build_data_docs()
    return str(folder / "index.html")


def _site(folder: Path) -> dict[str, Any]:
    return {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)},
    }


def _validate(context: Any, source: Any, night: Night, contract: Contract) -> None:
    import great_expectations as gx

    rows = night.lake.read(f"raw/{contract.source}", night.logical_date, contract.names)
    frame = rows.slice(0, night.settings.validate_.expectations_rows).to_pandas()
    for column in contract.columns:
        if column.type == "number":
            import pandas as pd

            frame[column.name] = pd.to_numeric(frame[column.name], errors="coerce")
    suite = context.suites.add(gx.ExpectationSuite(name=contract.source, expectations=expectations(contract)))
    batch = source.add_dataframe_asset(contract.source).add_batch_definition_whole_dataframe("night")
    definition = gx.ValidationDefinition(name=contract.source, data=batch, suite=suite)
    context.validation_definitions.add(definition)
    run_time = datetime.combine(night.logical_date, datetime.min.time(), UTC)
    run = gx.RunIdentifier(run_name=night.logical_date.isoformat(), run_time=run_time)
    definition.run(batch_parameters={"dataframe": frame}, run_id=run)
