"""Runs dbt within this process: without output, one build at a time, and with one-line errors."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from handpick.errors import HandpickError
from handpick.night import Night
from handpick.runtime.log import log_progress
from handpick.settings.load import Settings
from handpick.stages.warehouse.node_outcomes import make_callbacks
from handpick.stages.warehouse.project import (
    build_environment,
    find_project_folder,
    find_target_folder,
    set_environment,
)

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult

FAILED_STATUSES = ("error", "fail", "runtime error")
"""Statuses of dbt results that mean failure."""
WAREHOUSE_SCHEMA = "warehouse"
LOCK_MESSAGE = "Could not set lock on file"
CORRUPT_MESSAGE = "Corrupt database file"


class WarehouseError(HandpickError):
    """Failure of dbt to build or test the warehouse; earlier marts and published lists are untouched."""


def build_warehouse(night: Night) -> None:
    """Build and test all models for one night.

    Raises:
        WarehouseError: If a model cannot be built or a test fails; names the first one and the file of its
            SQL.
    """
    from handpick.lineage import dbt_events

    settings = night.settings
    # Unit tests run the SQL on made-up rows: they check the code, which does not change from night to night.
    excluded = ["unit_test", *([] if settings.warehouse.tests else ["test"])]
    arguments = [word for kind in excluded for word in ("--exclude-resource-type", kind)]
    if settings.warehouse.target == "spark":
        open_spark_database(settings)
    with lock_warehouse(settings), set_environment(build_environment(settings, night.logical_date)):
        outcome = run_dbt(settings, "build", *arguments)
    # Before the failure is raised, since the events report failed nodes too.
    dbt_events.emit_dbt_events(getattr(outcome.result, "results", None) or (), settings)
    if not outcome.success:
        raise WarehouseError(_explain_failure(night, outcome))


def open_spark_database(settings: Settings) -> None:
    """Start the Spark session that dbt uses, and create the warehouse's database if the catalog has none.

    The database's folder is next to the DuckDB file. An in-memory catalog forgets its tables when the process
    ends, so files of an earlier process are removed and the tables are built again from the lake.
    """
    from handpick.runtime.spark import get_spark_session

    spark = get_spark_session(settings)
    if not spark.catalog.databaseExists(WAREHOUSE_SCHEMA):
        folder = settings.path(settings.warehouse.path).with_suffix(".spark")
        shutil.rmtree(folder, ignore_errors=True)
        spark.sql(f"CREATE DATABASE {WAREHOUSE_SCHEMA} LOCATION '{folder.as_uri()}'")


def run_dbt(settings: Settings, command: str, *arguments: str, target: Path | None = None) -> dbtRunnerResult:
    """Run one dbt command on the project; the caller sets the environment variables that the project reads.

    Args:
        settings: All settings.
        command: The command, such as `build` or `docs generate`.
        arguments: Further arguments.
        target: The target folder; by default the one that lineage reads the manifest from.

    Returns:
        dbt's result, whether or not it succeeded.
    """
    from dbt.cli.main import dbtRunner

    target = target or find_target_folder(settings)
    options = {
        "--project-dir": find_project_folder(),
        "--profiles-dir": find_project_folder(),
        "--target": settings.warehouse.target,
        "--target-path": target,
        "--log-path": find_target_folder(settings).parent / "logs",
        # The console shows the night's own log; dbt's goes to a file.
        "--log-level": "none",
        "--log-level-file": "info",
    }
    words = [str(word) for option in options.items() for word in option]
    try:
        return dbtRunner(callbacks=make_callbacks()).invoke([*command.split(), "--quiet", *words, *arguments])
    finally:
        _close_database()


def _close_database() -> None:
    """Close the DuckDB file, which dbt would keep open, and therefore locked, until this process ends."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]


@contextmanager
def lock_warehouse(settings: Settings) -> Iterator[None]:
    """Wait for the warehouse's lock and hold it, since DuckDB allows one writing process."""
    path = settings.path(settings.warehouse.path).with_suffix(".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    # A soft lock, the library's fallback, would survive a killed process and block every later night.
    lock = FileLock(path, fallback_to_soft=False)
    try:
        held = lock.acquire(blocking=False)
    except Timeout:
        log_progress(f"  another night is building the warehouse; waiting for {path}")
        held = lock.acquire()
    with held:
        yield


def _explain_failure(night: Night, outcome: dbtRunnerResult) -> str:
    """Describe the first failure, what it means for the data and what to do, in one line."""
    target = find_target_folder(night.settings)
    untouched = (
        f"Tonight's marts were not written. Fix it and run `handpick warehouse --date {night.logical_date}`."
    )
    results: list[Any] = list(getattr(outcome.result, "results", None) or ())
    failed = [result for result in results if str(result.status) in FAILED_STATUSES]
    if not failed:
        return f"dbt did not start: {_shorten_message(str(outcome.exception), night.settings)} {untouched}"
    first, more = failed[0], len(failed) - 1
    node = first.node
    # Nodes that failed before they were compiled have no `compiled_path`.
    sql = target / "compiled" / "handpick" / node.original_file_path
    if getattr(node, "compiled_path", None):
        sql = find_project_folder() / node.compiled_path
    others = f" (and {more} more)" if more else ""
    return (
        f"dbt {node.resource_type} {node.name} failed{others}: "
        f"{_shorten_message(str(first.message), night.settings)} Its SQL is in {sql}. {untouched}"
    )


def _shorten_message(message: str, settings: Settings) -> str:
    """Return a database's message as one line with a full stop; explain those with a remedy."""
    if LOCK_MESSAGE in message:
        return (
            f"another program has {settings.path(settings.warehouse.path)} open; close it (DuckDB allows one "
            "program to write)."
        )
    if CORRUPT_MESSAGE in message:
        return (
            f"{settings.path(settings.warehouse.path)} is damaged. It is made from the lake, and `handpick "
            "verify --repair` makes it anew."
        )
    line = " ".join(part.strip() for part in message.splitlines() if part.strip())
    return (line[:400] + " ..." if len(line) > 400 else line).rstrip(".") + "."
