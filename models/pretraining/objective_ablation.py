"""Ablation of pretraining objectives: the downstream NDCG@20 with and without each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy import sparse

from models.dataset import FloatArray
from models.evaluation.hits import find_hits
from models.evaluation.ndcg import ndcg_at_k
from models.pretraining.autoencoder import compute_codes, fit_whitening, reconstruct_rows
from models.pretraining.autoencoder_factory import pretrain_rows
from models.pretraining.config import ROWS_OBJECTIVES, RowsPretraining
from models.pretraining.training_loop import StepProgress, hide_progress
from models.row_normalisation import normalise_rows
from models.topn.dense import find_top_n_of_scores

K = 20
"""Length of the ranked lists."""
Objective = TypeVar("Objective", bound=str)


@dataclass(frozen=True)
class ObjectiveResult:
    """The result of one objective on one task.

    Args:
        objective: Its name in `[pretraining]`.
        task: What was ranked for whom.
        case_count: Queries or users that the means are over.
        ndcg_without: Mean NDCG@20 without the objective.
        ndcg_with: Mean NDCG@20 with it.
    """

    objective: str
    task: str
    case_count: int
    ndcg_without: float
    ndcg_with: float


def evaluate_search(queries: FloatArray, items: FloatArray, relevant: sparse.csr_matrix) -> float:
    """Return the mean NDCG@20 of the items nearest to each query.

    Args:
        queries: `(queries, d) float32` of length 1.
        items: `(items, d) float32` of length 1.
        relevant: `(queries, items)`, at least one entry per row.
    """
    return _mean_ndcg(queries @ items.T, None, relevant)


def evaluate_profiles(history: sparse.csr_matrix, vectors: FloatArray, relevant: sparse.csr_matrix) -> float:
    """Return the mean NDCG@20 of the items nearest to the mean vector of a user's items, which are excluded.

    Args:
        history: `(users, items)`.
        vectors: `(items, d) float32`; centred here, as their common part distinguishes no items.
        relevant: `(users, items)`, at least one entry per row.
    """
    centred = normalise_rows(vectors - vectors.mean(0))
    return _mean_ndcg(np.asarray(history @ centred @ centred.T, np.float32), history, relevant)


def _mean_ndcg(scores: FloatArray, exclude: sparse.csr_matrix | None, relevant: sparse.csr_matrix) -> float:
    """Return the mean NDCG@20 of the lists with the highest scores."""
    lists = find_top_n_of_scores(scores, K, exclude)
    return float(ndcg_at_k(find_hits(lists, relevant), K).mean())


def compare_objectives(
    task: str,
    cases: int,
    configured: Iterable[Objective],
    every: Sequence[Objective],
    measure: Callable[[tuple[Objective, ...]], float],
) -> list[ObjectiveResult]:
    """Return the result of each objective: measured with and without it, next to the other configured ones.

    Args:
        task: Names the task in the results.
        cases: Queries or users of the task.
        configured: Objectives in the settings.
        every: All objectives, in the order in which they are trained and returned.
        measure: Trains with these objectives and returns the mean NDCG@20; called once for each set. An empty
            set means without any training.
    """
    measured: dict[tuple[Objective, ...], float] = {}

    def measure_once(objectives: set[Objective]) -> float:
        ordered = tuple(one for one in every if one in objectives)
        if ordered not in measured:
            measured[ordered] = measure(ordered)
        return measured[ordered]

    chosen = set(configured)
    return [
        ObjectiveResult(one, task, cases, measure_once(chosen - {one}), measure_once(chosen | {one}))
        for one in every
    ]


def compare_autoencoders(
    history: sparse.csr_matrix,
    content: FloatArray,
    relevant: sparse.csr_matrix,
    config: RowsPretraining,
    seed: int,
    progress: StepProgress = hide_progress,
) -> list[ObjectiveResult]:
    """Return the results of both autoencoders on user histories and on item content.

    On histories the reconstruction is the ranking, and popularity the baseline. On content, items are ranked
    by similarity of the content concatenated with its whitened code, and the content alone is the baseline.

    Args:
        history: `(users, items)` before the evaluation window, with entries in each row.
        content: `(items, d) float32`, each column with mean 0 and deviation 1.
        relevant: `(users, items)` in the evaluation window, with entries in each row.
        config: Sizes and steps.
        seed: Seed of the trainings.
        progress: Shows the steps.

    Raises:
        NonFiniteLoss: If a loss does not stay finite.
    """
    users = history.shape[0]
    popularity = np.tile(np.asarray(history.sum(0), np.float32), (users, 1))
    popular = _mean_ndcg(popularity, history, relevant)
    content_alone = evaluate_profiles(history, content, relevant)
    results = []
    for name in ROWS_OBJECTIVES:
        module = pretrain_rows(name, history, config, seed, True, progress)
        reconstructed = _mean_ndcg(reconstruct_rows(module, history), history, relevant)
        results.append(
            ObjectiveResult(name, "phones for users, told by interactions", users, popular, reconstructed)
        )
    for name in ROWS_OBJECTIVES:
        module = pretrain_rows(name, content, config, seed, False, progress)
        with_codes = evaluate_profiles(
            history, concatenate_codes(content, compute_codes(module, content)), relevant
        )
        results.append(
            ObjectiveResult(name, "phones for users, told by content", users, content_alone, with_codes)
        )
    return results


def concatenate_codes(content: FloatArray, encoded: FloatArray) -> FloatArray:
    """Return content and whitened codes concatenated, `(items, d + dim) float32`.

    Both have equal weight in a cosine.

    Args:
        content: `(items, d) float32`.
        encoded: `(items, dim) float32` codes of the content.
    """
    mean, matrix = fit_whitening(encoded)
    return np.hstack(
        [normalise_rows(content), normalise_rows(np.asarray((encoded - mean) @ matrix, np.float32))]
    )
