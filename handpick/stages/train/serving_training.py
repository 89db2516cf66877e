"""Fits the models for serving in a worker process, at the same time as those for selection.

Both processes fit the family first, then the fusion model. The fusion model for serving is trained for as
many epochs as selection finds best. That number is not known yet, so the worker trains on and keeps the
weights of each epoch that may turn out to be the last one. The result is, to the byte, the model that
training after selection would give, whichever process is faster.
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
from handpick.dataset.time_split import compute_time_split
from handpick.night import Night
from handpick.runtime.worker_process import WorkerProcess, run_in_worker_process
from handpick.stages.train.training_progress import show_progress
from models.config import TrainingConfig
from models.dataset import Dataset
from models.recommender.factory import is_late_fusion, make_fusion_recommender
from models.recommender.recommender import FusionRecommender
from models.training.devices import resolve_device
from models.training.fit_options import FitOptions, TrainState

SERVING = "train fusion for serving"
"""Names the training in logs and in the worker's errors."""


def can_train_in_parallel(night: Night, data: Dataset) -> bool:
    """Return whether both trainings can run on this machine at the same time.

    They can on a CPU with at least two threads, for data of at most `[training] max_parallel_interactions`
    events. Trainings that are distributed by a launcher such as torchrun, late fusion and end-to-end training
    are done one after the other.
    """
    training, fusion = night.settings.training, night.settings.fusion
    return (
        training.threads > 1
        and resolve_device(training.device).type == "cpu"
        and "WORLD_SIZE" not in os.environ  # set by torchrun, whose processes already use all cores
        and not is_late_fusion(fusion)
        and not fusion.is_end_to_end
        and len(data.interactions) <= training.max_parallel_interactions
    )


def halve_threads(training: TrainingConfig) -> TrainingConfig:
    """Return the settings with half of the threads, for each of two trainings at the same time."""
    return training.model_copy(
        update={"threads": training.threads // 2}
    )  # two or more, by `can_train_in_parallel`


@dataclass(frozen=True)
class ServingTraining:
    """The training for serving in the worker process."""

    worker: WorkerProcess

    def finish(self, best: int) -> TrainState:
        """Tell the worker the epoch to stop after, and wait until its model is saved.

        Args:
            best: The best epoch of selection, from 1.

        Returns:
            The state of the finished training, with its learning curves.

        Raises:
            WorkerDied: If the process has ended.
            TrainingError: If the training could not continue.
        """
        self.worker.send(best)
        state: TrainState = self.worker.receive()
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
        folder: Folder of the night's models, where the models are saved.
        checkpoints: Folder of this training's checkpoints.
    """
    arguments = (night, data, epochs, start, folder, checkpoints)
    threads = halve_threads(night.settings.training).threads
    with run_in_worker_process(_run_worker, *arguments, purpose=SERVING, threads=threads) as worker:
        yield ServingTraining(worker)


def _run_worker(
    inbox: SimpleQueue[int],
    night: Night,
    data: Dataset,
    epochs: int,
    start: FusionRecommender | None,
    folder: Path,
    checkpoints: Path,
) -> Iterator[TrainState]:
    """Fit and save the models for serving in the worker process; yield the state of the finished training."""
    model_store.fit_family(night, data, compute_time_split(night), folder / "family", ("serving",))
    training = halve_threads(night.settings.training)
    torch.set_num_threads(training.threads)
    with show_progress(SERVING, is_validated=False) as watch:
        plan = FitOptions(
            stop_signal=InboxStopSignal(inbox), epochs=epochs, checkpoint_folder=checkpoints, on_step=watch
        )
        model = make_fusion_recommender(night.settings.fusion, training).fit(data, night.seed, plan, start)
    model.save(folder / "fusion" / "serving")
    yield model.train_state


class InboxStopSignal:
    """The stop signal of a training, received through the worker's inbox.

    Args:
        inbox: Receives the best epoch of selection, once.
    """

    def __init__(self, inbox: SimpleQueue[int]) -> None:
        self._inbox = inbox
        self._epoch: int | None = None

    def peek(self) -> int | None:
        """Return the epoch to stop after, or None where it has not arrived yet."""
        return self._epoch if self._epoch is not None or self._inbox.empty() else self.wait()

    def wait(self) -> int:
        """Return the epoch to stop after, waiting for it where it has not arrived yet."""
        if self._epoch is None:
            self._epoch = self._inbox.get()
        return self._epoch
