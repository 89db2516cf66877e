"""Keeps each night's training in a local MLflow: settings, learning curves, digests, and a registered version."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from handpick.night import Night

EXPERIMENT, MODEL = "handpick", "fusion"


def track(
    night: Night, curves: Mapping[str, Mapping[str, list[float]]], data_digest: str, best: float
) -> None:
    """Write a run and register it as a version of the model `fusion`; a night that is run again adds another.

    Args:
        curves: By fit (`selection`, `serving`), then series.
        data_digest: Of the dataset that was learned from.
        best: Validation NDCG of the epoch that was kept.
    """
    file = night.settings.training.tracking
    if not file:
        return
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    path = night.settings.path(Path(file))
    path.parent.mkdir(parents=True, exist_ok=True)
    address = f"sqlite:///{path}"
    client = MlflowClient(address, registry_uri=address)
    known = client.get_experiment_by_name(EXPERIMENT)
    experiment = known.experiment_id if known else client.create_experiment(EXPERIMENT)
    run = client.create_run(experiment, run_name=night.logical_date.isoformat()).info.run_id
    for key, value in _settings(night).items():
        client.log_param(run, key, value)
    for fit, series in curves.items():
        for name, values in series.items():
            for epoch, value in enumerate(values, 1):
                client.log_metric(run, _key(f"{fit} {name}"), value, step=epoch)
    client.log_metric(run, "best_validation_ndcg", best)
    client.set_terminated(run)
    try:
        client.get_registered_model(MODEL)
    except MlflowException:
        client.create_registered_model(MODEL)
    where = night.lake.partition("models", night.logical_date) / "fusion" / "serving"
    tags = {"logical_date": night.logical_date.isoformat(), "data": data_digest, "code": code_version()}
    client.create_model_version(MODEL, str(where), run, tags=tags)


def code_version() -> str:
    """The commit that runs, with `+` where files differ from it; the package's version outside a checkout."""
    from importlib.metadata import version

    root = Path(__file__).resolve().parents[3]
    try:
        told = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty=+", "--exclude=*"],
            capture_output=True, text=True, check=True, timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return version("handpick")
    return told.stdout.strip()


def _settings(night: Night) -> dict[str, Any]:
    settings = night.settings
    sections = {"fusion": settings.fusion.model_dump(), "training": settings.training.model_dump()}
    flat = {f"{section}.{key}": value for section, keys in sections.items() for key, value in keys.items()}
    return {"seed": night.seed, **flat}


def _key(name: str) -> str:
    """A name as MLflow takes it."""
    return "".join(letter if letter.isalnum() or letter in "_-. /" else "_" for letter in name)
