"""What all members of the family share: matching by id, the user-item matrix, scores, lists, saving and loading."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, svds

from models.config import MemberConfig
from models.data import Dataset, FloatArray, IntArray, StringArray
from models.interface import Factors

DAY = 86_400
OVERSAMPLING, POWER_ITERATIONS = 32, 3
"""Of `low_rank`: directions beyond those wanted, and rounds that turn them towards the largest singular vectors."""
LANCZOS = 128
"""Singular vectors up to which they are sought one by one."""
Arrays = dict[str, NDArray[np.generic]]


def positions(known: StringArray, wanted: StringArray) -> IntArray:
    """`(wanted,) int64`: where each wanted id stands in the sorted known ids, -1 where it is not known."""
    if not len(known):
        return np.full(len(wanted), -1, np.int64)
    found = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[found] == wanted, found, -1).astype(np.int64)


def preferences(
    data: Dataset, users: IntArray, item_ids: StringArray, half_life_days: float | None
) -> sparse.csr_matrix:
    """`(users asked for, len(item_ids)) float32`: how strongly each user has shown to like each of these items.

    An entry is `log(1 + sum of weights)`, each weight halved for every half-life between it and `data.as_of`;
    a user's repeated views count, but less and less.
    """
    row_of = np.full(len(data.users), -1, np.int64)
    row_of[users] = np.arange(len(users))
    column_of = positions(item_ids, data.catalogue.item_ids)
    events = data.interactions
    rows, columns = row_of[events.user], column_of[events.item]
    keep = (rows >= 0) & (columns >= 0) & (events.weight > 0)
    weights = events.weight[keep].astype(np.float64)
    if half_life_days is not None:
        weights *= 0.5 ** ((data.as_of - events.at[keep]) / (half_life_days * DAY))
    matrix = sparse.csr_matrix((weights, (rows[keep], columns[keep])), shape=(len(users), len(item_ids)))
    matrix.sum_duplicates()
    matrix.data = np.log1p(matrix.data)
    return matrix.astype(np.float32)


def normalised(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """The matrix with rows of length 1; empty rows stay empty."""
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return (sparse.diags(1 / np.maximum(length, 1e-12)) @ matrix).tocsr().astype(np.float32)


def low_rank(
    matrix: FloatArray | sparse.csr_matrix | LinearOperator, rank: int, seed: int
) -> tuple[FloatArray, FloatArray]:
    """`left (n, rank)`, `right (m, rank)` with `left @ right.T` close to the best approximation of that rank.

    Subspace iteration from a random start (Halko, Martinsson and Tropp, SIAM Review 2011, algorithms 4.4 and 5.1). The
    matrix is only multiplied with, so beside it this needs about `3 * 8 * (n + m) * (rank + OVERSAMPLING)` bytes.
    """
    exact: Any = matrix  # scipy's stubs know a LinearOperator only as its factory
    if not isinstance(exact, LinearOperator):
        exact = exact.astype(np.float64)
    width = min(rank + OVERSAMPLING, *exact.shape)
    start = np.random.default_rng(seed).standard_normal((exact.shape[1], width))
    basis = np.linalg.qr(exact @ start)[0]
    for _ in range(POWER_ITERATIONS):
        basis = np.linalg.qr(exact.T @ basis)[0]
        basis = np.linalg.qr(exact @ basis)[0]
    turned, triangle = np.linalg.qr(exact.T @ basis)
    inner, values, outer = np.linalg.svd(triangle.T)
    right = turned @ outer[:rank].T
    signs = np.sign(right[np.abs(right).argmax(axis=0), np.arange(right.shape[1])])
    left = basis @ (inner[:, :rank] * (values[:rank] * signs))
    return left.astype(np.float32), (right * signs).astype(np.float32)


def leading_directions(matrix: sparse.csr_matrix, rank: int, seed: int) -> FloatArray:
    """`(columns, rank)`: the matrix's first right singular vectors; above `LANCZOS` of them close to that."""
    if rank > LANCZOS:
        return _subspace(matrix.astype(np.float32), rank, seed)
    start = np.random.default_rng(seed).standard_normal(min(matrix.shape))
    _, values, right = svds(matrix, k=min(rank, min(matrix.shape) - 1), v0=start)
    return np.ascontiguousarray(right[np.argsort(-values)].T, np.float32)


def _subspace(matrix: sparse.csr_matrix, rank: int, seed: int) -> FloatArray:
    """As `leading_directions`, by subspace iteration (see `low_rank`); `8 * columns * rank` bytes and as much again."""
    width = min(rank + OVERSAMPLING, *matrix.shape)
    turned = matrix.T.tocsr()
    basis: FloatArray = np.random.default_rng(seed).standard_normal((matrix.shape[1], width), np.float32)
    for _ in range(POWER_ITERATIONS):
        basis = np.linalg.qr(turned @ (matrix @ basis))[0]
    image = matrix @ basis
    vectors = np.linalg.eigh(image.T @ image)[1][:, ::-1]
    return np.ascontiguousarray(basis @ vectors[:, :rank], np.float32)


class Member:
    """A recommender that has learned arrays about known items, and scores any user by what they did.

    A member says what it learns (`learn`) and how histories become factors over the known items (`known_factors`).
    """

    name: str = ""
    settings_class: ClassVar[type[MemberConfig]] = MemberConfig

    def __init__(self, config: MemberConfig | None = None) -> None:
        self.config = config or self.settings_class()
        self.item_ids: StringArray = np.empty(0, dtype="U1")
        self.arrays: Arrays = {}

    def too_large(self, data: Dataset) -> str:  # noqa: ARG002
        """Why this member cannot learn from that much data, in words; empty where it can."""
        return ""

    def learn(self, data: Dataset, seed: int) -> Arrays:
        """The arrays learned from the data, whose items are `self.item_ids`."""
        raise NotImplementedError

    def known_factors(self, data: Dataset, users: IntArray) -> Factors:
        """Factors with one item row for each of `self.item_ids`."""
        raise NotImplementedError

    def fit(self, data: Dataset, seed: int) -> Self:
        """Learn from everything in the data; the same data and seed give the same arrays.

        A phone that nobody has liked yet is not known: it scores 0 rather than whatever a model starts from.
        """
        liked = np.unique(data.interactions.positive().item)
        self.__dict__.pop("_kept", None)  # what some members derive from arrays learned before
        self.item_ids = data.catalogue.item_ids[liked]
        self.arrays = self.learn(data, seed)
        return self

    def factors(self, data: Dataset, users: IntArray) -> Factors:
        """Factored scores for the data's whole catalogue; items without an event at fitting score 0."""
        known = self.known_factors(data, users)
        place = positions(self.item_ids, data.catalogue.item_ids)
        items = np.where((place >= 0)[:, None], known.items[np.maximum(place, 0)], np.float32(0))
        return Factors(np.ascontiguousarray(known.users, np.float32), np.ascontiguousarray(items, np.float32))

    def score(self, data: Dataset, users: IntArray) -> FloatArray:
        """`(len(users), items) float32`, higher is better."""
        factors = self.factors(data, users)
        return factors.users @ factors.items.T

    def top_n(self, data: Dataset, users: IntArray, n: int) -> IntArray:
        """`(len(users), n)`: each user's best items, best first, equal scores by id."""
        scores = self.score(data, users)
        return np.argsort(-scores, axis=1, kind="stable")[:, :n].astype(np.int64)

    def known_item_vectors(self) -> FloatArray:
        """`(len(self.item_ids), d)`: vectors whose cosine tells how alike items are to those who like them."""
        raise NotImplementedError

    def item_vectors(self, data: Dataset) -> FloatArray:
        """`(items, d)`: those vectors for the data's catalogue, 0 for items that are not known."""
        place = positions(self.item_ids, data.catalogue.item_ids)
        known = self.known_item_vectors()
        return np.where((place >= 0)[:, None], known[np.maximum(place, 0)], np.float32(0))

    def spread(self, known: FloatArray, data: Dataset) -> FloatArray:
        """`(users, items)`: scores of `self.item_ids` as scores of the data's catalogue, 0 for what is not known."""
        place = positions(self.item_ids, data.catalogue.item_ids)
        if np.array_equal(place, np.arange(known.shape[1])):
            return known
        return np.where(place >= 0, known[:, np.maximum(place, 0)], np.float32(0))

    def history(self, data: Dataset, users: IntArray) -> sparse.csr_matrix:
        """What these users did with the known items, by the member's own time decay."""
        return preferences(data, users, self.item_ids, self.config.half_life_days)

    def save(self, folder: Path) -> None:
        """Write `arrays.safetensors` and `member.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        kept = {name: np.ascontiguousarray(array) for name, array in sorted(self.arrays.items())}
        save_file(kept, folder / "arrays.safetensors")
        about = {"name": self.name, "config": self.config.model_dump(), "item_ids": self.item_ids.tolist()}
        (folder / "member.json").write_text(json.dumps(about, sort_keys=True))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what `save` wrote."""
        about = json.loads((folder / "member.json").read_text())
        member = cls(cls.settings_class.from_stored(about["config"]))
        member.name = about["name"]
        member.item_ids = np.array(about["item_ids"], dtype=str)
        member.arrays = dict(load_file(folder / "arrays.safetensors"))
        return member

    def array(self, name: str) -> FloatArray:
        """A learned array."""
        return self.arrays[name].astype(np.float32, copy=False)
