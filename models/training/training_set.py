"""The training set: questions and answers of a dataset, and the batches that steps are made of."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from models.config import FusionConfig, TrainingConfig
from models.data import Dataset, FloatArray, IntArray
from models.network.data_signature import Signature
from models.network.fusion_network import Shelf
from models.network.inputs import Asked, Items, asked_of, items_of
from models.network.sequence_batching import Passages, Reader, barred_of, cut, ranges
from models.network.temporal_features import WIDTH, moments_of
from models.network.user_sequences import tell
from models.network.user_tower import Reading
from models.training.errors import TrainingError
from models.training.examples import Questions, questions

KEPT_FLOATS = 50_000_000
"""What is true of all phones on all days is kept up to this size, 200 MB."""
PROPOSAL_POWER = 0.75
"""Negatives are drawn by popularity to this power (Mikolov et al., 2013)."""


@dataclass(frozen=True)
class Batch:
    """What one step learns from; phones are columns.

    Args:
        reading: The questions.
        ever, ever_since: `(n, q)` some of all that the askers ever ask, and days between that and the question.
        columns: `(c,)` the phones that take part, ascending.
        shelf: These phones on the days asked for; barred are those not on sale yet, or owned.
        question, answer, weight: `(answers,)` row, column and weight of what was chosen.
        asked_of, shown, opened: `(shown,)` row and column of what was shown, and whether it was opened.
    """

    reading: Reading
    ever: Tensor
    ever_since: Tensor
    columns: Tensor
    shelf: Shelf
    question: Tensor
    answer: Tensor
    weight: Tensor
    asked_of: Tensor
    shown: Tensor
    opened: Tensor


class Lessons:
    """Everything that a course needs of a dataset.

    Args:
        data: What happened until the training's end.
        signature: Of the network.

    Raises:
        TrainingError: If nobody has chosen anything.
    """

    def __init__(
        self, data: Dataset, signature: Signature, config: FusionConfig, training: TrainingConfig
    ) -> None:
        self.data, self.training = data, training
        self.items: Items = items_of(data, signature)
        self.asked: Asked = asked_of(data, signature)
        self.questions: Questions = questions(data, training.half_life_days)
        if not len(self.questions):
            raise TrainingError("no user has chosen any phone, so there is nothing to learn from")
        self.features = self._features(len(signature.feature_names))
        self.reader = Reader(data, tell(data), signature, config.history, config.queries, config.evidence)
        stride = max(1, config.history // 2)
        self.passages: Passages = cut(
            self.reader.stories, self.questions.user, self.questions.at, config.history, stride
        )
        self._moments = moments_of(data)
        self._days = np.unique(self.questions.at)
        floats = len(self._days) * len(data.catalogue) * WIDTH
        # of a small shop once for all, not in every step
        self._table = self._moments.at(self._days) if floats <= KEPT_FLOATS else None
        chosen = np.bincount(self.questions.answer, minlength=len(data.catalogue))
        self._share = chosen / chosen.sum()
        proposal = (chosen + 1.0) ** PROPOSAL_POWER
        self._proposal = proposal / proposal.sum()

    def batch(self, passages: IntArray, random: np.random.Generator, luck: FloatArray) -> Batch:
        """A batch of some passages; what is random in it comes from the generator and from the luck.

        Args:
            luck: `(queries,)` in [0, 1), of the whole step, so that a question does not depend on who else is in its batch.
        """
        asked = self.questions
        reading, rows = self.reader.read(self.passages, passages, asked.user, asked.at, self.features)
        ever, ever_since = self.reader.ever_asked(asked.user[rows], asked.at[rows], luck)
        question, answers = _spread(asked.answer_start, rows)
        shown_to, shown = _spread(asked.shown_start, rows)
        columns, log_inclusion = self._columns(reading, asked.answer[answers], asked.shown[shown], random)
        answer = np.searchsorted(columns, asked.answer[answers])
        barred = barred_of(self.data, asked.user[rows], asked.at[rows], columns)
        barred[question, answer] = False  # whatever the files say, it was chosen
        days, day = np.unique(asked.at[rows], return_inverse=True)
        tokens = torch.from_numpy(np.searchsorted(columns, reading.tokens.numpy()))
        return Batch(
            reading=reading._replace(tokens=tokens, evidence=reading.evidence.on(torch.from_numpy(columns))),
            ever=ever,
            ever_since=ever_since,
            columns=torch.from_numpy(columns),
            shelf=Shelf(
                moments=torch.from_numpy(self._true_of(days, columns)),
                day=torch.from_numpy(day),
                barred=torch.from_numpy(barred),
                log_inclusion=log_inclusion,
            ),
            question=torch.from_numpy(question),
            answer=torch.from_numpy(answer),
            weight=torch.from_numpy(asked.weight[answers]),
            asked_of=torch.from_numpy(shown_to),
            shown=torch.from_numpy(np.searchsorted(columns, asked.shown[shown])),
            opened=torch.from_numpy(asked.opened[shown]),
        )

    def _true_of(self, days: IntArray, columns: IntArray) -> FloatArray:
        """`(days, columns, WIDTH)`: what is true of phones on some of the questions' days."""
        if self._table is None or len(columns) < self._table.shape[1]:
            return self._moments.at(days, columns)
        return self._table[np.searchsorted(self._days, days)]

    def totals(self, passages: IntArray) -> tuple[float, float]:
        """The weight of all answers of some passages, and how many phones shown were opened."""
        starts = self.passages.question_start
        rows = self.passages.order[ranges(starts[passages], starts[passages + 1] - starts[passages])]
        _, answers = _spread(self.questions.answer_start, rows)
        _, shown = _spread(self.questions.shown_start, rows)
        return float(self.questions.weight[answers].sum()), float(self.questions.opened[shown].sum())

    def _features(self, width: int) -> FloatArray:
        """`(questions, f)`: the askers' features when they asked, unknown where nobody kept them."""
        if self.data.context is None:
            return np.full((len(self.questions), width), np.nan, np.float32)
        return self.data.context[self.questions.row]

    def _columns(
        self, reading: Reading, answers: IntArray, shown: IntArray, random: np.random.Generator
    ) -> tuple[IntArray, Tensor | None]:
        """All phones; or, of a large catalogue, those of the batch and some drawn by popularity.

        A phone that is often chosen is often in a batch. Subtracting the logarithm of that chance from its score
        makes the sampled softmax an estimate of the full one (log-Q correction; Yi et al., RecSys 2019).
        """
        items = len(self.data.catalogue)
        if items <= self.training.full_softmax:
            return np.arange(items), None
        drawn = random.choice(items, self.training.negatives, p=self._proposal)
        known = [part.items.numpy() for part in reading.evidence]
        there = np.concatenate([answers, shown, drawn, reading.tokens.numpy().ravel(), *known])
        columns = np.unique(there)
        absent = self.training.negatives * np.log1p(-self._proposal) + len(answers) * np.log1p(-self._share)
        inclusion = np.maximum(-np.expm1(absent[columns]), 1e-9)
        return columns, torch.from_numpy(np.log(inclusion).astype(np.float32))


def on(batch: Batch, device: torch.device) -> Batch:
    """The batch on a device."""
    moved = {
        name: value.to(device, non_blocking=True)
        for name, value in vars(batch).items()
        if isinstance(value, Tensor)
    }
    return replace(batch, reading=batch.reading.to(device), shelf=batch.shelf.to(device), **moved)


def _spread(start: IntArray, rows: IntArray) -> tuple[IntArray, IntArray]:
    """For rows of a ragged table: which of the rows each entry belongs to, and where it is."""
    counts = start[rows + 1] - start[rows]
    return np.repeat(np.arange(len(rows)), counts), ranges(start[rows], counts)
