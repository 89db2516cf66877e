"""A task for each dbt model and test that shows how one dbt build did with it, without a process of its own."""

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

from handpick.stages.warehouse.nodes import Outcome, is_over, outcome

FOLDER_KEY = "nodes"
"""XCom of the building task: the folder that its nodes' outcomes appear in."""
POLL_SECONDS = 0.5
ASK_SECONDS = 2.0
ENDED = {"success", "failed", "upstream_failed", "skipped", "removed"}


class Build:
    """What the triggers of one DAG run know together of the task that builds; asked for at most every two seconds.

    It lasts as long as one of them watches: a group that is cleared begins anew.
    """

    known: ClassVar[dict[tuple[str, str, str], Build]] = {}

    def __init__(self, dag_id: str, run_id: str, task_id: str) -> None:
        self.dag_id, self.run_id, self.task_id = dag_id, run_id, task_id
        self.state: str | None = None
        self.folder: Path | None = None
        self.watchers = 0
        self._asked_at = float("-inf")
        self._lock = asyncio.Lock()

    @classmethod
    @contextmanager
    def of(cls, *place: str) -> Iterator[Build]:
        """The one that other triggers of the same run use."""
        build = cls.known.setdefault(place, cls(*place))  # type: ignore[arg-type]
        build.watchers += 1
        try:
            yield build
        finally:
            build.watchers -= 1
            if not build.watchers:
                cls.known.pop(place, None)  # type: ignore[arg-type]

    async def ask(self) -> None:
        """Bring state and folder up to date, if nobody has just done so."""
        async with self._lock:
            if time.monotonic() - self._asked_at < ASK_SECONDS:
                return
            states = await sync_to_async(RuntimeTaskInstance.get_task_states)(
                dag_id=self.dag_id, task_ids=[self.task_id], run_ids=[self.run_id]
            )
            state = states.get(self.run_id, {}).get(self.task_id)
            self.state = None if state is None else str(getattr(state, "value", state))
            folder = await self._told_folder() if self.state in {"running", *ENDED} else None
            if self.state == "running" and folder != self.folder and folder and is_over(folder):
                folder = None  # A task that runs again keeps the XCom of its last try until its body begins.
            self.folder = folder
            self._asked_at = time.monotonic()

    async def _told_folder(self) -> Path | None:
        told = await sync_to_async(XCom.get_one)(
            key=FOLDER_KEY, dag_id=self.dag_id, task_id=self.task_id, run_id=self.run_id
        )
        return Path(told) if told else None


class NodeTrigger(BaseTrigger):
    """Ends the task as dbt ended its nodes, or as the building task ended before it came to them."""

    def __init__(self, dag_id: str, build_task_id: str, nodes: list[str]) -> None:
        super().__init__()
        self.dag_id, self.build_task_id, self.nodes = dag_id, build_task_id, nodes

    def serialize(self) -> tuple[str, dict[str, Any]]:
        values = {"dag_id": self.dag_id, "build_task_id": self.build_task_id, "nodes": self.nodes}
        return f"{__name__}.{type(self).__name__}", values

    async def run(self) -> AsyncIterator[TriggerEvent]:
        with Build.of(self.dag_id, str(self.task_instance.run_id), self.build_task_id) as build:
            good = await self._all_good(build)
        yield TaskSuccessEvent() if good else TaskFailedEvent()

    async def _all_good(self, build: Build) -> bool:
        """Wait for the nodes; whether the night can go on as far as they are concerned."""
        left, good = list(self.nodes), True
        while left:
            await build.ask()
            for node in list(left):
                ended = outcome(build.folder, node) if build.folder else None
                if ended is None and build.state in ENDED:
                    # dbt had nothing to do for it, or never came to it.
                    ended = Outcome("success" if build.state == "success" else "skipped", "")
                if ended is not None:
                    self.log.info("dbt %s: %s %s", node, ended.status, ended.message)
                    left.remove(node)
                    good &= ended.is_good
            if left:
                await asyncio.sleep(POLL_SECONDS)
        return good


class NodeOperator(BaseOperator):
    """Never runs in a worker: the scheduler hands it to the triggerer, which ends it."""

    start_from_trigger = True
    ui_color = "#ff694a"
    ui_fgcolor = "#ffffff"

    def __init__(self, *, build_task_id: str, nodes: list[str], timeout: timedelta, **options: Any) -> None:
        super().__init__(retries=0, **options)
        self.nodes = nodes
        values = {"dag_id": self.dag_id, "build_task_id": build_task_id, "nodes": nodes}
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls=f"{__name__}.{NodeTrigger.__name__}",
            trigger_kwargs=values,
            next_method="execute",
            timeout=timeout,
        )

    def execute(self, context: Any) -> None:  # noqa: ARG002
        """Reached only where a triggerer resumes the task in a worker, as it does after a timeout."""
        raise TimeoutError(f"dbt did not come to {', '.join(self.nodes)} in time.")
