"""Measures the night's models on MovieLens-1M with posters and plots, by the published protocol of its split.

All films are ranked, training films masked and validation films not; settings, blend weights and early
stopping are chosen on the validation part. The models are those of the night: the family with the default
settings, the fusion recommender, and the blend that makes the lists. Two settings follow from the data and
not from a search: ranks are as wide as the catalogue, and the fusion recommender has no newcomers' and no
impressions' loss, since nobody searched and nothing was shown.

The same without pictures, texts and facts is measured on the same users. Then a tenth of the films is held
out of training altogether, with a seed each time, and ranked by content alone.

The fusion recommender is trained on every `FUSION_EVERY`th user (it scores all users from their histories),
for `FUSION_EPOCHS` epochs at most. Fitted scores are kept in `var/benchmarks/movielens-1m`, so that an
interrupted run continues.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.films import (
    FILMS,
    USERS,
    Row,
    build_films_dataset,
    draw_cold_films,
    encode_films,
    read_films,
    read_part,
)
from benchmarks.sequence import STATE_FOLDER
from handpick.settings.evaluate import EvaluateSettings
from handpick.stages.evaluate.model_comparison import learn_blend
from models.config import FamilyConfig, FusionConfig, TrainingConfig
from models.dataset import BoolArray, Dataset, FloatArray, IntArray, Modality
from models.evaluation.bootstrap import bootstrap_difference
from models.evaluation.hits import find_hits
from models.evaluation.ndcg import ndcg_at_k
from models.evaluation.recall import recall_at_k
from models.evaluation.split import EvaluationSplit
from models.member_registry import make_member
from models.recommender.recommender import FusionRecommender
from models.recommender_interface import Factors
from models.topn.dense import find_top_n_of_scores
from models.training.fit_options import FitOptions, Progress

SEED = 7
FUSION_EVERY = int(os.environ.get("FUSION_EVERY", "8"))
FUSION_EPOCHS = int(os.environ.get("FUSION_EPOCHS", "4"))
COLD_SEEDS = range(int(os.environ.get("SEEDS", "2")))
COLD_K = 20
CONTENT_MEMBERS = ("content", "features_combined")
"""Members that read the films' content."""
MEMBERS = (
    "popularity", "item_cosine", "item_bm25", "als", "bpr", "ease", "graph_filter", "mult_vae",
    "user_cosine", *CONTENT_MEMBERS,
)  # fmt: skip
"""The family without `user_pearson` and `freshness`: all preferences are alike, and there are no times."""
FAMILY = FamilyConfig()
Values = NDArray[np.float64]


class FittedFactors:
    """A fitted recommender of which only the factors are left.

    Args:
        name: The recommender's name.
        found: Factors of all users.
    """

    def __init__(self, name: str, found: Factors) -> None:
        self.name, self.found = name, found

    def factors(self, data: Dataset, users: IntArray) -> Factors:  # noqa: ARG002
        """Return these users' factors."""
        return Factors(self.found.users[users], self.found.items)


def measure() -> dict[str, Any]:
    """Measure the blend with and without content, every member, and films held out of training."""
    films = read_films()
    content = encode_films(films)
    train, valid, test = (read_part(name) for name in ("train", "valid", "test"))
    figures: dict[str, Any] = {
        "fusion_trained_on_users": len(range(0, USERS, FUSION_EVERY)),
        "fusion_max_epochs": FUSION_EPOCHS,
        "cold_seeds": len(COLD_SEEDS),
    }
    per_user: dict[str, tuple[Values, Values]] = {}
    # What knows films by identity alone is the same with content and without.
    plain = build_films_dataset(train, films, {}, SEED)
    family = _fit_members(plain, [name for name in MEMBERS if name not in CONTENT_MEMBERS])
    for label, modalities in (("", content), ("without_content_", {})):
        data = build_films_dataset(train, films, modalities, SEED)
        members = family | _fit_members(data, CONTENT_MEMBERS if modalities else ())
        members["fusion"] = FittedFactors("fusion", fit_fusion(data, valid, label or "with_content_"))
        split = make_split(data, valid, train)
        blend, learned = learn_blend(members, split, EvaluateSettings(), SEED)
        figures[f"{label}blend_weights"] = ", ".join(
            f"{name} {weight:g}" for name, weight in sorted(learned.weights["events_5_up"].items())
        )
        scores = blend.score(data, np.arange(USERS))
        per_user[label] = _measure_users(scores, train, test)
        figures |= _describe(label + "blend_", scores, train, test)
        for name in sorted(members) if modalities else ("fusion",):
            factors = members[name].factors(data, np.arange(USERS))
            figures |= _describe(f"{label}{name}_", factors.users @ factors.items.T, train, test)
        figures |= {"recall_10": figures["blend_recall_10"], "ndcg_10": figures["blend_ndcg_10"]}
    for place, metric in enumerate(("recall_10", "ndcg_10")):
        gain = bootstrap_difference(per_user[""][place], per_user["without_content_"][place])
        figures[f"content_gain_{metric}"] = gain.value
        figures[f"content_gain_{metric}_low"], figures[f"content_gain_{metric}_high"] = gain.low, gain.high
    return figures | measure_cold(films, content, train, valid, test)


def measure_cold(
    films: Sequence[Row],
    content: Mapping[str, Modality],
    train: sparse.csr_matrix,
    valid: sparse.csr_matrix,
    test: sparse.csr_matrix,
) -> dict[str, Any]:
    """Measure NDCG@20 of films held out of training, means of `COLD_SEEDS` draws.

    Users with such a film in the test part count. They are ranked among all films, and among themselves.
    Popularity knows nothing of them, and ranks them last. Equal scores are ordered at random: the split
    numbers its films by their first users, so that the order of the catalogue knows what is popular.
    """
    found: dict[str, list[float]] = {}
    for seed in COLD_SEEDS:
        cold = draw_cold_films(seed)
        known = _keep_films(train, ~cold)
        relevant = _keep_films(test, cold)
        data = build_films_dataset(known, films, dict(content), SEED)
        names = ["popularity", "content", "features_combined"]
        members = _fit_members(data, names)
        known_valid = _keep_films(valid, ~cold)
        members["fusion"] = FittedFactors("fusion", fit_fusion(data, known_valid, f"cold-{seed}-"))
        for name, member in members.items():
            factors = member.factors(data, np.arange(USERS))
            scores = _break_ties(factors.users @ factors.items.T, seed)
            for part, allowed in (("all", np.ones(FILMS, bool)), ("cold", cold)):
                value = _measure_cold_ndcg(scores, known, relevant, allowed)
                found.setdefault(f"cold_among_{part}_{name}_ndcg_20", []).append(value)
                print(f"cold films of seed {seed} among {part}: {name} {value:.4f}", flush=True)
    figures: dict[str, Any] = {key: float(np.mean(values)) for key, values in found.items()}
    for part in ("all", "cold"):
        ours = figures[f"cold_among_{part}_fusion_ndcg_20"]
        for name in ("content", "popularity"):
            other = figures[f"cold_among_{part}_{name}_ndcg_20"]
            figures[f"cold_among_{part}_over_{name}"] = ours / max(other, 1e-9)
    return figures


def make_split(data: Dataset, relevant: sparse.csr_matrix, seen: sparse.csr_matrix) -> EvaluationSplit:
    """Return all films as candidates, less those that each user has seen."""
    users = np.flatnonzero(np.diff(relevant.indptr))
    return EvaluationSplit(data, users, relevant[users], np.ones(FILMS, bool), seen[users], {})


def _fit_members(data: Dataset, names: Sequence[str]) -> dict[str, Any]:
    """Fit members of the family by name."""
    members: dict[str, Any] = {}
    for name in names:
        began = time.perf_counter()
        config = getattr(FAMILY, name).model_copy(update={"rank": FILMS})
        members[name] = make_member(name, FAMILY.model_copy(update={name: config})).fit(data, SEED)
        print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)
    return members


def fit_fusion(
    data: Dataset, valid: sparse.csr_matrix, label: str, config: FusionConfig | None = None
) -> Factors:
    """Fit the fusion recommender on every `FUSION_EVERY`th user and return the factors of all users.

    Args:
        data: All users.
        valid: `(users, films)` that early stopping goes by.
        label: Tells fits of other data apart, which are kept under it.
        config: Settings of the network, by default the defaults.
    """
    config = config or FusionConfig()
    training = TrainingConfig(
        epochs=FUSION_EPOCHS, shown_weight=0.0, newcomer_weight=0.0, tracking="", threads=2
    )
    settings = f"{config.model_dump_json()} {training.model_dump_json()} {FUSION_EVERY}"
    digest = hashlib.sha256(settings.encode()).hexdigest()[:12]
    kept = STATE_FOLDER / "movielens-1m" / f"{label}fusion-{digest}.npz"
    if kept.exists():
        with np.load(kept) as stored:
            return Factors(stored["users"], stored["items"])
    taught = np.zeros(USERS, bool)
    taught[::FUSION_EVERY] = True
    events = data.interactions
    part = replace(data, interactions=events.where(taught[events.user]))
    seen = sparse.csr_matrix(
        (np.ones(len(events), np.float32), (events.user, events.item)), shape=(USERS, FILMS)
    )
    checked = _keep_rows(valid, taught)

    def report(progress: Progress) -> None:
        if progress.ndcg is not None:
            print(f"{label}fusion: epoch {progress.epoch}, NDCG@20 {progress.ndcg:.4f}", flush=True)

    began = time.perf_counter()
    options = FitOptions(validation=make_split(part, checked, seen), on_step=report)
    model = FusionRecommender(config, training).fit(part, SEED, options)
    factors = model.factors(data, np.arange(USERS))
    print(f"{label}fusion: {time.perf_counter() - began:.0f} s", flush=True)
    kept.parent.mkdir(parents=True, exist_ok=True)
    np.savez(kept.with_suffix(".new.npz"), users=factors.users, items=factors.items)
    kept.with_suffix(".new.npz").replace(kept)
    return factors


def _measure_users(
    scores: FloatArray, seen: sparse.csr_matrix, relevant: sparse.csr_matrix, k: int = 10
) -> tuple[Values, Values]:
    """Return Recall@k and NDCG@k of each user with a film in the test part."""
    users = np.flatnonzero(np.diff(relevant.indptr))
    hits = find_hits(find_top_n_of_scores(scores[users], k, seen[users]), relevant[users])
    return recall_at_k(hits, k), ndcg_at_k(hits, k)


def _describe(
    name: str, scores: FloatArray, seen: sparse.csr_matrix, relevant: sparse.csr_matrix
) -> dict[str, float]:
    figures: dict[str, float] = {}
    for k in (10, 40):
        recall, ndcg = _measure_users(scores, seen, relevant, k)
        figures |= {f"{name}recall_{k}": float(recall.mean()), f"{name}ndcg_{k}": float(ndcg.mean())}
    return figures


def _measure_cold_ndcg(
    scores: FloatArray, seen: sparse.csr_matrix, relevant: sparse.csr_matrix, allowed: BoolArray
) -> float:
    users = np.flatnonzero(np.diff(relevant.indptr))
    lists = find_top_n_of_scores(scores[users], COLD_K, seen[users], allowed)
    return float(ndcg_at_k(find_hits(lists, relevant[users]), COLD_K).mean())


def _break_ties(scores: FloatArray, seed: int) -> FloatArray:
    """Return ranks as scores, with equal scores in an order that is drawn for all users."""
    shuffled = np.random.default_rng(seed).permutation(scores.shape[1])
    ranks = np.empty(scores.shape, np.float32)
    order = shuffled[np.argsort(scores[:, shuffled], axis=1, kind="stable")]
    np.put_along_axis(ranks, order, np.arange(scores.shape[1], dtype=np.float32)[None, :], axis=1)
    return ranks


def _keep_films(matrix: sparse.csr_matrix, keep: BoolArray) -> sparse.csr_matrix:
    kept = (matrix @ sparse.diags(keep.astype(np.float32))).tocsr()
    kept.eliminate_zeros()
    return kept


def _keep_rows(matrix: sparse.csr_matrix, keep: BoolArray) -> sparse.csr_matrix:
    kept = (sparse.diags(keep.astype(np.float32)) @ matrix).tocsr()
    kept.eliminate_zeros()
    return kept
