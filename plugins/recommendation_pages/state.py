"""What several pages need to know: published versions, and Airflow's runs of the nightly DAG."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date
from typing import Any

from handpick.errors import HandpickError, ServingError
from handpick.serving.versions import ListVersion, list_versions
from handpick.settings.load import Settings
from handpick.stages.report.verdict import Finding, Kind, Light, Owner
from recommendation_pages.access import NIGHTLY_DAG

SHOWN_RUNS = 5


@dataclass(frozen=True)
class Published:
    """The kept list versions, newest first, and why they could not be read, if so."""

    versions: list[ListVersion]
    problem: str | None = None

    @property
    def current(self) -> ListVersion | None:
        """The version that consumers read."""
        return next((one for one in self.versions if one.is_current), None)

    @property
    def before(self) -> ListVersion | None:
        """The newest version of a night before the current one's."""
        current = self.current
        return next(
            (one for one in self.versions if current and one.logical_date < current.logical_date), None
        )

    def find(self, number: int) -> ListVersion | None:
        """Return a kept version."""
        return next((one for one in self.versions if one.version == number), None)


@dataclass(frozen=True)
class Run:
    """A run of the nightly DAG.

    Args:
        run_id: Airflow's name of it.
        state: Airflow's state.
        night: Its logical date, None for a run without one.
        failed: Its tasks that have failed.
    """

    run_id: str
    state: str
    night: date | None
    failed: tuple[str, ...]

    def describe_failures(self) -> list[Finding]:
        """Return its failed tasks as what needs a person."""
        return [
            Finding(
                Kind.FAILED,
                Light.ACT,
                f"The task {task} of the night of {self.night or 'an unknown date'} failed; the lists "
                "published before stay current.",
                "Read the last line of its log, mend the cause and clear the task.",
                Owner.OPERATOR,
                self.night,
                task,
            )
            for task in self.failed
        ]


def read_published(settings: Settings) -> Published:
    """Read the kept versions; before the first publish there are none, and that is no problem."""
    try:
        return Published(list_versions(settings))
    except HandpickError as error:
        return explain_unread(error)


def explain_unread(error: HandpickError) -> Published:
    """Return that no version could be read, and why, unless it is that nothing was ever published."""
    is_first = isinstance(error, ServingError) and "no list version has been published" in str(error)
    return Published([], None if is_first else str(error))


def read_runs() -> list[Run]:
    """Read the last runs of the nightly DAG from Airflow's database, newest first; none if it has none."""
    from airflow.models import DagRun, TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_session() as session:
            runs = session.scalars(
                select(DagRun)
                .where(DagRun.dag_id == NIGHTLY_DAG)
                .order_by(DagRun.run_after.desc())
                .limit(SHOWN_RUNS)
            ).all()
            failed: dict[str, list[str]] = {}
            rows: Any = session.execute(
                select(TaskInstance.run_id, TaskInstance.task_id).where(
                    TaskInstance.dag_id == NIGHTLY_DAG,
                    TaskInstance.run_id.in_([run.run_id for run in runs]),
                    TaskInstance.state == "failed",
                )
            )
            for run_id, task in rows:
                failed.setdefault(run_id, []).append(task)
            return [
                Run(
                    run.run_id,
                    str(getattr(run.state, "value", run.state)),
                    run.logical_date.date() if run.logical_date else None,
                    tuple(sorted(failed.get(run.run_id, ()))),
                )
                for run in runs
            ]
    except SQLAlchemyError as error:
        logging.getLogger(__name__).warning("Airflow's runs could not be read: %s", type(error).__name__)
        return []
