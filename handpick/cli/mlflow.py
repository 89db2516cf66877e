"""`handpick mlflow`: open MLflow's pages on the tracked trainings."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from handpick.errors import InputError
from handpick.runtime.log import print_result


def register(app: typer.Typer) -> None:
    """Add this module's command to the command line."""
    app.command("mlflow", rich_help_panel="Models")(mlflow)


def mlflow(port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1, max=65535)] = 5000) -> None:
    """Open MLflow on 127.0.0.1: each night's training, its curves and versions; end it with Ctrl+C."""
    from handpick.settings.load import load

    settings = load()
    file = settings.path(Path(settings.training.tracking)) if settings.training.tracking else None
    if file is None or not file.is_file():
        where = "training.tracking is empty" if file is None else f"there is no {file}"
        raise InputError(f"no training was tracked: {where}. `handpick run` trains, and tracks it.")
    if importlib.util.find_spec("uv") is None:
        raise InputError(
            "MLflow's pages need the extra `mlflow`; nothing was started. Run: pip install 'handpick[mlflow]'"
        )
    print_result(f"MLflow: http://127.0.0.1:{port} (the first time it is fetched; Ctrl+C ends it)")
    # In an environment of its own, as the whole MLflow forbids the release of pyarrow that the nights need.
    whole = f"mlflow=={metadata.version('mlflow-skinny')}"
    command = [sys.executable, "-m", "uv", "tool", "run", "--python", sys.executable, "--from", whole]
    command += ["mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{file}"]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    ended = subprocess.run(command, env=environment, check=False).returncode
    if ended not in (0, -2, 130):
        raise InputError(
            f"MLflow ended with status {ended}; is port {port} in use? Choose another with --port."
        )
