"""What a pretraining objective is worth: the downstream NDCG@20 with it and without it, all else the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy import sparse

from models.data import FloatArray
from models.evaluation.lists import judge
from models.evaluation.ndcg import ndcg
from models.normalize import unit_rows
from models.pretraining.autoencoder import codes, completed, whitening
from models.pretraining.config import ROWS, RowsPretraining
from models.pretraining.loop import Progress, silent
from models.pretraining.rows import pretrain_rows
from models.topn.dense import top_of_scores

K = 20
Objective = TypeVar("Objective", bound=str)


@dataclass(frozen=True)
class Worth:
    """One objective's verdict.

    Args:
        objective: Its name in `[pretraining]`.
        task: What was ranked for whom.
        cases: Queries or users that the means are over.
        without, with_it: Mean NDCG@20.
    """

    objective: str
    task: str
    cases: int
    without: float
    with_it: float


def searched(asked: FloatArray, offered: FloatArray, wanted: sparse.csr_matrix) -> float:
    """Mean NDCG@20 of what is nearest to each query.

    Args:
        asked: `(queries, d)` of length 1.
        offered: `(items, d)` of length 1.
        wanted: `(queries, items)`, at least one entry a row.
    """
    return _quality(asked @ offered.T, None, wanted)


def profiled(history: sparse.csr_matrix, vectors: FloatArray, wanted: sparse.csr_matrix) -> float:
    """Mean NDCG@20 of what is nearest to the mean of a user's items, those excluded; vectors are centred first."""
    centred = unit_rows(vectors - vectors.mean(0))
    return _quality(np.asarray(history @ centred @ centred.T, np.float32), history, wanted)


def _quality(scores: FloatArray, exclude: sparse.csr_matrix | None, wanted: sparse.csr_matrix) -> float:
    lists = top_of_scores(scores, K, exclude)
    return float(ndcg(judge(lists, wanted), K).mean())


def compared(
    task: str,
    cases: int,
    configured: Iterable[Objective],
    every: Sequence[Objective],
    quality_of: Callable[[tuple[Objective, ...]], float],
) -> list[Worth]:
    """Each objective with and without it beside the configured others; each set is trained once.

    Args:
        quality_of: Trains with these objectives, none of them meaning not at all, and measures.
    """
    known: dict[tuple[Objective, ...], float] = {}

    def quality(objectives: set[Objective]) -> float:
        ordered = tuple(one for one in every if one in objectives)
        if ordered not in known:
            known[ordered] = quality_of(ordered)
        return known[ordered]

    chosen = set(configured)
    return [Worth(one, task, cases, quality(chosen - {one}), quality(chosen | {one})) for one in every]


def rows_worth(
    history: sparse.csr_matrix,
    content: FloatArray,
    wanted: sparse.csr_matrix,
    config: RowsPretraining,
    seed: int,
    progress: Progress = silent,
) -> list[Worth]:
    """Both autoencoders on interactions, against popularity, and on item content, against the content alone.

    Args:
        history, wanted: `(users, items)`, before and after the moment that is judged from; both with entries in
            each row.
        content: `(items, d)`, each column with mean 0 and deviation 1.
    """
    users = history.shape[0]
    popularity = np.tile(np.asarray(history.sum(0), np.float32), (users, 1))
    popular = _quality(popularity, history, wanted)
    alike = profiled(history, content, wanted)
    found = []
    for name in ROWS:
        module = pretrain_rows(name, history, config, seed, True, progress)
        quality = _quality(completed(module, history), history, wanted)
        found.append(Worth(name, "phones for users, told by interactions", users, popular, quality))
    for name in ROWS:
        module = pretrain_rows(name, content, config, seed, False, progress)
        quality = profiled(history, beside(content, codes(module, content)), wanted)
        found.append(Worth(name, "phones for users, told by content", users, alike, quality))
    return found


def beside(content: FloatArray, told: FloatArray) -> FloatArray:
    """`(items, d + dim)`: content and its whitened codes, with the same say in a cosine."""
    mean, turn = whitening(told)
    return np.hstack([unit_rows(content), unit_rows(np.asarray((told - mean) @ turn, np.float32))])
