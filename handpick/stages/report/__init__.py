"""The report stage: one self-contained page a night, with plots, that people open in the morning."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from handpick.lake.partitions import digest_of
from handpick.ledger.flows import Flow, StageResult
from handpick.night import Night
from handpick.pipeline.registry import nightly_names

TABLE = "report"
INDEX, CARD = "index.html", "model_card.html"


def run(night: Night) -> StageResult:
    """Write tonight's page and the model card; the ledger line counts the stages that the page tells of."""
    from handpick.stages.report.card import render_card
    from handpick.stages.report.page import render

    results = night.results()
    told = [result for result in results if result.stage != "report"]
    card = render_card(night)
    with night.lake.writing(TABLE, night.logical_date) as folder:
        (folder / INDEX).write_text(render(night, told, CARD if card else None), encoding="utf-8")
        if card:
            (folder / CARD).write_text(card, encoding="utf-8")
    target = night.lake.partition(TABLE, night.logical_date)
    expected = len(nightly_names()) - 1  # all but the report itself
    flow = Flow("stages", expected, len(told), {"has not run tonight": expected - len(told)})
    return StageResult("report", night.logical_date, str(target / INDEX), (flow,), digest_of(target))


def stage_pages(results: Sequence[StageResult]) -> dict[str, Path]:
    """Pages that stages built and named in their notes as `..._page`, by that name without its end."""
    return {
        key.removesuffix("_page"): Path(str(value)).resolve()
        for result in results
        for key, value in result.notes.items()
        if key.endswith("_page") and Path(str(value)).is_file()
    }
