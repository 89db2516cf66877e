"""The stacked ranker: gradient-boosted trees (LambdaMART or probability of choice) over member scores."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.config import StackedConfig
from models.dataset import FloatArray
from models.evaluation.hits import find_hits

NO_CANDIDATE = -1
"""Marks a place without a candidate."""
Lists = NDArray[np.int32]


class StackedRanker:
    """Gradient-boosted trees that re-rank candidate lists by every member's scores of them.

    Burges, "From RankNet to LambdaRank to LambdaMART", 2010; by LightGBM. Features of a candidate are the
    members' standardised scores, its place on the candidate list, and per-user and per-item columns given by
    the caller. With the objective `binary` the trees learn whether a candidate is chosen, and lists are
    sorted by that probability.
    """

    def __init__(self, config: StackedConfig, seed: int) -> None:
        self.config, self.seed = config, seed
        self.booster: Any = None

    def fit(self, lists: Lists, features: FloatArray, relevant: sparse.csr_matrix) -> Self:
        """Learn to rank candidates; users without a chosen candidate are left out.

        Args:
            lists: `(users, c)` candidates, -1 for none.
            features: `(users, c, f) float32`.
            relevant: `(users, items)`, an entry where a user chose an item.
        """
        import lightgbm

        labels = np.zeros(lists.shape, bool)
        hits = find_hits(lists, relevant)
        labels[hits.user, hits.rank] = True
        # Lists without a chosen candidate have no pair to learn an order from.
        useful = np.flatnonzero(labels.any(axis=1))[: self.config.max_users]
        if not len(useful):
            return self
        rows = features[useful].reshape(-1, features.shape[2])
        data = lightgbm.Dataset(
            rows, label=labels[useful].ravel().astype(int), group=np.full(len(useful), lists.shape[1])
        )
        parameters: dict[str, Any] = {
            "objective": self.config.objective,
            "num_leaves": self.config.leaves,
            "learning_rate": self.config.learning_rate,
            "min_data_in_leaf": self.config.min_leaf_rows,
            "lambda_l2": 5.0,  # a few thousand users are few for trees
            "num_threads": self.config.threads,
            "deterministic": True,
            "seed": self.seed,
            "verbosity": -1,
        }
        if self.config.objective == "lambdarank":
            # Only pairs with one of the first 25 places: users see no place further down.
            parameters["lambdarank_truncation_level"] = 25
        self.booster = lightgbm.train(parameters, data, num_boost_round=self.config.trees)
        return self

    def rerank(self, lists: Lists, features: FloatArray) -> Lists:
        """Sort the candidates by the trees' scores; they stay as they are where nothing could be learned."""
        if self.booster is None:
            return lists
        scores = self.booster.predict(
            features.reshape(-1, features.shape[2]), num_threads=self.config.threads
        ).reshape(lists.shape)
        # Empty places last; a stable sort keeps the candidates' order on ties.
        order = np.argsort(np.where(lists == NO_CANDIDATE, np.inf, -scores), axis=1, kind="stable")
        return np.take_along_axis(lists, order, axis=1)


def build_candidate_features(
    lists: Lists, scores: FloatArray, item_columns: FloatArray, user_columns: FloatArray
) -> FloatArray:
    """Build the features of each candidate: members' scores, item columns, user columns and its place.

    Args:
        lists: `(users, c)` candidates, -1 for none.
        scores: `(members, users, items)`.
        item_columns: `(items, a)`.
        user_columns: `(users, b)`.

    Returns:
        `(users, c, members + a + b + 1) float32`.
    """
    items = np.maximum(lists, 0)
    users, count = lists.shape
    by_member = np.stack([np.take_along_axis(member, items, axis=1) for member in scores], axis=2)
    # Excluded items score minus infinity; 10 standard deviations are beyond every real score.
    by_member = np.nan_to_num(by_member, neginf=-10, posinf=10)
    place = np.broadcast_to(np.arange(count, dtype=np.float32)[None, :, None], (users, count, 1))
    about_user = np.broadcast_to(user_columns[:, None, :], (users, count, user_columns.shape[1]))
    return np.concatenate([by_member, item_columns[items], about_user, place], axis=2).astype(np.float32)
