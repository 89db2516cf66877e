"""The report stage: one self-contained page a night, with plots, that people open in the morning."""

from __future__ import annotations

from handpick.lake import digest_of
from handpick.ledger import Flow, StageResult
from handpick.night import STAGES, Night

TABLE = "report"


def run(night: Night) -> StageResult:
    """Write tonight's page; the ledger line counts the stages that it tells of."""
    from handpick.report.page import render

    results = night.results()
    told = [result for result in results if result.stage != "report"]
    with night.lake.writing(TABLE, night.logical_date) as folder:
        (folder / "index.html").write_text(render(night, told), encoding="utf-8")
    target = night.lake.partition(TABLE, night.logical_date)
    missing = len(STAGES) - 1 - len(told)
    flow = Flow("stages", len(STAGES) - 1, len(told), {"has not run tonight": missing})
    return StageResult("report", night.logical_date, str(target / "index.html"), (flow,), digest_of(target))
