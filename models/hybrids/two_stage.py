"""The two-stage hybrid: members propose candidates together, trees that learned on held-out choices put them in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.collaborative.base import Member, preferences
from models.config import StackedConfig
from models.data import Dataset, FloatArray, IntArray
from models.evaluation.holdout import hold_out
from models.hybrids.scaling import standardised_scores
from models.hybrids.similarity_features import likeness
from models.hybrids.stacked import Stacked
from models.topn.dense import top_of_scores

Lists = NDArray[np.int32]
BLOCK_FLOATS = 1 << 25
"""Scores of one member that are there at once."""


class Proposed(NamedTuple):
    """Candidates and what is known of them.

    Args:
        lists: `(users, c) int32`, best first by the members' weighted sum; -1 where there are fewer.
        features: `(users, c, f) float32`.
    """

    lists: Lists
    features: FloatArray


class TwoStage:
    """Candidates by `sum of weight[m] * standardised score_m`, ranked by trees on what each member says of them.

    Members are fitted twice: without a random share of everybody's choices, on which the trees learn to rank, and on
    everything. So features are made relative to each user's own candidates, for scores grow with the data. Covington,
    Adams and Sargin, "Deep neural networks for YouTube recommendations", RecSys 2016, has the two stages.

    What a user already liked is not recommended. A block of `BLOCK_FLOATS` scores of each member is there at once.

    Args:
        members: Members by name; they serve as patterns, and are not fitted themselves.
        weights: Of each member in the sum that proposes.
        vectors: Members whose item vectors tell how like a candidate is to what the user did.
        config: Of the trees, and how many candidates they rank.
        held_out: Share of each user's choices that the trees learn on.
    """

    name = "two_stage"

    def __init__(
        self,
        members: Mapping[str, Member],
        weights: Mapping[str, float],
        vectors: Sequence[str],
        config: StackedConfig,
        held_out: float = 0.2,
    ) -> None:
        self.patterns, self.weights, self.vectors = dict(members), dict(weights), tuple(vectors)
        self.config, self.held_out = config, held_out
        self.members: dict[str, Member] = {}
        self.ranker: Stacked | None = None

    def fit(self, data: Dataset, seed: int) -> Self:
        """Fit the members on a part and learn to rank the rest; then fit them on everything."""
        past, wanted = hold_out(data, self.held_out, seed)
        asked = np.flatnonzero(np.diff(wanted.indptr))
        if len(asked) > self.config.most_users:
            asked = np.random.default_rng(seed).choice(asked, self.config.most_users, replace=False)
            asked.sort()
        self.members = self._fitted(past, seed)
        lists, features = self.propose(past, asked)
        self.ranker = Stacked(self.config, seed).fit(lists, features, wanted[asked])
        self.members = self._fitted(data, seed)
        return self

    def top_n(self, data: Dataset, users: IntArray, n: int) -> Lists:
        """`(len(users), n) int32`: each user's best items, best first; -1 where there are fewer.

        Raises:
            ValueError: If more are asked for than there are candidates, or before it was fitted.
        """
        if self.ranker is None:
            raise ValueError("fit the hybrid first")
        if n > self.config.candidates:
            raise ValueError(f"{n} items asked for, of {self.config.candidates} candidates")
        return self.ranker.rerank(*self.propose(data, users))[:, :n]

    def propose(self, data: Dataset, users: IntArray) -> Proposed:
        """Candidates for some users by the fitted members."""
        items = len(data.catalogue)
        step = max(1, BLOCK_FLOATS // max(items, 1))
        vectors = [self.members[name].item_vectors(data) for name in self.vectors]
        liked_by = np.bincount(_liked(data, np.arange(len(data.users))).indices, minlength=items)
        popularity = np.log(np.maximum(liked_by, 1)).astype(np.float32)
        blocks = [
            self._block(data, users[start : start + step], vectors, popularity)
            for start in range(0, len(users), step)
        ]
        return Proposed(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))

    def _fitted(self, data: Dataset, seed: int) -> dict[str, Member]:
        return {name: type(one)(one.config).fit(data, seed) for name, one in self.patterns.items()}

    def _block(
        self, data: Dataset, users: IntArray, vectors: list[FloatArray], popularity: FloatArray
    ) -> Proposed:
        history = _liked(data, users)
        scores = {name: standardised_scores(one.score(data, users)) for name, one in self.members.items()}
        total = np.zeros((len(users), len(popularity)), np.float32)
        for name, weight in self.weights.items():
            total += np.float32(weight) * scores[name]
        lists = top_of_scores(total, self.config.candidates, history)
        said = [np.take_along_axis(some, np.maximum(lists, 0), axis=1) for some in (*scores.values(), total)]
        alike = [likeness(lists, history, some) for some in vectors]
        return Proposed(lists, _features(lists, said, alike, history, popularity))


def _liked(data: Dataset, users: IntArray) -> sparse.csr_matrix:
    """`(len(users), items)`, an entry for each item that a user showed a preference for."""
    return preferences(data, users, data.catalogue.item_ids, None)


def _features(
    lists: Lists,
    said: list[FloatArray],
    alike: list[FloatArray],
    history: sparse.csr_matrix,
    popularity: FloatArray,
) -> FloatArray:
    """`(users, c, f)`; what members said and likeness to all, each beside its place in the user's own list.

    Args:
        said: `(users, c)` of each member, and of their weighted sum last.
        alike: `(users, c, 3)` of each kind of vectors.
        popularity: `(items,)` log of how many users liked it.
    """
    there = lists >= 0
    said = [np.where(there, np.nan_to_num(one, neginf=0), 0) for one in said]
    of_item = popularity[np.maximum(lists, 0)]
    count = np.diff(history.indptr)
    of_history = np.asarray(history.sign() @ popularity) / np.maximum(count, 1)
    total = said[-1]
    steepness = total[:, min(19, total.shape[1] - 1)] / np.maximum(total[:, 0], 1e-9)
    about_user = (np.log(np.maximum(count, 1)), of_history, steepness)
    columns: list[NDArray[np.floating]] = [
        *(_within(one) for one in said),
        *(part[:, :, column] for part in alike for column in range(part.shape[2])),
        *(_within(part[:, :, -1]) for part in alike),
        of_item,
        of_item - of_history[:, None],
        np.broadcast_to(np.arange(lists.shape[1], dtype=np.float32), lists.shape),
        *(np.broadcast_to(one[:, None], lists.shape) for one in about_user),
    ]
    return np.stack(columns, axis=2).astype(np.float32)


def _within(values: FloatArray) -> FloatArray:
    """Each row with mean 0 and spread 1."""
    centred = values - values.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(values.std(axis=1, keepdims=True), 1e-9), np.float32)
