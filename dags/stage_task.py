"""Builds the Airflow task of a stage, and what the DAGs share: options, timetable, one-line errors."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, task
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.log import mask_secret
from airflow.timetables.interval import CronDataIntervalTimetable

from handpick.errors import HandpickError
from handpick.errors.safe_text import list_known_secrets
from handpick.pipeline.registry import Resource, Stage
from handpick.runtime.log import console
from handpick.runtime.private_files import restrict_new_files
from handpick.settings.load import load

if TYPE_CHECKING:
    from handpick.night import Night

# The first logs every function that it imports, the others every event that was sent.
for noisy in ("great_expectations", "openlineage.client", "airflow.providers.openlineage"):
    logging.getLogger(noisy).setLevel(logging.WARNING)
SETTINGS = load()
RETRIES: dict[str, Any] = {
    "retries": SETTINGS.airflow.retries,
    "retry_delay": timedelta(seconds=SETTINGS.airflow.retry_delay_seconds),
}
DAG_OPTIONS: dict[str, Any] = {
    # Airflow runs no logical date before this one. Data may be of any age; with `catchup` off, no missed run
    # is made up.
    "start_date": datetime(1990, 1, 1, tzinfo=UTC),
    "catchup": False,
    "max_active_runs": 1,
    "tags": ["handpick"],
    "default_args": {"owner": SETTINGS.airflow.owner},
}
"""Options of all DAGs but their schedule."""
LIMITS: dict[str, Any] = {"execution_timeout": timedelta(minutes=SETTINGS.airflow.stage_timeout_minutes)}
"""Options of tasks that run a stage."""
CHOOSE_NIGHT = "choose_night"
"""Task that decides which night a run without a logical date is about."""
ERROR_MARK = "HANDPICK:"
"""Marks the log line that says why a stage stopped; `handpick run` looks for it and shows it."""
PUBLISHED = Asset(name="recommendations", uri="handpick://serving/recommendations")
"""Updated when a new list version is current; downstream DAGs schedule on it."""


def build_timetable(cron: str | None) -> CronDataIntervalTimetable | None:
    """Return the timetable of a cron expression in UTC; None where `[airflow] schedule` is empty."""
    return CronDataIntervalTimetable(cron, timezone="UTC") if SETTINGS.airflow.schedule else None


def without_traceback(body: Callable[[], Any]) -> Any:
    """Run a task's body; an error that a person must fix fails the task at once, in one line.

    Progress goes to standard output, as Airflow shows lines of standard error as errors.
    """
    console.file = sys.stdout
    for secret in list_known_secrets():
        mask_secret(secret)
    restrict_new_files()
    try:
        return body()
    except HandpickError as error:
        print(f"{ERROR_MARK} {error}", flush=True)
        raise AirflowFailException(str(error)) from None


def summarize_result(result: Any) -> dict[str, Any]:
    """Return what a stage's task leaves in XCom: path, digest, seconds, pages and ledger lines."""
    return {
        "where": result.where,
        "digest": result.digest,
        "seconds": result.seconds,
        "pages": {name: page for name, page in result.notes.items() if name.endswith("_page")},
        "ledger": [
            {"source": flow.source, "in": flow.rows_in, "out": flow.rows_out, "dropped": dict(flow.dropped)}
            for flow in result.flows
        ],
    }


def open_night(context: Mapping[str, Any]) -> Night:
    """Return the context of a run's night.

    It is the night that the form named, or the run's logical date. A run without either, which a person or an
    asset has triggered, takes what its first task has chosen.

    Args:
        context: Airflow's context of the task.
    """
    from handpick.night import Night

    named = (context.get("params") or {}).get("date")
    if named:
        day = date.fromisoformat(named)
    elif context.get("logical_date") is not None:
        day = date.fromisoformat(context["logical_date"].strftime("%Y-%m-%d"))
    else:
        day = date.fromisoformat(context["ti"].xcom_pull(task_ids=CHOOSE_NIGHT))
    opened: Night = without_traceback(lambda: Night(load(), day))
    return opened


@task(
    task_id=CHOOSE_NIGHT,
    doc_md="Decides which night the run is about: the form's, the run's logical date, or else the newest day "
    "that has arrived and is not done.",
)
def choose_night_of_run(params: Any = None, logical_date: Any = None) -> str:
    """Return the night's date, for the other tasks.

    A run without a date fails where no day has arrived that is not done, and says so.
    """
    from handpick.pipeline.next_night import choose_night

    if (params or {}).get("date"):
        return str(params["date"])
    if logical_date is not None:
        return str(logical_date.strftime("%Y-%m-%d"))
    chosen: date = without_traceback(lambda: choose_night(load()))
    print(f"The run has no logical date: it runs the night of {chosen}, the newest that is not done.")
    return chosen.isoformat()


def stage_task(stage: Stage, **options: Any) -> Any:
    """Make the task that runs one stage for the run's logical date and leaves its ledger lines in XCom.

    Args:
        stage: Its entry in the registry, which also gives the task its name and its page in the web UI.
        options: Further options of Airflow's task.
    """
    if SETTINGS.airflow.gpu_pool is not None and Resource.TORCH in stage.resources:
        options["pool"] = SETTINGS.airflow.gpu_pool

    @task(task_id=stage.name, doc_md=render_stage_doc(stage), **RETRIES, **LIMITS, **options)
    def run(**context: Any) -> dict[str, Any]:
        night = open_night(context)
        done = run_stage_of_night(stage.name, night)
        if options.get("outlets"):
            context["outlet_events"][PUBLISHED].extra = describe_version(night)
        return done

    return run()


def run_stage_of_night(stage: str, night: Night) -> dict[str, Any]:
    """Run a stage in its task and return what it leaves in XCom; stages that use Spark share its JVM."""
    from handpick.pipeline.runner import run_stage
    from handpick.runtime.shared_spark import share_spark
    from handpick.runtime.spark_stages import list_spark_stages

    settings = night.settings
    folder = settings.path(settings.warehouse.path).parent / "spark"
    is_last = list_spark_stages(settings)[-1:] == [stage]
    with share_spark(folder, f"night-{night.logical_date}", is_last):
        return summarize_result(without_traceback(lambda: run_stage(stage, night)))


def describe_version(night: Night) -> dict[str, Any]:
    """Return what the asset of the published lists says about a night's version: rows, version and digest."""
    result = night.result("publish")
    return {
        "logical_date": night.logical_date.isoformat(),
        "version": result.notes.get("version"),
        "rows": {flow.source: flow.rows_out for flow in result.flows},
        "digest": result.digest,
    }


def render_stage_doc(stage: Stage) -> str:
    """Return the description of a stage's task in the web UI, as Markdown."""
    needs = ", ".join(stage.resources) or "nothing beyond a processor core"
    return (
        f"{stage.title}.\n\n"
        f"* reads: {', '.join(stage.reads)}\n* writes: {', '.join(stage.writes)}\n* needs: {needs}\n\n"
        f"To run it alone: `handpick {stage.command} --date YYYY-MM-DD`"
    )
