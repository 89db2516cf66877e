"""The models for serving, fitted beside those for selection in a process of their own.

The family comes first in both. The fusion models of both go the same way; that for serving stops at the epoch that
selection finds best, and keeps what it may have to go back to until then. So it is the model that a training after the
selection would give, to the byte, whoever is faster.
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
from handpick.stages.train.watch import watching
from models.config import TrainingConfig
from models.data import Dataset
from models.recommender.factory import is_late, make
from models.recommender.recommender import FusionRecommender
from models.training.devices import device_of
from models.training.options import Plan, Standing

SERVING = "train fusion for serving"


def is_beside(night: Night, data: Dataset) -> bool:
    """Whether there is room for both at once: a CPU with threads for two, no launcher of processes, data of moderate size."""
    training, fusion = night.settings.training, night.settings.fusion
    return (
        training.threads > 1
        and device_of(training.device).type == "cpu"
        and "WORLD_SIZE" not in os.environ
        and not is_late(fusion)
        and not fusion.is_end_to_end
        and len(data.interactions) <= training.most_beside
    )


def halved(training: TrainingConfig) -> TrainingConfig:
    """The settings with which each of two models is trained."""
    return training.model_copy(update={"threads": training.threads // 2})


@dataclass(frozen=True)
class Serving:
    """The training for serving, in another process."""

    other: Beside

    def finish(self, best: int) -> Standing:
        """Let it stop at this epoch, and wait until its model is saved.

        Raises:
            Lost: If the process has gone.
            TrainingError: If the training could not go on.
        """
        self.other.tell(best)
        standing: Standing = self.other.next()
        return standing


@contextmanager
def serving_beside(
    night: Night, data: Dataset, epochs: int, start: FusionRecommender | None, folder: Path, checkpoints: Path
) -> Iterator[Serving]:
    """Train in another process, on all of the data.

    Args:
        epochs: Of the plan.
        start: Where it begins.
        folder: Of the night's models.
        checkpoints: Of this training.
    """
    arguments = (night, data, epochs, start, folder, checkpoints)
    threads = halved(night.settings.training).threads
    with beside(_serve, *arguments, what=SERVING, threads=threads) as other:
        yield Serving(other)


def _serve(
    inbox: SimpleQueue[int],
    night: Night,
    data: Dataset,
    epochs: int,
    start: FusionRecommender | None,
    folder: Path,
    checkpoints: Path,
) -> Iterator[Standing]:
    """The other process."""
    model_store.fit(night, data, windows(night), folder / "family", ("serving",))
    training = halved(night.settings.training)
    torch.set_num_threads(training.threads)
    with watching(SERVING, is_validated=False) as watch:
        plan = Plan(verdict=Told(inbox), epochs=epochs, folder=checkpoints, watch=watch)
        model = make(night.settings.fusion, training).fit(data, night.seed, plan, start)
    model.save(folder / "fusion" / "serving")
    yield model.standing


class Told:
    """The verdict as it is told through an inbox."""

    def __init__(self, inbox: SimpleQueue[int]) -> None:
        self._inbox = inbox
        self._told: int | None = None

    def known(self) -> int | None:
        """As `Verdict.known`."""
        return self._told if self._told is not None or self._inbox.empty() else self.final()

    def final(self) -> int:
        """As `Verdict.final`."""
        if self._told is None:
            self._told = self._inbox.get()
        return self._told
