"""Logs each night's training to a local MLflow: settings, curves, digests, and a registered model version."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handpick.night import Night
from handpick.settings.configuration_file import find_configuration_file

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

EXPERIMENT, MODEL = "handpick", "fusion"
CHAMPION, CHALLENGER = "champion", "challenger"
"""Aliases of the version whose models score now, and of the one that was trained last."""
LOADER = "handpick.stages.score.night_model"
"""Module by which MLflow loads a version; it belongs to a later stage, so it is named and not imported."""
BLEND, MAX_TAG = "weighted", 4000


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

    client = _open_client(night, file)
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
    tags = {
        "logical_date": night.logical_date.isoformat(),
        "data": data_digest,
        "code": describe_code_version(),
    }
    made = client.create_model_version(MODEL, str(_write_pyfunc(night, file)), run, tags=tags)
    client.set_registered_model_alias(MODEL, CHALLENGER, made.version)


def log_decision(night: Night, champion_date: date | None, reasons: Sequence[str]) -> None:
    """Write the gate's decision and the test metrics on the night's version, and name the champion's.

    A night that was trained without tracking has no version, and nothing is written about it.

    Args:
        night: The night whose gate has decided.
        champion_date: The night whose models score; None if none may.
        reasons: The findings of the gate.
    """
    file = night.settings.training.tracking
    if not file or not night.settings.path(Path(file)).is_file():
        return
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow.entities import Metric
    from mlflow.exceptions import MlflowException

    client = _open_client(night, file)
    version = _find_version(client, night.logical_date)
    if version is not None:
        metrics = _read_test_metrics(night)
        tags = {name: f"{value:.4f}" for name, value in metrics.items()}
        tags["gate"] = "promoted" if champion_date == night.logical_date else "refused"
        tags["gate_reasons"] = "; ".join(reasons)[:MAX_TAG]
        for name, text in tags.items():
            client.set_model_version_tag(MODEL, version.version, _to_metric_name(name), text)
        at = int(time.time() * 1000)
        points = [Metric(_to_metric_name(name), value, at, 0) for name, value in metrics.items()]
        client.log_batch(version.run_id, metrics=points)
    champion = _find_version(client, champion_date) if champion_date else None
    with suppress(MlflowException):  # there is no such alias yet
        client.delete_registered_model_alias(MODEL, CHAMPION)
    if champion is not None:
        client.set_registered_model_alias(MODEL, CHAMPION, champion.version)


def _open_client(night: Night, file: str) -> MlflowClient:
    """Open MLflow's database; not by `mlflow.start_run`, which keeps a run in a global of the process."""
    from mlflow.tracking import MlflowClient

    path = night.settings.path(Path(file))
    path.parent.mkdir(parents=True, exist_ok=True)
    address = f"sqlite:///{path}"
    return MlflowClient(address, registry_uri=address)


def _find_version(client: MlflowClient, day: date) -> Any | None:
    """Return the newest version of a night; None where it was not tracked."""
    found = [
        one
        for one in client.search_model_versions(f"name='{MODEL}'")
        if one.tags.get("logical_date") == day.isoformat()
    ]
    return max(found, key=lambda one: int(one.version), default=None)


def _read_test_metrics(night: Night) -> dict[str, float]:
    """Return NDCG@20 of the night's blend in the test window, by slice."""
    import pyarrow.parquet as pq

    file = night.lake.partition("evaluation", night.logical_date) / "metrics.parquet"
    rows = pq.read_table(file, partitioning=None).to_pylist() if file.is_file() else []
    return {
        f"test ndcg@20 {row['slice']}": float(row["value"])
        for row in rows
        if (row["metric"], row["k"], row["member"]) == ("ndcg", 20, BLEND) and row["value"] is not None
    }


def _write_pyfunc(night: Night, file: str) -> Path:
    """Write what `mlflow.pyfunc.load_model` reads: which night's models to load, and by which code.

    It lies beside the database and not with the models, and its two small files are written here, as
    MLflow's own writing takes seconds to import. The format: https://mlflow.org/docs/latest/ml/model/
    """
    folder = night.settings.path(Path(file)).parent / "mlflow_models" / night.logical_date.isoformat()
    folder.mkdir(parents=True, exist_ok=True)
    about = {
        "logical_date": night.logical_date.isoformat(),
        "configuration": str(find_configuration_file().resolve()),
    }
    (folder / "night.json").write_text(json.dumps(about))
    flavor = {
        "loader_module": LOADER,
        "data": "night.json",
        "python_version": ".".join(map(str, sys.version_info[:3])),
    }
    # JSON is YAML, too.
    (folder / "MLmodel").write_text(json.dumps({"flavors": {"python_function": flavor}}, indent=1) + "\n")
    return folder


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
