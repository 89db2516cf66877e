"""Loads public user-item pairs and builds datasets of them for the family's members."""

from __future__ import annotations

import numpy as np
import pyarrow.csv as pc
import pyarrow.parquet as pq
from scipy import sparse

from benchmarks.benchmark import DATA
from models.dataset import BoolArray, Catalogue, Dataset, Interactions, Queries, Users


def load_movielens() -> Interactions:
    """Load MovieLens-100k, every rating as one preference, sorted by user and time."""
    table = pc.read_csv(
        DATA / "movielens-100k" / "ml-100k.inter", parse_options=pc.ParseOptions(delimiter="\t")
    )
    columns = {name.split(":")[0]: table[name].to_numpy() for name in table.column_names}
    user = np.unique(columns["user_id"], return_inverse=True)[1].astype(np.int64)
    item = np.unique(columns["item_id"], return_inverse=True)[1].astype(np.int64)
    at = columns["timestamp"].astype(np.int64)
    order = np.lexsort((item, at, user))
    return Interactions(
        user[order],
        item[order],
        np.full(len(user), 1, np.int8),
        np.ones(len(user), np.float32),
        at[order],
    )


def compute_relative_positions(events: Interactions) -> np.ndarray:
    """Return each event's relative position in its user's history, `(events,)`, from 0 to below 1."""
    place = np.arange(len(events)) - np.searchsorted(events.user, events.user)
    return np.asarray(place / np.bincount(events.user)[events.user])


def load_gowalla(part: str) -> Interactions:
    """Load the `train` or `test` pairs of Gowalla (the LightGCN split); it has no times."""
    table = pq.read_table(DATA / "gowalla" / f"{part}.parquet")
    user, item = (table[name].to_numpy().astype(np.int64) for name in ("user_id", "item_id"))
    order = np.lexsort((item, user))
    ones = np.ones(len(user), np.float32)
    return Interactions(
        user[order], item[order], np.full(len(user), 1, np.int8), ones, np.zeros(len(user), np.int64)
    )


def build_dataset(events: Interactions, users: int, items: int) -> Dataset:
    """Return a dataset with these preferences and no content, queries or user attributes."""
    nothing = np.zeros((0,), np.int64)
    width = len(str(max(users, items)))
    return Dataset(
        Catalogue(
            np.array([f"{n:0{width}d}" for n in range(items)]),
            {},
            np.zeros(items, np.float32),
            np.full(items, ""),
            np.zeros(items, np.int64),
            np.ones(items, bool),
            np.zeros((items, 0), np.float32),
        ),
        Users(
            np.array([f"{n:0{width}d}" for n in range(users)]),
            np.zeros((users, 0), np.float32),
            (),
            np.full(users, ""),
            np.full(users, ""),
            np.full(users, -1),
            np.zeros(users, np.int64),
            np.ones(users, bool),
        ),
        events,
        Queries(nothing, nothing, {}, nothing.astype(str), nothing.astype(str)),
        as_of=int(events.at.max()) + 1,
    )


def build_matrix(events: Interactions, keep: BoolArray, shape: tuple[int, int]) -> sparse.csr_matrix:
    """Return a matrix of a shape with a one for each pair selected by `keep`."""
    found = sparse.csr_matrix(
        (np.ones(int(keep.sum()), np.float32), (events.user[keep], events.item[keep])), shape=shape
    )
    found.data[:] = 1
    return found
