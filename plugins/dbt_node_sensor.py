"""Deferred Airflow tasks that show the outcome of dbt nodes of one build, without their own process.

The stage task runs one `dbt build` and writes the outcome of every node into a folder. Each model, snapshot
and test has a task that starts in the triggerer and watches that folder. (Cosmos's own operators would start
dbt once per task.)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from airflow.sdk import BaseOperator
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.sdk.execution_time.xcom import XCom
from airflow.triggers.base import (
    BaseTrigger,
    StartTriggerArgs,
    TaskFailedEvent,
    TaskSuccessEvent,
    TriggerEvent,
)
from asgiref.sync import sync_to_async

from handpick.stages.warehouse.node_outcomes import NodeOutcome, has_build_ended, read_outcome

OUTCOMES_FOLDER_KEY = "nodes"
"""XCom of the building task: the folder that its nodes' outcomes appear in."""
POLL_SECONDS = 0.5
"""Time between two checks of the folder, each of which costs a file access per node."""
STATE_SECONDS = 2.0
"""Time between two requests to Airflow's API for the building task's state; shared by all triggers of a
run."""
ENDED = {"success", "failed", "upstream_failed", "skipped", "removed"}
"""States in which a task has ended."""


class BuildState:
    """State of the building task, shared by the triggers of one DAG run.

    It is dropped when the last trigger has ended, so that a cleared group of tasks starts without an old
    state.

    Args:
        dag_id: The DAG.
        run_id: Its run.
        task_id: The task that builds.
    """

    known: ClassVar[dict[tuple[str, str, str], BuildState]] = {}

    def __init__(self, dag_id: str, run_id: str, task_id: str) -> None:
        self.dag_id, self.run_id, self.task_id = dag_id, run_id, task_id
        self.state: str | None = None
        self.folder: Path | None = None
        self.watchers = 0
        self._updated_at = float("-inf")
        self._lock = asyncio.Lock()

    @classmethod
    @contextmanager
    def share(cls, *place: str) -> Iterator[BuildState]:
        """Yield the state that all triggers of the same run share.

        Args:
            place: DAG, run and task.
        """
        build = cls.known.setdefault(place, cls(*place))  # type: ignore[arg-type]
        build.watchers += 1
        try:
            yield build
        finally:
            build.watchers -= 1
            if not build.watchers:
                cls.known.pop(place, None)  # type: ignore[arg-type]

    async def update(self) -> None:
        """Update state and folder, unless another trigger did so less than `STATE_SECONDS` ago."""
        async with self._lock:
            if time.monotonic() - self._updated_at < STATE_SECONDS:
                return
            # Airflow's SDK is synchronous; in the triggerer it must not block the event loop of all triggers.
            states = await sync_to_async(RuntimeTaskInstance.get_task_states)(
                dag_id=self.dag_id, task_ids=[self.task_id], run_ids=[self.run_id]
            )
            state = states.get(self.run_id, {}).get(self.task_id)
            self.state = None if state is None else str(getattr(state, "value", state))
            folder = await self._find_folder() if self.state in {"running", *ENDED} else None
            if self.state == "running" and folder != self.folder and folder and has_build_ended(folder):
                # A task that runs again keeps the XCom of its last try until its body begins: that folder is
                # complete.
                folder = None
            self.folder = folder
            self._updated_at = time.monotonic()

    async def _find_folder(self) -> Path | None:
        """Return the folder that the building task has published, if it has."""
        path = await sync_to_async(XCom.get_one)(
            key=OUTCOMES_FOLDER_KEY, dag_id=self.dag_id, task_id=self.task_id, run_id=self.run_id
        )
        return Path(path) if path else None


class DbtNodeTrigger(BaseTrigger):
    """Ends a task with the outcome of its dbt nodes, or of the building task where dbt did not reach them.

    Args:
        dag_id: The DAG.
        build_task_id: The task that builds.
        nodes: Unique ids of the dbt nodes that the task stands for.
    """

    def __init__(self, dag_id: str, build_task_id: str, nodes: list[str]) -> None:
        super().__init__()
        self.dag_id, self.build_task_id, self.nodes = dag_id, build_task_id, nodes

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class and arguments from which the triggerer builds this trigger."""
        values = {"dag_id": self.dag_id, "build_task_id": self.build_task_id, "nodes": self.nodes}
        return f"{__name__}.{type(self).__name__}", values

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait until all nodes have ended, then end the task."""
        with BuildState.share(self.dag_id, str(self.task_instance.run_id), self.build_task_id) as build:
            good = await self._all_good(build)
        yield TaskSuccessEvent() if good else TaskFailedEvent()

    async def _all_good(self, build: BuildState) -> bool:
        """Wait for the nodes and return whether all of them were successful."""
        left, good = list(self.nodes), True
        while left:
            await build.update()
            for node in list(left):
                ended = read_outcome(build.folder, node) if build.folder else None
                if ended is None and build.state in ENDED:
                    # The build has ended without the node: dbt had nothing to do for it, or did not reach it.
                    ended = NodeOutcome("success" if build.state == "success" else "skipped", "")
                if ended is not None:
                    self.log.info("dbt %s: %s %s", node, ended.status, ended.message)
                    left.remove(node)
                    good &= ended.is_success
            if left:
                await asyncio.sleep(POLL_SECONDS)
        return good


class DbtNodeSensor(BaseOperator):
    """A task that waits for dbt nodes.

    It never runs in a worker, since the scheduler hands it to the triggerer.

    Args:
        build_task_id: The task that builds.
        nodes: Unique ids of the dbt nodes that it stands for.
        timeout: The longest wait.
        options: Further arguments of the operator.
    """

    start_from_trigger = True
    ui_color = "#ff694a"
    ui_fgcolor = "#ffffff"

    def __init__(self, *, build_task_id: str, nodes: list[str], timeout: timedelta, **options: Any) -> None:
        super().__init__(retries=0, **options)
        self.nodes = nodes
        values = {"dag_id": self.dag_id, "build_task_id": build_task_id, "nodes": nodes}
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls=f"{__name__}.{DbtNodeTrigger.__name__}",
            trigger_kwargs=values,
            next_method="execute",
            timeout=timeout,
        )

    def execute(self, context: Any) -> None:  # noqa: ARG002
        """Raise a `TimeoutError`: Airflow resumes the task in a worker only after a timeout."""
        raise TimeoutError(
            f"dbt did not reach {', '.join(self.nodes)} in time; see the log of the task that builds."
        )
