"""Measures what each command costs to start: its processor time, and the heavy libraries that it loads.

`find_allowed` tells the libraries that each command may load; the tests hold the quick ones to it. Here every
command runs, each in a process of its own, on the first day of a demo shop at rung XS.
"""

from __future__ import annotations

import atexit
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HEAVY = (
    "PIL", "airflow", "dbt", "duckdb", "fastapi", "feast", "fsspec", "great_expectations", "grpc", "httpx",
    "implicit", "jinja2", "lightgbm", "matplotlib", "mlflow", "numba", "numpy", "openlineage", "pandas",
    "psycopg", "pyarrow", "pydantic", "pyspark", "requests", "rich.progress", "scipy", "sklearn",
    "sqlalchemy", "sqlglot", "torch", "transformers",
)  # fmt: skip
"""Libraries whose import costs more than some milliseconds."""
MARK = "LOADED:"
"""Begins the last line of a measured process, which names the heavy libraries that it has loaded."""

SETTINGS = {"pydantic"}
ARROW = {*SETTINGS, "numpy", "pandas", "pyarrow"}
"""Arrow imports numpy, and pandas as soon as it holds a table."""
SERVING = {*SETTINGS, "psycopg"}
ENGINE = {"duckdb", "sqlglot"}
"""The embedded engine; with `engine = "spark"` also PySpark."""
STAGE = {*ARROW, "fsspec", "openlineage", "requests"}
"""OpenLineage's client, which every stage uses, imports fsspec and requests."""

ALLOWED: Mapping[str, set[str]] = {
    "--help": set(),
    "stages": SETTINGS,
    "settings": SETTINGS,
    "lineage": SETTINGS,
    "contracts": ARROW - {"pandas"},
    "lists": SERVING,
    "versions": SERVING,
    "diff": SERVING,
    "rollback": SERVING,
    "down": SERVING,
    "up": {*SERVING, "httpx", "rich.progress"},  # httpx imports parts of rich
    "ledger": ARROW,
    "quarantine": ARROW,
    "show": ARROW,
    "override": ARROW,
    "init": ARROW,
    "import": ARROW,
    "demo": {*ARROW, "PIL", "scipy"},
    "check": {*ARROW, *ENGINE, "PIL"},
    "run": {*ARROW, *SERVING, "PIL", "httpx", "rich.progress", "scipy"},
}
"""The heavy libraries that each command may load, other than the stages."""
BROUGHT: Mapping[str, set[str]] = {
    "dbt": {"duckdb", "jinja2", "sqlglot"},
    "duckdb": {"sqlglot"},
    "handpick": {"duckdb", "fastapi", "feast", "jinja2", "psycopg", "sqlalchemy", "sqlglot"},
    "implicit": {"scipy"},
    "matplotlib": {"PIL"},
    "psycopg": {"numba", "scipy"},
    "torch": {"numba", "scipy"},
    "transformers": {"PIL", "jinja2", "scipy"},
}
"""By a library that the registry preloads: those that come with its use. `handpick` is Feast, which a module
of ours imports."""
VALIDATION = {"PIL", "great_expectations", "grpc", "jinja2", "pyspark", "scipy", "sqlalchemy"}
"""Great Expectations imports all that it could run on."""
TRACKING = {"fastapi", "mlflow", "pyspark", "rich.progress", "sqlalchemy"}
"""MLflow imports a web framework, a database library and Spark where they are installed."""
COMPARISON = {"lightgbm", "rich.progress", "sklearn"}
"""The models of the family, of which some are trees."""


def find_allowed(command: str) -> set[str]:
    """Return the heavy libraries that a command may load.

    For a stage they follow from the registry: what every stage loads, what it preloads and what that brings
    along, and the libraries of what it writes.
    """
    from handpick.pipeline.registry import list_nightly_stages

    stage = next((stage for stage in list_nightly_stages() if stage.command == command), None)
    if stage is None:
        return ALLOWED[command]
    preloaded = {library.split(".")[0] for library in stage.preload}
    written = {"valid": VALIDATION, "models": TRACKING, "evaluation": COMPARISON}
    return set().union(
        STAGE,
        preloaded,
        *(BROUGHT.get(library, set()) for library in preloaded),
        *(written.get(table, set()) for table in stage.writes),
    )


@dataclass(frozen=True)
class CommandRun:
    """One run of a command.

    Args:
        status: Exit status.
        seconds: Processor time of its process, and of those that it waited for.
        loaded: The heavy libraries that it had loaded at its end.
        output: What it printed.
    """

    status: int
    seconds: float
    loaded: frozenset[str]
    output: str


def run_command(arguments: list[str], environment: Mapping[str, str]) -> CommandRun:
    """Run a command of `handpick` in a process of its own."""
    before = _count_child_seconds()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.starts", *arguments],
        env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    output, found, loaded = f"{done.stdout}{done.stderr}".rpartition(MARK)
    if not found:
        raise RuntimeError(f"handpick {' '.join(arguments)} did not reach its end:\n{done.stderr[-2000:]}")
    seconds = _count_child_seconds() - before
    return CommandRun(done.returncode, seconds, frozenset(loaded.split()), output)


def find_surplus(arguments: list[str], run: CommandRun) -> set[str]:
    """Return the heavy libraries that a command has loaded although it may not."""
    return set(run.loaded - find_allowed(arguments[0]))


def list_inspecting_commands(home: Path, night: str) -> list[list[str]]:
    """Return the commands that only look at a shop, or would change it but are refused.

    Args:
        home: The shop's folder, with a published night.
        night: The night's logical date.
    """
    return [
        ["--help"],
        ["stages"],
        ["settings"],
        ["contracts"],
        ["lineage", "serving.recommendations.score"],
        ["lists", "--segment", "all"],
        ["versions"],
        ["diff", "1", "1"],
        ["rollback", "999"],
        ["ledger", "--date", night],
        ["quarantine", "list", "--date", night],
        ["show", "--date", night],
        ["override", "--date", "2000-01-01", "--who", "nobody", "--why", "there is no such night"],
        ["init", str(home / "var" / "landing"), "--out", str(home / "proposed.toml")],
        ["import", "gsmarena", str(home / "handpick.toml"), "--landing", str(home / "imported")],
        ["demo", "--rung", "none"],
    ]


def measure() -> dict[str, Any]:
    """Run every command on a shop of its own; return processor seconds, and surplus libraries by command."""
    from benchmarks.demo_shops import LAST_DAY
    from handpick.pipeline.registry import list_nightly_stages

    home = Path(tempfile.mkdtemp(prefix="handpick-starts-"))
    (home / "handpick.toml").write_text(f"[airflow]\nport = {PORT}\n")
    environment, night = {"HANDPICK_CONFIG": str(home / "handpick.toml")}, str(LAST_DAY)
    commands = [
        ["demo", "--rung", "XS"],
        ["check", "--date", night],
        *([stage.command, "--date", night] for stage in list_nightly_stages()),
        *list_inspecting_commands(home, night),
        ["up"],
        ["run", "--date", night],
        ["down"],
    ]
    seconds: dict[str, float] = {}
    surplus: dict[str, list[str]] = {}
    try:
        for command in commands:
            run = run_command(command, environment)
            if run.status and command not in list_inspecting_commands(home, night):
                raise RuntimeError(f"handpick {' '.join(command)} failed:\n{run.output[-2000:]}")
            name = command[0].strip("-").replace("-", "_")
            seconds.setdefault(f"{name}_seconds", round(run.seconds, 2))
            if found := find_surplus(command, run):
                surplus[command[0]] = sorted(found)
    finally:
        run_command(["down"], environment)
        shutil.rmtree(home, ignore_errors=True)
    return {**seconds, "commands_with_surplus": len(surplus), "surplus": str(surplus)}


PORT = 8480
"""Port of the Airflow that is started and stopped."""


def _count_child_seconds() -> float:
    """Return the processor time of all processes that this one has started and waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _print_loaded() -> None:
    """Print the heavy libraries that this process has loaded."""
    print(MARK, *(name for name in HEAVY if name in sys.modules), file=sys.stderr)


def main() -> None:
    """Run the command line as `handpick` does, and print at the end what it has loaded."""
    from handpick.cli.main import main as run_command_line

    atexit.register(_print_loaded)
    run_command_line()


if __name__ == "__main__":
    main()
