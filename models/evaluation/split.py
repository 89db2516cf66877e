"""The temporal split: what was relevant in a window, what could be recommended, and slices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from models.dataset import DAY_SECONDS, EVENT_TYPES, BoolArray, Dataset, IntArray

PURCHASE = EVENT_TYPES.index("purchase")
SLICES = ("all", "warm", "cold_item", "cold_user", "query_only", "launch_week")
"""Slices of an evaluation split, by the name they have in its metrics."""


@dataclass(frozen=True)
class EvaluationSplit:
    """One window of time to evaluate models on: its users, what they chose, and what could be recommended.

    Args:
        past: The dataset as it was known at the window's start; all that a model may see.
        users: `(n,)` indices into `past.users`: those with something relevant in the window.
        relevant: `(n, items)`, an entry where the user chose the item in the window.
        candidates: `(items,)` released and sellable at the window's start.
        exclude: `(n, items)`, an entry where the user owned or had bought the item before.
        slices: For each slice the relevant entries that count in it, `(n, items)`; users without one are not
            in it.
    """

    past: Dataset
    users: IntArray
    relevant: sparse.csr_matrix
    candidates: BoolArray
    exclude: sparse.csr_matrix
    slices: dict[str, sparse.csr_matrix]

    def select_users(self, rows: IntArray) -> EvaluationSplit:
        """Select some of the users by their rows."""
        return EvaluationSplit(
            self.past,
            self.users[rows],
            self.relevant[rows],
            self.candidates,
            self.exclude[rows],
            {name: matrix[rows] for name, matrix in self.slices.items()},
        )


def make_evaluation_split(
    data: Dataset,
    start: int,
    end: int,
    *,
    trained_until: int,
    launch_days: int = 7,
    max_users: int | None = None,
    seed: int = 0,
) -> EvaluationSplit:
    """Make the evaluation split of the window `[start, end)`.

    Args:
        data: Everything known now.
        start: First second of the window, since 1970 UTC; models see nothing at or after it.
        end: First second after it.
        trained_until: Second before which events were in training; items without an event there are cold.
        launch_days: Length of an item's launch week.
        max_users: At most this many users, drawn with the seed; None takes all.
        seed: Seed of the draw.
    """
    past = data.until(start)
    # Sellable is what is so now or was chosen in the window: stock of an earlier day is not known.
    window = data.interactions.between(start, end).positive()
    sold = np.zeros(len(data.catalogue), bool)
    sold[window.item] = True
    candidates = (data.catalogue.released_at < start) & (data.catalogue.is_sellable | sold)
    owned = _find_owned(past)
    chosen = _build_pair_matrix(window.user, window.item, owned.shape)
    # What a user owned or what was not on sale cannot be recommended, so no model is measured by it.
    chosen = _keep_columns(_remove_entries(chosen, owned), candidates)
    users = np.flatnonzero(np.diff(chosen.indptr))
    if max_users is not None and len(users) > max_users:
        users = np.sort(np.random.default_rng(seed).choice(users, max_users, replace=False))
    relevant = chosen[users].tocsr()
    relevant.sort_indices()
    return EvaluationSplit(
        past,
        users,
        relevant,
        candidates,
        owned[users],
        _build_slices(
            data,
            past,
            users,
            relevant,
            trained_until=trained_until,
            launched_after=start - launch_days * DAY_SECONDS,
        ),
    )


def _build_slices(
    data: Dataset,
    past: Dataset,
    users: IntArray,
    relevant: sparse.csr_matrix,
    *,
    trained_until: int,
    launched_after: int,
) -> dict[str, sparse.csr_matrix]:
    """Return the relevant entries of each slice: some slices are of users, some of items."""
    before = past.interactions.positive()
    is_warm = np.isin(users, before.user)
    has_queried = np.isin(users, past.queries.user)
    # Cold for the models that are measured: events between training and the window do not help them.
    trained = before.item[before.at < trained_until]
    is_cold = ~np.isin(np.arange(len(data.catalogue)), trained)
    is_launched = data.catalogue.released_at >= launched_after
    return {
        "all": relevant,
        "warm": _keep_rows(relevant, is_warm),
        "cold_item": _keep_columns(relevant, is_cold),
        "cold_user": _keep_rows(relevant, ~is_warm),
        "query_only": _keep_rows(relevant, ~is_warm & has_queried),
        "launch_week": _keep_columns(relevant, is_launched),
    }


def _find_owned(past: Dataset) -> sparse.csr_matrix:
    """Return `(users, items)`, an entry for what users own by their account, or had bought."""
    bought = past.interactions.where(past.interactions.event_type == PURCHASE)
    owners = np.flatnonzero(past.users.owned_item >= 0)
    return _build_pair_matrix(
        np.concatenate([bought.user, owners]),
        np.concatenate([bought.item, past.users.owned_item[owners]]),
        (len(past.users), len(past.catalogue)),
    )


def _build_pair_matrix(users: IntArray, items: IntArray, shape: tuple[int, int]) -> sparse.csr_matrix:
    """Return a matrix with a one at each of the pairs."""
    matrix: sparse.csr_matrix = sparse.csr_matrix(
        (np.ones(len(users), np.float32), (users, items)), shape=shape
    )
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix


def _remove_entries(matrix: sparse.csr_matrix, other: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return the matrix without the entries that the other one has; both hold ones."""
    return (matrix - matrix.multiply(other)).tocsr()


def _keep_rows(matrix: sparse.csr_matrix, keep: BoolArray) -> sparse.csr_matrix:
    """Return the matrix without the entries of the rows that are not kept."""
    kept = (sparse.diags(keep.astype(np.float32)) @ matrix).tocsr()
    kept.eliminate_zeros()
    return kept


def _keep_columns(matrix: sparse.csr_matrix, keep: BoolArray) -> sparse.csr_matrix:
    """Return the matrix without the entries of the columns that are not kept."""
    kept = (matrix @ sparse.diags(keep.astype(np.float32))).tocsr()
    kept.eliminate_zeros()
    return kept
