"""Erases a person from everything that Handpick holds: the same as `handpick erase`. There is no way back.

Nights that run are waited for. The id is blanked in the form and log of this run, too; the proof that is left
does not name the person.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, dag, task
from stage_task import DAG_OPTIONS, without_traceback


@dag(
    schedule=None,
    doc_md=__doc__,
    params={
        "user": Param(
            None,
            type="string",
            minLength=1,
            title="User",
            description="The person's id, as the shop's files have it.",
        ),
        "why": Param(
            "the person asked for it",
            type="string",
            minLength=3,
            title="Why",
            description="For the audit log; without the person.",
        ),
    },
    **DAG_OPTIONS,
)
def erase_user() -> None:
    """Erase one person."""

    @task(doc_md="Removes the person's rows and files everywhere, then searches for what may be left.")
    def erase(params: Any = None, dag_run: Any = None) -> dict[str, Any]:
        """Return where the proof is and what was removed, for XCom."""
        from datetime import UTC, datetime

        from handpick.errors import HandpickError
        from handpick.pipeline.erase.erase_user import erase_user
        from handpick.settings.load import load

        def run() -> dict[str, Any]:
            who = str(getattr(dag_run, "triggering_user_name", None) or "Airflow")
            done = erase_user(load(), params["user"], datetime.now(UTC), who, params["why"])
            if done.found:
                raise HandpickError(
                    f"the person was erased, but is still found in {len(done.found)} files, the first "
                    f"{done.found[0]}; see the proof {done.proof}. Remove them there, then run this again."
                )
            return {"proof": str(done.proof), "removed": done.removed, "remains": done.remains}

        return dict(without_traceback(run))

    erase()


erase_user()
