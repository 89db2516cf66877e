"""Moves the pointer of the published lists back: to the version before, or to the one given as parameter."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, dag, task
from stage_task import MANUAL_DAG, PUBLISHED, without_traceback


@dag(
    doc_md=__doc__,
    params={
        "version": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="List version",
            description="The version that becomes current; empty for the one before the current.",
        )
    },
    **MANUAL_DAG,
)
def rollback_lists() -> None:
    """Make an earlier list version the current one."""

    @task(outlets=[PUBLISHED], doc_md="Moves the pointer, at once for all consumers.")
    def rollback(params: Any = None) -> str:
        """Return the version that is current now, for XCom."""
        from handpick.serving.versions import rollback as make_current
        from handpick.settings.load import load

        return without_traceback(lambda: str(make_current(load(), params["version"] or None)))

    @task(doc_md="Tells the owners in `[alerts]` that consumers read an older version.")
    def tell_owners() -> list[str]:
        """Return the channels that were told, for XCom."""
        from alerting import tell_shop

        told: list[str] = without_traceback(tell_shop)
        return told

    rollback() >> tell_owners()


rollback_lists()
