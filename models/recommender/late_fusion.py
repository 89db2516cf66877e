"""Late fusion: one recommender for each modality of the phones, fused by their scores or ranks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Self

import numpy as np

from models.config import FusionConfig, TrainingConfig
from models.dataset import Dataset, FloatArray, IntArray
from models.network.data_signature import ITEM_MODALITIES, ModelMismatch
from models.network.item_tower import FACTS, IDENTITY
from models.recommender.recommender import ABOUT, FusionRecommender
from models.recommender_interface import Factors
from models.row_normalisation import normalise_rows
from models.training.errors import TrainingError
from models.training.fit_options import FitOptions, ProgressCallback, TrainState, ignore_progress

RECIPROCAL_RANK_CONSTANT = 60.0
"""The constant of reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009)."""


class LateFusion:
    """Recommenders by modality, fused by their scores or by their ranks.

    `late_weighted` adds the recommenders' standardised scores, weighted. In `late_vote` each recommender
    gives a phone `1 / (60 + its rank)` votes. Each recommender knows phones by one modality only, and users
    by everything. Weights are each one's validation NDCG less half of the worst one's, so that a weak
    modality counts little.

    Args:
        config: Settings of each recommender's network, apart from its modalities.
        training: Settings of each recommender's trainer.
    """

    name = "fusion"

    def __init__(self, config: FusionConfig, training: TrainingConfig | None = None) -> None:
        self.config, self.training = config, training or TrainingConfig()
        self.members: dict[str, FusionRecommender] = {}
        self.weights: dict[str, float] = {}

    @property
    def train_state(self) -> TrainState:
        """Training state of the best recommender, with the curves of all."""
        best = max(self.members.values(), key=lambda member: member.train_state.best).train_state
        curves = {
            f"{name}: {key}": values
            for name, member in self.members.items()
            for key, values in member.train_state.curves.items()
        }
        return TrainState(**{**vars(best), "curves": curves})

    def fit(
        self,
        data: Dataset,
        seed: int,
        options: FitOptions | None = None,
        start: FusionRecommender | LateFusion | None = None,
    ) -> Self:
        """Fit a recommender for each modality that the data has, and their weights.

        Weights come from the validation in the options.

        Args:
            data: As for `FusionRecommender.fit`.
            seed: The same for all recommenders.
            options: As for `FusionRecommender.fit`.
            start: A model whose recommenders to start from, matched by modality.

        Raises:
            TrainingError: If no modality is left, or a recommender cannot be trained.
        """
        for name in self._list_modalities(data):
            earlier = start.members.get(name) if isinstance(start, LateFusion) else None
            self.members[name] = self._build_member(name).fit(data, seed, options, earlier)
        if not self.members:
            raise TrainingError(
                "every modality of the phones is left out or missing, so there is nothing to fuse"
            )
        self.weights = self._compute_weights()
        return self

    def refit(
        self,
        data: Dataset,
        seed: int,
        on_step: ProgressCallback = ignore_progress,
        start: FusionRecommender | LateFusion | None = None,
    ) -> Self:
        """Return a new model with the same weights, its recommenders refitted to other data.

        Each is trained up to its best epoch.

        Args:
            data: As for `FusionRecommender.refit`.
            seed: The same for all recommenders.
            on_step: Called after every step.
            start: As for `fit`.
        """
        refitted = type(self)(self.config, self.training)
        starts = start.members if isinstance(start, LateFusion) else {}
        refitted.members = {
            name: member.refit(data, seed, on_step, starts.get(name)) for name, member in self.members.items()
        }
        refitted.weights = self.weights
        return refitted

    def factors(self, data: Dataset, users: IntArray) -> Factors:
        """Return the factors of some users and all phones.

        Weighted scores are sums of inner products, so all factors are concatenated. Votes are no inner
        product, so the users' factors are the votes themselves, `(n, items)`, and the items' the identity
        matrix.
        """
        parts = [(self.weights[name], member.factors(data, users)) for name, member in self.members.items()]
        if self.config.fusion == "late_vote":
            # Ranks need the scores of all phones, so this one makes the dense matrix.
            votes = sum(count_votes(part.users @ part.items.T) for _, part in parts)
            return Factors(np.asarray(votes, np.float32), np.eye(len(data.catalogue), dtype=np.float32))
        scaled = [part.users * (weight / compute_score_deviations(part))[:, None] for weight, part in parts]
        return Factors(
            np.ascontiguousarray(np.hstack(scaled), np.float32), np.hstack([part.items for _, part in parts])
        )

    def score(self, data: Dataset, users: IntArray) -> FloatArray:
        """Return `(n, items) float32` scores of `n` users, higher is better."""
        factors = self.factors(data, users)
        return factors.users @ factors.items.T

    def item_vectors(self, data: Dataset) -> FloatArray:
        """Return `(items, d)` the recommenders' vectors concatenated, each of length 1 times its weight."""
        vectors = [
            self.weights[name] * normalise_rows(member.item_vectors(data))
            for name, member in self.members.items()
        ]
        return np.hstack(vectors)

    def item_weights(self, data: Dataset) -> tuple[tuple[str, ...], FloatArray]:
        """Return the modalities, and `(items, modalities)` their weights, the same for every phone."""
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
        """Load what `save` wrote.

        Raises:
            ModelMismatch: If a file is missing or damaged.
        """
        try:
            about = json.loads((folder / ABOUT).read_text())
            config = FusionConfig.from_stored(about["config"])
            model = cls(config, TrainingConfig.from_stored(about["training"]))
            model.weights = {str(name): float(weight) for name, weight in about["weights"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelMismatch(f"{folder}: no usable fusion model ({error}); train it again") from None
        model.members = {name: FusionRecommender.load(folder / name) for name in model.weights}
        return model

    def _list_modalities(self, data: Dataset) -> list[str]:
        """Return the modalities of phones that the data has and the configuration does not leave out."""
        found = [
            name
            for name in ITEM_MODALITIES
            if name in data.catalogue.modalities and data.catalogue.modalities[name].present.any()
        ]
        return [name for name in (*found, FACTS, IDENTITY) if name not in self.config.without]

    def _build_member(self, name: str) -> FusionRecommender:
        """Return an unfitted recommender that knows phones by one modality only."""
        # With one modality there is nothing to fuse, so the simplest fusion serves.
        others = {*ITEM_MODALITIES, FACTS, IDENTITY} - {name}
        without = tuple(sorted({*self.config.without, *others}))
        config = self.config.model_copy(update={"fusion": "concat", "without": without})
        return FusionRecommender(config, self.training)

    def _compute_weights(self) -> dict[str, float]:
        """Return the weights by validation NDCG, all alike where there was no validation."""
        found = np.array([max(member.train_state.best, 0.0) for member in self.members.values()])
        # Without the subtraction a weak modality would weigh almost as much as a good one.
        above = found - found.min() / 2
        shares = above / above.sum() if above.sum() > 0 else np.full(len(found), 1 / len(found))
        return {name: float(share) for name, share in zip(self.members, shares, strict=True)}


def compute_score_deviations(factors: Factors) -> FloatArray:
    """Return `(users,)` the standard deviation of each user's scores over the phones.

    The variance of `u · v` over the phones is `uᵀ C u` with the covariance `C` `(d, d)` of their vectors.
    """
    centred = factors.items - factors.items.mean(0)
    variance = np.einsum("ud,de,ue->u", factors.users, centred.T @ centred / len(centred), factors.users)
    return np.asarray(np.sqrt(np.maximum(variance, 1e-12)), np.float32)


def count_votes(scores: FloatArray) -> FloatArray:
    """Return `(users, items)` votes `1 / (60 + rank)`, where the best has rank 1 and ties go by column.

    Args:
        scores: `(users, items)`.
    """
    order = np.argsort(-scores, axis=1, kind="stable")
    votes = np.empty_like(scores)
    row = 1.0 / (RECIPROCAL_RANK_CONSTANT + 1 + np.arange(scores.shape[1], dtype=np.float32))
    np.put_along_axis(votes, order, np.broadcast_to(row, scores.shape), axis=1)
    return votes
