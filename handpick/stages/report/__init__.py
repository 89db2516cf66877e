"""The `report` stage: drift against the nights before, one HTML page, the model card, the summary as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow.compute as pc

from handpick.errors import MissingPartition
from handpick.lake.partitions import digest_partition
from handpick.ledger.flows import Flow, StageResult
from handpick.night import Night
from handpick.pipeline.registry import list_nightly_names

REPORT_TABLE = "report"
INDEX_FILE, CARD_FILE = "index.html", "model_card.html"


def run(night: Night) -> StageResult:
    """Write the night's page, model card and summary; the flow counts the stages that the page reports on.

    Raises:
        MissingPartition: If no other stage has run for this logical date.
    """
    from handpick.stages.report.drift import compare_night
    from handpick.stages.report.experiments import update_experiments
    from handpick.stages.report.holders import HOLDERS_FILE, write_holders
    from handpick.stages.report.model_card import render_card
    from handpick.stages.report.report_page import render_report
    from handpick.stages.report.summary import SUMMARY_FILE, summarize_night

    results = night.results()
    reported = [result for result in results if result.stage != "report"]
    if not reported:
        raise MissingPartition(
            f"there is nothing to report: no stage has run for {night.logical_date}. No report was written; "
            f"run `handpick night --date {night.logical_date}` first."
        )
    measured = update_experiments(night)
    drift = compare_night(night)
    card = render_card(night)
    with night.lake.replace_partition(REPORT_TABLE, night.logical_date) as folder:
        # The index links to the card, so the link is left out where there is no card.
        (folder / INDEX_FILE).write_text(
            render_report(night, reported, CARD_FILE if card else None), encoding="utf-8"
        )
        (folder / SUMMARY_FILE).write_text(summarize_night(night).to_json(), encoding="utf-8")
        if night.lake.has("lists/recommendations", night.logical_date):
            columns = ["user_id", "rank", "item_id"]
            lists = night.lake.read("lists/recommendations", night.logical_date, columns)
            write_holders(lists, folder / HOLDERS_FILE)
        if card:
            (folder / CARD_FILE).write_text(card, encoding="utf-8")
    target = night.lake.partition(REPORT_TABLE, night.logical_date)
    expected = len(list_nightly_names()) - 1  # all but the report itself
    flow = Flow("stages", expected, len(reported), {"has not run tonight": expected - len(reported)})
    notes = {"distributions": len(drift), "drifting": int(pc.sum(drift["is_alarm"]).as_py() or 0)}
    return StageResult(
        "report",
        night.logical_date,
        str(target / INDEX_FILE),
        (flow, *measured),
        digest_partition(target),
        notes=notes,
    )


def find_stage_pages(results: Sequence[StageResult]) -> dict[str, Path]:
    """Return the entry pages of the sites that stages built, such as dbt's documentation, by name.

    A stage names such a page in its notes under a key that ends in `_page`; the name here is the key without
    it.
    """
    return {
        key.removesuffix("_page"): Path(str(value)).resolve()
        for result in results
        for key, value in result.notes.items()
        if key.endswith("_page") and Path(str(value)).is_file()
    }
