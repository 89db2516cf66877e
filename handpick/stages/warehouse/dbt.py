"""dbt within this process: quiet, alone at the warehouse, and with one line when something is wrong."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handpick.errors import HandpickError
from handpick.night import Night
from handpick.runtime.log import say
from handpick.settings.load import Settings
from handpick.stages.warehouse.nodes import callbacks
from handpick.stages.warehouse.project import environment, environment_of, project_folder, target_folder

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult

FAILED = ("error", "fail", "runtime error")
SCHEMA = "warehouse"
LOCKED = "Could not set lock on file"


class WarehouseError(HandpickError):
    """dbt could not build or test the warehouse; the marts of earlier nights and the published lists are untouched."""


def build(night: Night) -> None:
    """Build and test everything for one night.

    Raises:
        WarehouseError: Naming the first model or test that failed and where its SQL lies.
    """
    from handpick.lineage import dbt_events

    settings = night.settings
    # Unit tests try the SQL on made-up rows: they tell about the code, not about the night.
    left_out = ["unit_test", *([] if settings.warehouse.tests else ["test"])]
    arguments = [word for kind in left_out for word in ("--exclude-resource-type", kind)]
    if settings.warehouse.target == "spark":
        open_database(settings)
    with alone(settings), environment_of(environment(settings, night.logical_date)):
        outcome = invoke(settings, "build", *arguments)
    dbt_events.tell(getattr(outcome.result, "results", None) or (), settings)
    if not outcome.success:
        raise WarehouseError(_why(night, outcome))


def open_database(settings: Settings) -> None:
    """Start the Spark session that dbt joins, with a database beside the DuckDB file unless its catalog has one.

    A catalog in memory forgets its tables when the process ends; their files are taken away, and built anew from the lake.
    """
    from handpick.runtime.spark import session

    spark = session(settings)
    if not spark.catalog.databaseExists(SCHEMA):
        folder = settings.path(settings.warehouse.path).with_suffix(".spark")
        shutil.rmtree(folder, ignore_errors=True)
        spark.sql(f"CREATE DATABASE {SCHEMA} LOCATION '{folder.as_uri()}'")


def invoke(settings: Settings, command: str, *arguments: str, target: Path | None = None) -> dbtRunnerResult:
    """Run one dbt command on the project, by default with the usual target folder; the caller sets the environment."""
    from dbt.cli.main import dbtRunner

    target = target or target_folder(settings)
    options = {
        "--project-dir": project_folder(),
        "--profiles-dir": project_folder(),
        "--target": settings.warehouse.target,
        "--target-path": target,
        "--log-path": target_folder(settings).parent / "logs",
        "--log-level": "none",
        "--log-level-file": "info",
    }
    words = [str(word) for option in options.items() for word in option]
    try:
        return dbtRunner(callbacks=callbacks()).invoke([*command.split(), "--quiet", *words, *arguments])
    finally:
        _let_go()


def _let_go() -> None:
    """Close the DuckDB file, which dbt would keep open, and locked, until this process ends."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Wait until no other night builds this warehouse: DuckDB lets one process write at a time."""
    lock = settings.path(settings.warehouse.path).with_suffix(".lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"  another night builds the warehouse; waiting for {lock}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _why(night: Night, outcome: dbtRunnerResult) -> str:
    """The first thing that went wrong, in one line."""
    target = target_folder(night.settings)
    untouched = (
        f"Tonight's marts were not written. Mend it and run `handpick model --date {night.logical_date}`."
    )
    results: list[Any] = list(getattr(outcome.result, "results", None) or ())
    failed = [result for result in results if str(result.status) in FAILED]
    if not failed:
        return f"dbt did not start: {_line(str(outcome.exception), night.settings)} {untouched}"
    first, more = failed[0], len(failed) - 1
    node = first.node
    sql = target / "compiled" / "handpick" / node.original_file_path
    if getattr(node, "compiled_path", None):
        sql = project_folder() / node.compiled_path
    others = f" (and {more} more)" if more else ""
    return (
        f"dbt {node.resource_type} {node.name} failed{others}: {_line(str(first.message), night.settings)} "
        f"Its SQL lies in {sql}. {untouched}"
    )


def _line(message: str, settings: Settings) -> str:
    """A database's message as one line that ends with a stop; a lock in words."""
    if LOCKED in message:
        return (
            f"another program has {settings.path(settings.warehouse.path)} open; close it (dbt writes alone)."
        )
    line = " ".join(part.strip() for part in message.splitlines() if part.strip())
    return (line[:400] + " ..." if len(line) > 400 else line).rstrip(".") + "."
