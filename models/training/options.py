"""How a course of training is run, how far it is, and what it came to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from models.evaluation.split import Exam

K = 20
"""Validation looks at NDCG of lists of this length."""


@dataclass(frozen=True)
class Progress:
    """Where a course is; told after every step.

    Args:
        epoch, epochs: From 1.
        step, steps: Of the epoch, from 1.
        questions: Answered so far in this epoch.
        seconds: Spent on them.
        loss: Mean over the epoch so far.
        ndcg: Of validation, after the epoch's last step.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    questions: int
    seconds: float
    loss: float
    ndcg: float | None = None


Watcher = Callable[[Progress], None]


def unwatched(progress: Progress) -> None:
    """Progress that nobody sees."""


class Verdict(Protocol):
    """Another course's word on which epoch is the best."""

    def known(self) -> int | None:
        """The best epoch, None while that is undecided."""
        ...

    def final(self) -> int:
        """The best epoch, as soon as it is known."""
        ...


@dataclass(frozen=True)
class Decided:
    """The verdict of a course that is over."""

    epoch: int

    def known(self) -> int:
        """As `Verdict.known`."""
        return self.epoch

    def final(self) -> int:
        """As `Verdict.final`."""
        return self.epoch


@dataclass(frozen=True)
class Plan:
    """How a course is run.

    Args:
        validation: Exam whose NDCG decides when to stop and which epoch's weights are kept; without it all epochs
            are run and the last weights kept.
        verdict: Or whose word decides both. The course goes the same way as that other one, as far as its best epoch.
        epochs: At most this many; the configured number unless told. The learning rate falls until the last of them.
        folder: For checkpoints; none are written without it.
        watch: Is told of every step.
    """

    validation: Exam | None = None
    verdict: Verdict | None = None
    epochs: int | None = None
    folder: Path | None = None
    watch: Watcher = unwatched


@dataclass
class Standing:
    """What changes during a course and is no tensor; `epochs` is the plan's."""

    epochs: int = 0
    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    questions: int = 0
    best: float = -1.0
    best_epoch: int = 0
    curves: dict[str, list[float]] = field(default_factory=dict)
