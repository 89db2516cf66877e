"""Model-level fusion: a whole recommender for each modality of the phones, whose opinions are added or counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Self

import numpy as np

from models.config import FusionConfig, TrainingConfig
from models.data import Dataset, FloatArray, IntArray
from models.interface import Factors
from models.network.data_signature import ITEM_MODALITIES, Mismatch
from models.network.item_tower import FACTS, IDENTITY
from models.normalize import unit_rows
from models.recommender.recommender import ABOUT, FusionRecommender
from models.training.errors import TrainingError
from models.training.options import Plan, Standing, Watcher, unwatched

RECIPROCAL_RANK = 60.0
"""The constant of reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009)."""


class LateFusion:
    """`late_weighted`: the weighted sum of the recommenders' standardised scores. `late_vote`: each gives a phone
    `1 / (60 + its rank)` votes.

    Each recommender knows phones by one modality alone and askers by everything. Weights are the validation NDCG of
    each, above that of the worst one's half, so that a poor modality says little.
    """

    name = "fusion"

    def __init__(self, config: FusionConfig, training: TrainingConfig | None = None) -> None:
        self.config, self.training = config, training or TrainingConfig()
        self.members: dict[str, FusionRecommender] = {}
        self.weights: dict[str, float] = {}

    @property
    def standing(self) -> Standing:
        """The standing of the best recommender, with the curves of all."""
        best = max(self.members.values(), key=lambda member: member.standing.best).standing
        curves = {
            f"{name}: {key}": values
            for name, member in self.members.items()
            for key, values in member.standing.curves.items()
        }
        return Standing(**{**vars(best), "curves": curves})

    def fit(
        self,
        data: Dataset,
        seed: int,
        plan: Plan | None = None,
        start: FusionRecommender | LateFusion | None = None,
    ) -> Self:
        """Fit a recommender for each modality that the data has; weights come from the plan's validation.

        Raises:
            TrainingError: If no modality is left, or a recommender cannot be trained.
        """
        for name in self._modalities(data):
            earlier = start.members.get(name) if isinstance(start, LateFusion) else None
            self.members[name] = self._member(name).fit(data, seed, plan, earlier)
        if not self.members:
            raise TrainingError(
                "every modality of the phones is left out or missing, so nothing can be fused"
            )
        self.weights = self._weighed()
        return self

    def refit(
        self,
        data: Dataset,
        seed: int,
        watch: Watcher = unwatched,
        start: FusionRecommender | LateFusion | None = None,
    ) -> Self:
        """The same recommenders with the same weights, on all of the data, as far as their best epochs."""
        again = type(self)(self.config, self.training)
        begins = start.members if isinstance(start, LateFusion) else {}
        again.members = {
            name: member.refit(data, seed, watch, begins.get(name)) for name, member in self.members.items()
        }
        again.weights = self.weights
        return again

    def factors(self, data: Dataset, users: IntArray) -> Factors:
        """Weighted: all factors side by side. Votes: they are no inner product, so each phone has a column."""
        parts = [(self.weights[name], member.factors(data, users)) for name, member in self.members.items()]
        if self.config.fusion == "late_vote":
            votes = sum(votes_of(part.users @ part.items.T) for _, part in parts)
            return Factors(np.asarray(votes, np.float32), np.eye(len(data.catalogue), dtype=np.float32))
        scaled = [part.users * (weight / spread(part))[:, None] for weight, part in parts]
        return Factors(
            np.ascontiguousarray(np.hstack(scaled), np.float32), np.hstack([part.items for _, part in parts])
        )

    def score(self, data: Dataset, users: IntArray) -> FloatArray:
        """`(len(users), items) float32`, higher is better."""
        factors = self.factors(data, users)
        return factors.users @ factors.items.T

    def item_vectors(self, data: Dataset) -> FloatArray:
        """`(items, d)`: the recommenders' vectors side by side, each of length 1 times its weight."""
        vectors = [
            self.weights[name] * unit_rows(member.item_vectors(data)) for name, member in self.members.items()
        ]
        return np.hstack(vectors)

    def item_weights(self, data: Dataset) -> tuple[tuple[str, ...], FloatArray]:
        """The modalities, and `(items, modalities)` their weights, the same for every phone."""
        row = np.array(list(self.weights.values()), np.float32)
        return tuple(self.weights), np.tile(row / row.sum(), (len(data.catalogue), 1))

    def save(self, folder: Path) -> None:
        """Write a folder for each recommender, and `model.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, member in self.members.items():
            member.save(folder / name)
        about = {
            "config": self.config.model_dump(),
            "training": self.training.model_dump(),
            "weights": self.weights,
        }
        (folder / ABOUT).write_text(json.dumps(about, indent=1))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what `save` wrote.

        Raises:
            Mismatch: If a file is missing or damaged.
        """
        try:
            about = json.loads((folder / ABOUT).read_text())
            config = FusionConfig.from_stored(about["config"])
            model = cls(config, TrainingConfig.from_stored(about["training"]))
            model.weights = {str(name): float(weight) for name, weight in about["weights"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise Mismatch(f"{folder}: no usable fusion model ({error}); train it again") from None
        model.members = {name: FusionRecommender.load(folder / name) for name in model.weights}
        return model

    def _modalities(self, data: Dataset) -> list[str]:
        there = [
            name
            for name in ITEM_MODALITIES
            if name in data.catalogue.modalities and data.catalogue.modalities[name].present.any()
        ]
        return [name for name in (*there, FACTS, IDENTITY) if name not in self.config.without]

    def _member(self, name: str) -> FusionRecommender:
        others = {*ITEM_MODALITIES, FACTS, IDENTITY} - {name}
        without = tuple(sorted({*self.config.without, *others}))
        config = self.config.model_copy(update={"fusion": "concat", "without": without})
        return FusionRecommender(config, self.training)

    def _weighed(self) -> dict[str, float]:
        """By validation NDCG, all alike where there was no validation."""
        found = np.array([max(member.standing.best, 0.0) for member in self.members.values()])
        above = found - found.min() / 2
        shares = above / above.sum() if above.sum() > 0 else np.full(len(found), 1 / len(found))
        return {name: float(share) for name, share in zip(self.members, shares, strict=True)}


def spread(factors: Factors) -> FloatArray:
    """`(users,)`: the standard deviation of each user's scores over the phones, without computing them."""
    centred = factors.items - factors.items.mean(0)
    variance = np.einsum("ud,de,ue->u", factors.users, centred.T @ centred / len(centred), factors.users)
    return np.asarray(np.sqrt(np.maximum(variance, 1e-12)), np.float32)


def votes_of(scores: FloatArray) -> FloatArray:
    """`1 / (60 + rank)`, the best has rank 1; equal scores go by place."""
    order = np.argsort(-scores, axis=1, kind="stable")
    votes = np.empty_like(scores)
    row = 1.0 / (RECIPROCAL_RANK + 1 + np.arange(scores.shape[1], dtype=np.float32))
    np.put_along_axis(votes, order, np.broadcast_to(row, scores.shape), axis=1)
    return votes
