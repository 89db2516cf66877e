"""The two-stage hybrid: a weighted sum of members proposes candidates, fitted trees rank them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.collaborative.base import Member, build_preferences
from models.config import StackedConfig
from models.dataset import Dataset, FloatArray, IntArray
from models.evaluation.holdout import hold_out
from models.hybrids.similarity_features import compute_similarity_features
from models.hybrids.stacked import StackedRanker
from models.hybrids.standardisation import standardise_scores
from models.topn.dense import find_top_n_of_scores

Lists = NDArray[np.int32]
BLOCK_FLOATS = 1 << 25
"""Scores of one member that are in memory at once."""


class RankingCandidates(NamedTuple):
    """Candidates and their features.

    Args:
        lists: `(users, c) int32`, best first by the members' weighted sum; -1 where there are fewer.
        features: `(users, c, f) float32`.
    """

    lists: Lists
    features: FloatArray


class TwoStage:
    """Candidates by `sum of weight[m] * standardised score_m`, ranked by trees on the members' scores.

    Members are fitted twice: without a random share of every user's choices, on which the trees learn to
    rank, and on everything. Features are therefore relative to each user's own candidates, because scores
    grow with the data. The two stages are those of Covington, Adams and Sargin, "Deep neural networks for
    YouTube recommendations", RecSys 2016.

    Items that a user already liked are not recommended. `BLOCK_FLOATS` scores of each member are in memory at
    once.

    Args:
        members: Members by name, used as prototypes: their classes and settings are copied, they are not
            fitted.
        weights: Weight of each member in the sum that proposes.
        vectors: Members whose item vectors give similarity features.
        config: Settings of the trees, and how many candidates they rank.
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
        self.prototypes, self.weights, self.vectors = dict(members), dict(weights), tuple(vectors)
        self.config, self.held_out = config, held_out
        self.members: dict[str, Member] = {}
        self.ranker: StackedRanker | None = None

    def fit(self, data: Dataset, seed: int) -> Self:
        """Fit the members on a part and learn to rank the rest; then fit them on everything."""
        past, held_out = hold_out(data, self.held_out, seed)
        users = np.flatnonzero(np.diff(held_out.indptr))
        if len(users) > self.config.max_users:
            users = np.random.default_rng(seed).choice(users, self.config.max_users, replace=False)
            users.sort()
        # Trees must learn on scores of members that have not seen the choices to be ranked.
        self.members = self._fit_members(past, seed)
        lists, features = self.propose(past, users)
        self.ranker = StackedRanker(self.config, seed).fit(lists, features, held_out[users])
        self.members = self._fit_members(data, seed)
        return self

    def top_n(self, data: Dataset, users: IntArray, n: int) -> Lists:
        """Find the n best items of each user.

        Returns:
            `(len(users), n) int32`, best first; -1 where there are fewer.

        Raises:
            ValueError: If n is above the number of candidates, or before `fit`.
        """
        if self.ranker is None:
            raise ValueError("the hybrid is not fitted; call fit first")
        if n > self.config.candidates:
            raise ValueError(f"n is {n}, above the {self.config.candidates} candidates; raise `candidates`")
        return self.ranker.rerank(*self.propose(data, users))[:, :n]

    def propose(self, data: Dataset, users: IntArray) -> RankingCandidates:
        """Propose candidates for some users by the fitted members, with their features."""
        items = len(data.catalogue)
        step = max(1, BLOCK_FLOATS // max(items, 1))
        vectors = [self.members[name].item_vectors(data) for name in self.vectors]
        liked_by = np.bincount(_build_liked(data, np.arange(len(data.users))).indices, minlength=items)
        popularity = np.log(np.maximum(liked_by, 1)).astype(np.float32)
        blocks = [
            self._propose_block(data, users[start : start + step], vectors, popularity)
            for start in range(0, len(users), step)
        ]
        return RankingCandidates(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))

    def _fit_members(self, data: Dataset, seed: int) -> dict[str, Member]:
        """Fit a copy of every prototype."""
        return {name: type(one)(one.config).fit(data, seed) for name, one in self.prototypes.items()}

    def _propose_block(
        self, data: Dataset, users: IntArray, vectors: list[FloatArray], popularity: FloatArray
    ) -> RankingCandidates:
        """Propose candidates for one block of users."""
        history = _build_liked(data, users)
        scores = {name: standardise_scores(one.score(data, users)) for name, one in self.members.items()}
        total = np.zeros((len(users), len(popularity)), np.float32)
        for name, weight in self.weights.items():
            total += np.float32(weight) * scores[name]
        lists = find_top_n_of_scores(total, self.config.candidates, history)
        by_member = [
            np.take_along_axis(some, np.maximum(lists, 0), axis=1) for some in (*scores.values(), total)
        ]
        similarity = [compute_similarity_features(lists, history, some) for some in vectors]
        return RankingCandidates(lists, _build_features(lists, by_member, similarity, history, popularity))


def _build_liked(data: Dataset, users: IntArray) -> sparse.csr_matrix:
    """Return `(len(users), items)` with an entry for each item that a user showed a preference for."""
    return build_preferences(data, users, data.catalogue.item_ids, None)


def _build_features(
    lists: Lists,
    by_member: list[FloatArray],
    similarity: list[FloatArray],
    history: sparse.csr_matrix,
    popularity: FloatArray,
) -> FloatArray:
    """Build the features of the candidates, most of them standardised within each user's list.

    Args:
        lists: `(users, c)` candidates, -1 for none.
        by_member: `(users, c)` scores of each member, and of their weighted sum last.
        similarity: `(users, c, 3)` for each kind of vectors.
        history: `(users, items)` preferences.
        popularity: `(items,)` log of how many users liked it.

    Returns:
        `(users, c, f) float32`.
    """
    is_there = lists >= 0
    by_member = [np.where(is_there, np.nan_to_num(one, neginf=0), 0) for one in by_member]
    of_item = popularity[np.maximum(lists, 0)]
    count = np.diff(history.indptr)
    of_history = np.asarray(history.sign() @ popularity) / np.maximum(count, 1)
    total = by_member[-1]
    # The score of place 20 relative to the first: near 1 where the members do not tell candidates apart.
    steepness = total[:, min(19, total.shape[1] - 1)] / np.maximum(total[:, 0], 1e-9)
    about_user = (np.log(np.maximum(count, 1)), of_history, steepness)
    columns: list[NDArray[np.floating]] = [
        *(_standardise_rows(one) for one in by_member),
        *(part[:, :, column] for part in similarity for column in range(part.shape[2])),
        *(_standardise_rows(part[:, :, -1]) for part in similarity),
        of_item,
        of_item - of_history[:, None],
        np.broadcast_to(np.arange(lists.shape[1], dtype=np.float32), lists.shape),
        *(np.broadcast_to(one[:, None], lists.shape) for one in about_user),
    ]
    return np.stack(columns, axis=2).astype(np.float32)


def _standardise_rows(values: FloatArray) -> FloatArray:
    """Return each row with mean 0 and standard deviation 1."""
    centred = values - values.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(values.std(axis=1, keepdims=True), 1e-9), np.float32)
