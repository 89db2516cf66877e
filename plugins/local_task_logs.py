"""Airflow logging configuration of one machine: task logs are read from files, and from no log server."""

from __future__ import annotations

import copy
from typing import Any

from airflow.config_templates.airflow_local_settings import DEFAULT_LOGGING_CONFIG
from airflow.utils.log.file_task_handler import FileTaskHandler


class LocalTaskLogs(FileTaskHandler):
    """Reads task logs from the folder that they are written to.

    Airflow also asks the log servers of scheduler and triggerer while a task runs. They would send the same
    lines, and they listen on all interfaces, so `handpick.local_airflow` starts none.
    """

    def _read_from_logs_server(self, ti: Any, worker_log_rel_path: str) -> Any:  # noqa: ARG002
        """Return no sources and no lines."""
        return [], []


LOGGING_CONFIG = copy.deepcopy(DEFAULT_LOGGING_CONFIG)
LOGGING_CONFIG["handlers"]["task"]["class"] = f"{__name__}.{LocalTaskLogs.__name__}"
