"""Fits the models for serving in a worker process, at the same time as those for selection.

Both processes fit the family first, then the fusion model. The fusion model for serving is trained for as many epochs as
selection finds best. That number is not known yet, so the worker trains on and keeps the weights of each epoch that may turn
out to be the last one. The result is, to the byte, the model that training after selection would give, whichever process is
faster.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import torch

from handpick.dataset import model_store
from handpick.dataset.time_split import windows
from handpick.night import Night
from handpick.runtime.worker_process import Beside, beside
from handpick.stages.train.watch import show_progress
from models.config import TrainingConfig
from models.data import Dataset
from models.recommender.factory import is_late, make
from models.recommender.recommender import FusionRecommender
from models.training.devices import device_of
from models.training.options import Plan, Standing

SERVING = "train fusion for serving"
"""Names the training in logs and in the worker's errors."""


def can_train_in_parallel(night: Night, data: Dataset) -> bool:
    """Return whether both trainings fit this machine at once.

    They do on a CPU with at least two threads, for data of at most `[training] most_beside` events. Trainings that are
    distributed by a launcher such as torchrun, late fusion and end-to-end training are done one after the other.
    """
    training, fusion = night.settings.training, night.settings.fusion
    return (
        training.threads > 1
        and device_of(training.device).type == "cpu"
        and "WORLD_SIZE" not in os.environ  # set by torchrun, whose processes already use all cores
        and not is_late(fusion)
        and not fusion.is_end_to_end
        and len(data.interactions) <= training.most_beside
    )


def halve_threads(training: TrainingConfig) -> TrainingConfig:
    """Return the settings with half of the threads, for each of two trainings at the same time."""
    return training.model_copy(update={"threads": training.threads // 2})


@dataclass(frozen=True)
class ServingTraining:
    """The training for serving in the worker process."""

    worker: Beside

    def finish(self, best: int) -> Standing:
        """Let it stop after this epoch, and wait until its model is saved.

        Args:
            best: The best epoch of selection, from 1.

        Returns:
            The state of the finished training, with its learning curves.

        Raises:
            WorkerDied: If the process has ended.
            TrainingError: If the training could not continue.
        """
        self.worker.tell(best)
        state: Standing = self.worker.next()
        return state


@contextmanager
def train_serving_in_worker(
    night: Night, data: Dataset, epochs: int, start: FusionRecommender | None, folder: Path, checkpoints: Path
) -> Iterator[ServingTraining]:
    """Train the models for serving in a worker process during the block, on all of the data.

    Args:
        night: Gives settings and seed.
        data: The night's dataset.
        epochs: Epochs at most.
        start: The model that the training starts from, where it is warm-started.
        folder: Of the night's models, where the models are saved.
        checkpoints: Folder of this training's checkpoints.
    """
    arguments = (night, data, epochs, start, folder, checkpoints)
    threads = halve_threads(night.settings.training).threads
    with beside(_run_worker, *arguments, what=SERVING, threads=threads) as worker:
        yield ServingTraining(worker)


def _run_worker(
    inbox: SimpleQueue[int],
    night: Night,
    data: Dataset,
    epochs: int,
    start: FusionRecommender | None,
    folder: Path,
    checkpoints: Path,
) -> Iterator[Standing]:
    """Fit and save the models for serving in the worker process; yield the state of the finished training."""
    model_store.fit(night, data, windows(night), folder / "family", ("serving",))
    training = halve_threads(night.settings.training)
    torch.set_num_threads(training.threads)
    with show_progress(SERVING, is_validated=False) as watch:
        plan = Plan(verdict=InboxStopSignal(inbox), epochs=epochs, folder=checkpoints, watch=watch)
        model = make(night.settings.fusion, training).fit(data, night.seed, plan, start)
    model.save(folder / "fusion" / "serving")
    yield model.standing


class InboxStopSignal:
    """The stop signal of a training, received through the worker's inbox.

    Args:
        inbox: Receives the best epoch of selection, once.
    """

    def __init__(self, inbox: SimpleQueue[int]) -> None:
        self._inbox = inbox
        self._epoch: int | None = None

    def known(self) -> int | None:
        """Return the epoch to stop after, or None where it has not arrived yet."""
        return self._epoch if self._epoch is not None or self._inbox.empty() else self.final()

    def final(self) -> int:
        """Return the epoch to stop after, waiting for it where it has not arrived yet."""
        if self._epoch is None:
            self._epoch = self._inbox.get()
        return self._epoch
