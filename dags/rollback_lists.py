"""Moves the pointer of the published lists back: to the version before, or to the one given as parameter."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, dag, task
from stage_task import DAG_OPTIONS, PUBLISHED, without_traceback


@dag(
    schedule=None,
    doc_md=__doc__,
    params={
        "version": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="List version",
            description="The version that becomes current; empty for the one before the current.",
        ),
        "why": Param(
            None,
            type=["null", "string"],
            maxLength=500,
            title="Why",
            description="The reason, kept in the audit log.",
        ),
    },
    **DAG_OPTIONS,
)
def rollback_lists() -> None:
    """Make an earlier list version the current one."""

    @task(outlets=[PUBLISHED], doc_md="Moves the pointer, at once for all consumers.")
    def rollback(params: Any = None, dag_run: Any = None) -> str:
        """Return the version that is current now, for XCom."""
        from handpick.serving.browse import record_action
        from handpick.serving.versions import rollback as make_current
        from handpick.settings.load import load

        def move() -> str:
            settings = load()
            made = make_current(settings, params["version"] or None)
            who = getattr(dag_run, "triggering_user_name", None) or "the DAG rollback_lists"
            why = params.get("why") or ""
            record_action(settings, who=who, action="roll back", target=f"to version {made}", why=why)
            return str(made)

        return without_traceback(move)

    @task(doc_md="Tells the owners in `[alerts]` that consumers read an older version.")
    def tell_owners() -> list[str]:
        """Return the channels that were told, for XCom."""
        from alerting import tell_shop

        told: list[str] = without_traceback(tell_shop)
        return told

    rollback() >> tell_owners()


rollback_lists()
