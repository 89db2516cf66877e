"""Moves the pointer of the published lists back: to the version before, or to the one given as parameter."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, dag, task
from stage_task import PUBLISHED, without_traceback


@dag(
    schedule=None,
    catchup=False,
    doc_md=__doc__,
    params={
        "version": Param(
            "", type="string", description="A list version; empty for the one before the current."
        )
    },
    tags=["handpick"],
)
def rollback_lists() -> None:
    """Make an earlier list version the current one."""

    @task(outlets=[PUBLISHED])
    def rollback(params: Any = None) -> str:
        from handpick.serving.versions import rollback as make_current
        from handpick.settings.load import load

        return without_traceback(lambda: str(make_current(load(), params["version"] or None)))

    rollback()


rollback_lists()
