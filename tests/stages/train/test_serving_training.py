"""Training for serving in a worker process gives the bytes of training after selection, also after a kill."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from handpick.errors import NightStopped
from handpick.night import Night
from handpick.runtime.worker_process import WorkerDied
from handpick.settings.load import load
from handpick.stages.train.serving_training import can_train_in_parallel
from handpick.stages.train.train_models import train_models
from models.dataset import Dataset
from models.recommender.factory import load_fusion_recommender as load_model
from models.training.trainer import Trainer
from tests.models.collaborative.shop import DAYS, shop
from tests.runtime.killing import next_child_killed

TONIGHT = date(1970, 1, 1) + timedelta(days=DAYS - 1)
TRAINING = {
    "epochs": 3,
    "patience": 1,
    "batch": 32,
    "min_epoch_steps": 1,
    "checkpoint_steps": 2,
    "tracking": "",
}


@pytest.fixture(scope="module")
def data() -> Dataset:
    return shop(users=150, items=40, events=12)


def night(home: Path, logical_date: date = TONIGHT, **training: Any) -> Night:
    settings = load(
        home=home,
        fusion={"dim": 16},
        family={"members": ("popularity", "als"), "hybrids": ()},
        evaluate={"test_days": 3, "validation_days": 7},
        training={**TRAINING, **training},
    )
    return Night(settings, logical_date)


def models(night: Night) -> dict[str, bytes]:
    """Return the weights by file name; other files hold settings, which differ."""
    folder = night.lake.partition("models", night.logical_date)
    files = (file for file in folder.rglob("*") if file.suffix in (".safetensors", ".npz"))
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def test_training_in_parallel_gives_the_bytes_of_one_after_the_other(tmp_path: Path, data: Dataset) -> None:
    parallel, after = night(tmp_path / "parallel", threads=2), night(tmp_path / "after", threads=1)
    assert can_train_in_parallel(parallel, data) and not can_train_in_parallel(after, data)
    seconds = [train_models(one, data).notes["seconds_by_model"] for one in (parallel, after)]
    assert set(seconds[0]) == set(seconds[1])
    one, two = models(parallel), models(after)
    assert len(one) >= 4 and one == two
    curves = [
        (one.lake.partition("models", TONIGHT) / "training.json").read_text() for one in (parallel, after)
    ]
    assert curves[0] == curves[1], "curves end at the best epoch"


def test_much_data_or_a_setting_is_fitted_one_after_the_other(tmp_path: Path, data: Dataset) -> None:
    assert not can_train_in_parallel(night(tmp_path, threads=2, max_parallel_interactions=100), data)
    assert can_train_in_parallel(
        night(tmp_path, threads=2, max_parallel_interactions=len(data.interactions)), data
    )


def test_a_training_that_fails_in_the_worker_stops_the_night(
    tmp_path: Path, data: Dataset, capfd: pytest.CaptureFixture[str]
) -> None:
    stopped = night(tmp_path, threads=2, learning_rate=1e30)
    with pytest.raises(NightStopped, match="Training the fusion model") as error:
        train_models(stopped, data)
    assert "\n" not in str(error.value) and "Traceback" not in capfd.readouterr().err
    assert not list((stopped.lake.root / "models").iterdir())


def test_a_killed_worker_stops_the_night_in_one_line(tmp_path: Path, data: Dataset) -> None:
    lost = night(tmp_path, threads=2)
    with next_child_killed(), pytest.raises(WorkerDied, match="ended by signal 9") as error:
        train_models(lost, data)
    assert "\n" not in str(error.value)
    assert not list((lost.lake.root / "models").iterdir())


def test_a_night_continues_where_it_was_killed(
    tmp_path: Path, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This process stops in its second epoch.

    The worker ends with it, and both continue from their checkpoints.
    """
    whole, killed = night(tmp_path / "whole", threads=2), night(tmp_path / "killed", threads=2)
    train_models(whole, data)
    tell = Trainer._report_progress

    def stop(course: Trainer, began: float, value: float | None = None) -> None:
        tell(course, began, value)
        if (course.state.epoch, course.state.step) == (1, 3):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Trainer, "_report_progress", stop)
        train_models(killed, data)
    cache = killed.lake.root / ".cache" / "training" / TONIGHT.isoformat()
    assert (cache / "selection" / "checkpoint.safetensors").is_file()
    train_models(killed, data)
    assert models(killed) == models(whole)
    assert not cache.exists()


def test_the_next_night_starts_from_last_nights_models_of_both_kinds(tmp_path: Path, data: Dataset) -> None:
    first, second = night(tmp_path, TONIGHT - timedelta(days=1), threads=2), night(tmp_path, threads=2)
    train_models(first, data.until(data.as_of - 86_400))
    train_models(second, data)
    for which in ("selection", "serving"):
        losses = [
            load_model(one.lake.partition("models", one.logical_date) / "fusion" / which).train_state.curves[
                "loss"
            ]
            for one in (first, second)
        ]
        assert losses[1][0] < losses[0][0] - 0.2, which
