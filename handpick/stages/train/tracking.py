"""Logs each night's training to a local MLflow: settings, curves, digests, and a registered model version."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from handpick.night import Night

EXPERIMENT, MODEL = "handpick", "fusion"


def log_training(
    night: Night, curves: Mapping[str, Mapping[str, list[float]]], data_digest: str, best: float
) -> None:
    """Log a run and register its model as a version of `fusion`.

    A night that is run again adds another version.

    Nothing is logged where `[training] tracking` is empty.

    Args:
        night: Night of the training.
        curves: Values by epoch, by fit (`selection`, `serving`) and series.
        data_digest: Digest of the dataset that the model was trained on.
        best: Validation NDCG@20 of the epoch that was kept.
    """
    file = night.settings.training.tracking
    if not file:
        return
    # MLflow reads it when it is imported, and would send usage statistics otherwise.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow.entities import Metric, Param
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    path = night.settings.path(Path(file))
    path.parent.mkdir(parents=True, exist_ok=True)
    address = f"sqlite:///{path}"
    # The client instead of `mlflow.start_run`, which keeps the active run in a global of the process.
    client = MlflowClient(address, registry_uri=address)
    known = client.get_experiment_by_name(EXPERIMENT)
    experiment = known.experiment_id if known else client.create_experiment(EXPERIMENT)
    run = client.create_run(experiment, run_name=night.logical_date.isoformat()).info.run_id
    # One transaction instead of one for each of some sixty values.
    at = int(time.time() * 1000)  # MLflow wants milliseconds since 1970
    metrics = [
        Metric(_to_metric_name(f"{fit} {name}"), value, at, epoch)
        for fit, series in curves.items()
        for name, values in series.items()
        for epoch, value in enumerate(values, 1)
    ]
    client.log_batch(
        run,
        metrics=[*metrics, Metric("best_validation_ndcg", best, at, 0)],
        params=[Param(key, str(value)) for key, value in _flatten_settings(night).items()],
    )
    client.set_terminated(run)
    # MLflow has no "create if missing": a missing model is an exception.
    try:
        client.get_registered_model(MODEL)
    except MlflowException:
        client.create_registered_model(MODEL)
    where = night.lake.partition("models", night.logical_date) / "fusion" / "serving"
    tags = {
        "logical_date": night.logical_date.isoformat(),
        "data": data_digest,
        "code": describe_code_version(),
    }
    client.create_model_version(MODEL, str(where), run, tags=tags)


def describe_code_version() -> str:
    """Return the running commit, `+` if files differ from it; outside a checkout the package's version."""
    from importlib.metadata import version

    root = Path(__file__).resolve().parents[3]
    try:
        described = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty=+", "--exclude=*"],  # noqa: S607 - git is optional, so wherever it is installed
            capture_output=True, text=True, check=True, timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return version("handpick")
    return described.stdout.strip()


def _flatten_settings(night: Night) -> dict[str, Any]:
    """Return the seed and the keys of `[fusion]` and `[training]` as `section.key`."""
    settings = night.settings
    sections = {"fusion": settings.fusion.model_dump(), "training": settings.training.model_dump()}
    flat = {f"{section}.{key}": value for section, keys in sections.items() for key, value in keys.items()}
    return {"seed": night.seed, **flat}


def _to_metric_name(name: str) -> str:
    """Return a name without the characters that MLflow rejects, such as `@`."""
    return "".join(letter if letter.isalnum() or letter in "_-. /" else "_" for letter in name)
