"""The training set: examples and targets of a dataset, and the batches that training steps use."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from models.config import FusionConfig, TrainingConfig
from models.dataset import Dataset, FloatArray, IntArray
from models.network.data_signature import DataSignature
from models.network.fusion_network import CandidateSet
from models.network.inputs import ItemInputs, QueryInputs, build_item_inputs, build_query_inputs
from models.network.sequence_batching import (
    SequenceBatcher,
    SequenceWindows,
    concatenate_ranges,
    cut_windows,
    find_excluded,
)
from models.network.temporal_features import TEMPORAL_WIDTH, build_temporal_features
from models.network.user_sequences import build_user_sequences
from models.network.user_tower import UserInputs
from models.training.errors import TrainingError
from models.training.examples import Examples, build_examples

MAX_TABLE_FLOATS = 50_000_000
"""Numbers up to which the temporal features of all phones on all days are kept in memory, 200 MB."""
PROPOSAL_POWER = 0.75
"""Negatives are drawn by popularity to this power (Mikolov et al., 2013)."""


@dataclass(frozen=True)
class TrainingBatch:
    """The examples and targets of one step; its columns are the phones that take part.

    Args:
        users: Inputs of `n` examples.
        sampled_queries: `(n, q)` a random half of the users' queries at any time, for the newcomers' loss.
        days_to_sampled_query: `(n, q)` days between the example and each of those.
        columns: `(c,)` phones of the catalogue, ascending.
        candidates: Those phones on the examples' days; phones not on sale yet, or owned, are excluded.
        target_example, target_column, target_weight: `(targets,)` row, column and weight of what was chosen.
        impression_example, impression_column: `(impressions,)` row and column of what was shown.
        impression_opened: `(impressions,)` 1 where it was opened.
    """

    users: UserInputs
    sampled_queries: Tensor
    days_to_sampled_query: Tensor
    columns: Tensor
    candidates: CandidateSet
    target_example: Tensor
    target_column: Tensor
    target_weight: Tensor
    impression_example: Tensor
    impression_column: Tensor
    impression_opened: Tensor

    def to(self, device: torch.device) -> TrainingBatch:
        """Return a copy on another device."""
        moved = {
            name: value.to(device, non_blocking=True)
            for name, value in vars(self).items()
            if isinstance(value, Tensor)
        }
        return replace(self, users=self.users.to(device), candidates=self.candidates.to(device), **moved)


class TrainingSet:
    """Examples, targets and inputs of a dataset, as a trainer needs them.

    Args:
        data: What happened until the training's end.
        signature: Signature of the network.
        config: Settings of the network.
        training: Settings of the trainer.

    Raises:
        TrainingError: If nobody has chosen anything.
    """

    def __init__(
        self, data: Dataset, signature: DataSignature, config: FusionConfig, training: TrainingConfig
    ) -> None:
        self.data, self.training = data, training
        self.items: ItemInputs = build_item_inputs(data, signature)
        self.queries: QueryInputs = build_query_inputs(data, signature)
        self.examples: Examples = build_examples(data, training.half_life_days)
        if not len(self.examples):
            raise TrainingError("no user has chosen any phone, so there is nothing to learn from")
        self.features = self._select_user_features(len(signature.feature_names))
        self.batcher = SequenceBatcher(
            data, build_user_sequences(data), signature, config.history, config.queries, config.evidence
        )
        # windows overlap by half, so that an example sees at least half a window of history
        stride = max(1, config.history // 2)
        self.windows: SequenceWindows = cut_windows(
            self.batcher.sequences, self.examples.user, self.examples.at, config.history, stride
        )
        self._temporal = build_temporal_features(data)
        self._days = np.unique(self.examples.at)
        floats = len(self._days) * len(data.catalogue) * TEMPORAL_WIDTH
        # a small shop's table is computed once, not in every step
        self._temporal_table = self._temporal.compute_at(self._days) if floats <= MAX_TABLE_FLOATS else None
        choices = np.bincount(self.examples.target_item, minlength=len(data.catalogue))
        self._share = choices / choices.sum()
        proposal = (choices + 1.0) ** PROPOSAL_POWER
        self._proposal = proposal / proposal.sum()

    def build_batch(self, windows: IntArray, random: np.random.Generator, draws: FloatArray) -> TrainingBatch:
        """Return the batch of some windows; all its randomness comes from the generator and the draws.

        Args:
            windows: `(b,)` rows of `self.windows`.
            random: Generator that draws the negatives.
            draws: `(queries,)` in [0, 1), the same for the whole step, so that an example's queries do not
                depend on how the step is divided among parts and processes.
        """
        examples = self.examples
        users, rows = self.batcher.build_inputs(
            self.windows, windows, examples.user, examples.at, self.features
        )
        sampled_queries, days_to_sampled_query = self.batcher.sample_queries(
            examples.user[rows], examples.at[rows], draws
        )
        target_example, targets = _expand_ragged(examples.target_start, rows)
        impression_example, impressions = _expand_ragged(examples.impression_start, rows)
        target_item, shown_item = examples.target_item[targets], examples.impression_item[impressions]
        columns, log_inclusion = self._choose_columns(users, target_item, shown_item, random)
        target_column = np.searchsorted(columns, target_item)
        excluded = find_excluded(self.data, examples.user[rows], examples.at[rows], columns)
        # a target is a candidate even where the files say that it was not on sale yet: it was chosen
        excluded[target_example, target_column] = False
        days, day = np.unique(examples.at[rows], return_inverse=True)
        tokens = torch.from_numpy(np.searchsorted(columns, users.tokens.numpy()))
        return TrainingBatch(
            users=users._replace(tokens=tokens, evidence=users.evidence.reindex(torch.from_numpy(columns))),
            sampled_queries=sampled_queries,
            days_to_sampled_query=days_to_sampled_query,
            columns=torch.from_numpy(columns),
            candidates=CandidateSet(
                temporal=torch.from_numpy(self._select_temporal_features(days, columns)),
                day=torch.from_numpy(day),
                excluded=torch.from_numpy(excluded),
                log_inclusion=log_inclusion,
            ),
            target_example=torch.from_numpy(target_example),
            target_column=torch.from_numpy(target_column),
            target_weight=torch.from_numpy(examples.target_weight[targets]),
            impression_example=torch.from_numpy(impression_example),
            impression_column=torch.from_numpy(np.searchsorted(columns, shown_item)),
            impression_opened=torch.from_numpy(examples.impression_opened[impressions]),
        )

    def sum_weights(self, windows: IntArray) -> tuple[float, float]:
        """Return the sum of the target weights of some windows, and how many impressions were opened."""
        starts = self.windows.example_start
        rows = self.windows.order[concatenate_ranges(starts[windows], starts[windows + 1] - starts[windows])]
        _, targets = _expand_ragged(self.examples.target_start, rows)
        _, impressions = _expand_ragged(self.examples.impression_start, rows)
        return (
            float(self.examples.target_weight[targets].sum()),
            float(self.examples.impression_opened[impressions].sum()),
        )

    def count_examples(self, windows: IntArray) -> int:
        """Return how many examples some windows have."""
        starts = self.windows.example_start
        return int((starts[windows + 1] - starts[windows]).sum())

    def _select_temporal_features(self, days: IntArray, columns: IntArray) -> FloatArray:
        """Return `(days, columns, TEMPORAL_WIDTH)` features of some phones on some of the examples' days."""
        if self._temporal_table is None or len(columns) < self._temporal_table.shape[1]:
            return self._temporal.compute_at(days, columns)
        return self._temporal_table[np.searchsorted(self._days, days)]

    def _select_user_features(self, width: int) -> FloatArray:
        """Return `(examples, f)` the users' features at each example, NaN where they were not kept."""
        if self.data.context is None:
            return np.full((len(self.examples), width), np.nan, np.float32)
        return self.data.context[self.examples.context_row]

    def _choose_columns(
        self, users: UserInputs, targets: IntArray, shown: IntArray, random: np.random.Generator
    ) -> tuple[IntArray, Tensor | None]:
        """Return the phones of a batch: all; of a large catalogue, those mentioned and sampled negatives.

        A phone that is often chosen is often in a batch. Subtracting the logarithm of that probability from
        its score makes the sampled softmax an estimate of the full one (log-Q correction; Yi et al., RecSys
        2019).

        Returns:
            `(c,)` columns, ascending, and `(c,)` logarithms of their inclusion probabilities, None where all
            take part.
        """
        items = len(self.data.catalogue)
        if items <= self.training.full_softmax:
            return np.arange(items), None
        drawn = random.choice(items, self.training.negatives, p=self._proposal)
        known = [part.items.numpy() for part in users.evidence]
        mentioned = np.concatenate([targets, shown, drawn, users.tokens.numpy().ravel(), *known])
        columns = np.unique(mentioned)
        # log P(neither drawn nor a target) = draws * log(1 - q) + targets * log(1 - share)
        log_absent = self.training.negatives * np.log1p(-self._proposal) + len(targets) * np.log1p(
            -self._share
        )
        # 1 - exp(x) by expm1: for rare phones x is so close to 0 that the difference would lose all digits
        inclusion = np.maximum(-np.expm1(log_absent[columns]), 1e-9)
        return columns, torch.from_numpy(np.log(inclusion).astype(np.float32))


def _expand_ragged(start: IntArray, rows: IntArray) -> tuple[IntArray, IntArray]:
    """Return, for rows of a ragged table, each entry's place in `rows`, and the entries' indices."""
    counts = start[rows + 1] - start[rows]
    return np.repeat(np.arange(len(rows)), counts), concatenate_ranges(start[rows], counts)
