"""The stacked ranker: trees over the members' scores, by LambdaMART or by the chance of each candidate."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.config import StackedConfig
from models.data import FloatArray
from models.evaluation.lists import judge

UNSCORED = -1
Lists = NDArray[np.int32]


class Stacked:
    """Re-ranks candidate lists by gradient-boosted trees on what every member says of them.

    Burges, "From RankNet to LambdaRank to LambdaMART", 2010; by LightGBM. Features of a candidate are the members'
    standardised scores, its place on the candidate list, and per-user and per-item columns given by the caller. With
    the objective `binary` the trees learn whether a candidate is chosen, and lists are in order of that chance.
    """

    def __init__(self, config: StackedConfig, seed: int) -> None:
        self.config, self.seed = config, seed
        self.booster: Any = None

    def fit(self, lists: Lists, features: FloatArray, relevant: sparse.csr_matrix) -> Self:
        """Learn from candidates `(users, c)`, their features `(users, c, f)` and the right answers `(users, items)`."""
        import lightgbm

        labels = np.zeros(lists.shape, bool)
        hits = judge(lists, relevant)
        labels[hits.user, hits.rank] = True
        useful = np.flatnonzero(labels.any(axis=1))[: self.config.most_users]
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
            "min_data_in_leaf": self.config.least_rows,
            "lambda_l2": 5.0,
            "num_threads": self.config.threads,
            "deterministic": True,
            "seed": self.seed,
            "verbosity": -1,
        }
        if self.config.objective == "lambdarank":
            parameters["lambdarank_truncation_level"] = 25
        self.booster = lightgbm.train(parameters, data, num_boost_round=self.config.trees)
        return self

    def rerank(self, lists: Lists, features: FloatArray) -> Lists:
        """The candidates in the trees' order; unchanged where nothing could be learned."""
        if self.booster is None:
            return lists
        scores = self.booster.predict(
            features.reshape(-1, features.shape[2]), num_threads=self.config.threads
        ).reshape(lists.shape)
        order = np.argsort(np.where(lists == UNSCORED, np.inf, -scores), axis=1, kind="stable")
        return np.take_along_axis(lists, order, axis=1)


def candidate_features(
    lists: Lists, scores: FloatArray, item_columns: FloatArray, user_columns: FloatArray
) -> FloatArray:
    """`(users, c, members + item columns + user columns + 1) float32`.

    Args:
        lists: `(users, c)` candidates.
        scores: `(members, users, items)`.
        item_columns: `(items, a)`.
        user_columns: `(users, b)`.
    """
    items = np.maximum(lists, 0)
    users, count = lists.shape
    said = np.stack([np.take_along_axis(member, items, axis=1) for member in scores], axis=2)
    said = np.nan_to_num(said, neginf=-10, posinf=10)
    place = np.broadcast_to(np.arange(count, dtype=np.float32)[None, :, None], (users, count, 1))
    about_user = np.broadcast_to(user_columns[:, None, :], (users, count, user_columns.shape[1]))
    return np.concatenate([said, item_columns[items], about_user, place], axis=2).astype(np.float32)
