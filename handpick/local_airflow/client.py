"""A small client of Airflow's REST API: signs in, triggers a run, reads the states and logs of its tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import httpx
from tenacity import (
    Retrying,
    retry,
    retry_if_exception_type,
    retry_if_not_exception_type,
    stop_after_delay,
    wait_exponential,
    wait_fixed,
)

from handpick.errors import HandpickError
from handpick.local_airflow.environment import ADMIN_USER, build_base_url, read_password
from handpick.local_airflow.processes import ComponentEnded, check_airflow
from handpick.settings.load import Settings

NIGHTLY_DAG_ID = "nightly_recommendations"
"""Id of the DAG that runs a night."""
UNEXPECTED_MARK = "UNEXPECTED:"
"""Prefix of the line that `_lines` makes of the exception that ended a task."""
RETRY_SECONDS = 60.0
"""How long a read request is retried while Airflow is too busy to answer it."""


class AirflowNotAnswering(HandpickError):
    """Airflow did not answer a request: its database was busy, or it took too long."""


@dataclass(frozen=True)
class TaskState:
    """The state of one task of a run; `seconds` is the duration of its last try."""

    task_id: str
    state: str | None
    try_number: int
    seconds: float


@dataclass(frozen=True)
class RunState:
    """The state of a DAG run; `logical_date` is None for one that has none."""

    run_id: str
    state: str
    logical_date: date | None


class AirflowClient:
    """A client of Airflow's REST API v2.

    Args:
        http: A signed-in HTTP client.
        patience_seconds: How long a read request is retried. Requests that change something are never
            retried, as the first one may have been carried out although its answer was lost.
        check: Raises an error of its own if Airflow is not running any more. It is called where a request
            gets no answer, and while Airflow is waited for.
    """

    def __init__(
        self,
        http: httpx.Client,
        patience_seconds: float = RETRY_SECONDS,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._http, self._patience, self.check = http, patience_seconds, check

    def _get(self, path: str, **arguments: Any) -> dict[str, Any]:
        """Return the JSON answer to a GET request, retried while Airflow is too busy to answer."""
        for attempt in Retrying(
            retry=retry_if_exception_type(AirflowNotAnswering),
            stop=stop_after_delay(self._patience),
            wait=wait_exponential(0.5, max=5),
            reraise=True,
        ):
            with attempt:
                answer = self._json("GET", path, **arguments)
        return answer

    def _json(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        """Send one request and return its JSON answer.

        Raises:
            AirflowNotAnswering: If Airflow could not be reached, or answered with a server error.
            HandpickError: If Airflow rejected the request.
        """
        try:
            response = self._http.request(method, path, **arguments)
        except httpx.TransportError as error:
            self.check()
            reason = str(error) or type(error).__name__
            raise AirflowNotAnswering(
                f"Airflow did not answer {method} {path}: {reason}; see api-server.log"
            ) from None
        if response.is_server_error:
            self.check()
            raise AirflowNotAnswering(
                f"Airflow could not answer {method} {path}: status {response.status_code}; see api-server.log"
            )
        if response.is_error:
            raise HandpickError(
                f"Airflow rejected {method} {path} with status {response.status_code}: {response.text[:300]}"
            )
        return dict(response.json())

    @retry(
        retry=retry_if_exception_type(HandpickError) & retry_if_not_exception_type(ComponentEnded),
        stop=stop_after_delay(150),
        wait=wait_fixed(0.5),
        reraise=True,
    )
    def wait_for_dag(self, dag_id: str, changed: datetime) -> None:
        """Wait until Airflow has parsed the DAG's file in its present state.

        Args:
            dag_id: Id of the DAG.
            changed: When the files that the DAG is made of last changed; an earlier parse does not count.

        Raises:
            ComponentEnded: If the client's `check` says so.
            HandpickError: If a DAG file cannot be imported, or was not parsed in time; names the import
                error.
        """
        self.check()
        errors = self._get("/api/v2/importErrors")["import_errors"]
        if errors:
            last = errors[0]["stack_trace"].strip().splitlines()[-1]
            raise HandpickError(f"{errors[0]['filename']} cannot be imported: {last}")
        parsed = self._get(f"/api/v2/dags/{dag_id}/details")["last_parsed_time"]
        if not parsed or datetime.fromisoformat(parsed) < changed:
            raise HandpickError(
                f"Airflow has not read {dag_id} since its files changed; see dag-processor.log"
            )

    def trigger(self, dag_id: str, logical_date: date) -> str:
        """Start a run for a logical date and return its id; a run that exists is cleared and runs again."""
        # Airflow allows one run per logical date, so an existing one is found by date, whoever triggered it.
        moment = datetime.combine(logical_date, datetime.min.time(), UTC).isoformat()
        found = self._get(
            f"/api/v2/dags/{dag_id}/dagRuns",
            params={"logical_date_gte": moment, "logical_date_lte": moment},
        )["dag_runs"]
        if found:
            run_id = str(found[0]["dag_run_id"])
            self._json("POST", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/clear", json={"dry_run": False})
            return run_id
        body = {"logical_date": moment, "dag_run_id": f"handpick__{logical_date.isoformat()}"}
        return str(self._json("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def get_run_state(self, dag_id: str, run_id: str) -> str:
        """Return `queued`, `running`, `success` or `failed`."""
        return str(self._get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def find_newest_run(self, dag_id: str) -> RunState | None:
        """Return the run of a DAG that was started last; None if it never ran."""
        query = {"order_by": "-run_after", "limit": 1}
        runs = self._get(f"/api/v2/dags/{dag_id}/dagRuns", params=query)["dag_runs"]
        if not runs:
            return None
        moment = runs[0]["logical_date"]
        day = datetime.fromisoformat(moment).date() if moment else None
        return RunState(str(runs[0]["dag_run_id"]), str(runs[0]["state"]), day)

    def list_tasks(self, dag_id: str, run_id: str) -> list[TaskState]:
        """Return the states of all tasks of a run, in no particular order."""
        found = self._get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances", params={"limit": 500})
        return [
            TaskState(task["task_id"], task["state"], task["try_number"], float(task["duration"] or 0))
            for task in found["task_instances"]
        ]

    def read_task_log(self, dag_id: str, run_id: str, task: TaskState) -> list[str]:
        """Return the lines that a task's last try logged."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task.task_id}/logs/{task.try_number}"
        content = self._get(path, headers={"accept": "application/json"})["content"]
        return [line for entry in content for line in _lines(entry)]


def _lines(entry: Any) -> list[str]:
    """Return a log entry as plain lines.

    An exception that ended the task is one more line, marked with `UNEXPECTED_MARK`.
    """
    if not isinstance(entry, dict):
        return [str(entry)]
    raised = [
        f"{UNEXPECTED_MARK} {error['exc_type']}: {error['exc_value']}"
        for error in entry.get("error_detail") or []
    ]
    return [str(entry.get("event", entry)), *raised]


@contextmanager
def sign_in(settings: Settings) -> Iterator[AirflowClient]:
    """Yield a client that is signed in as the admin.

    Raises:
        ComponentEnded: If one of its components, or its database, has ended; also from the client's requests.
        HandpickError: If Airflow does not answer or rejects the password.
    """
    # Without trust_env=False, requests to this machine would go through a proxy of the environment.
    with httpx.Client(base_url=build_base_url(settings), timeout=30, trust_env=False) as http:
        try:
            answer = http.post(
                "/auth/token", json={"username": ADMIN_USER, "password": read_password(settings)}
            )
            answer.raise_for_status()
        except httpx.HTTPError as error:
            check_airflow(settings)
            raise HandpickError(
                f"Airflow at {build_base_url(settings)} rejected the admin's sign-in or does not answer: "
                f"{error}"
            ) from None
        http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield AirflowClient(http, check=lambda: check_airflow(settings))
