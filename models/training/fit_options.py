"""Options of one training run, its progress reports, and its state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from models.evaluation.split import EvaluationSplit

VALIDATION_K = 20
"""Length of the lists whose NDCG is validated."""


@dataclass(frozen=True)
class Progress:
    """Progress of a training run, reported after every step.

    Args:
        epoch, epochs: Number of the epoch, from 1, and the maximum.
        step, steps: Number of the step in the epoch, from 1, and the epoch's steps.
        examples: Examples of this epoch so far.
        seconds: Time spent on them.
        loss: Mean loss of the epoch so far.
        ndcg: Validation NDCG, after the epoch's last step.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    examples: int
    seconds: float
    loss: float
    ndcg: float | None = None


ProgressCallback = Callable[[Progress], None]
"""A callback that is called after every step."""


def ignore_progress(progress: Progress) -> None:
    """Do nothing with a progress report."""


class StopSignal(Protocol):
    """A stop signal: another training run decides which epoch is the best, perhaps while this one runs."""

    def peek(self) -> int | None:
        """Return the best epoch, None while it is undecided."""
        ...

    def wait(self) -> int:
        """Wait until the best epoch is decided, and return it."""
        ...


@dataclass(frozen=True)
class KnownStop:
    """The stop signal of a training run that has finished."""

    epoch: int

    def peek(self) -> int:
        """Return the best epoch."""
        return self.epoch

    def wait(self) -> int:
        """Return the best epoch."""
        return self.epoch


@dataclass(frozen=True)
class FitOptions:
    """Options of one training run.

    Args:
        validation: Evaluation split whose NDCG decides when to stop and which epoch's weights are kept;
            without it, all epochs are run and the last weights kept.
        stop_signal: Stop signal that decides both instead. The run takes the same steps as the one that it
            follows.
        epochs: Overrides the configured number of epochs. The learning rate falls until the last of them.
        checkpoint_folder: Where checkpoints are written; None writes none.
        on_step: Called after every step.
    """

    validation: EvaluationSplit | None = None
    stop_signal: StopSignal | None = None
    epochs: int | None = None
    checkpoint_folder: Path | None = None
    on_step: ProgressCallback = ignore_progress


@dataclass
class TrainState:
    """The state of a training run apart from its tensors.

    Field names are keys of `model.json` and of checkpoints; they cannot be renamed.

    Args:
        epochs: Maximum number of epochs.
        epoch: Epochs completed.
        step: Steps completed in this epoch.
        loss: Sum of the losses of these steps.
        questions: Examples of these steps.
        best: Best validation NDCG so far, -1 without validation.
        best_epoch: The epoch that had it, from 1; 0 if none.
        curves: Values after each epoch, by name.
    """

    epochs: int = 0
    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    questions: int = 0
    best: float = -1.0
    best_epoch: int = 0
    curves: dict[str, list[float]] = field(default_factory=dict)
