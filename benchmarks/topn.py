"""Compares the exact top-20 with implicit's `recommend` and the bare float32 product, in one run.

Factors are ALS factors of Gowalla (29,858 × 40,981, d = 128); seen items are excluded. For rung L (1 million
users, 50 thousand phones) a block of users is scored, since every user costs the same: Gowalla's factors,
resampled with noise.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import torch
from implicit.als import AlternatingLeastSquares
from scipy import sparse
from threadpoolctl import threadpool_limits

from benchmarks.demo_shops import get_kept_folder
from benchmarks.gowalla import read_pairs
from models.dataset import FloatArray, IntArray
from models.recommender_interface import Factors
from models.topn.exact import find_top_n
from models.topn.first_pass import describe_choice, find_fastest_first_pass, list_first_passes
from models.topn.pair_scores import compute_exact_scores

N, DIM = 20, 128
RUNS = int(os.environ.get("RUNS", "3"))
CHECKED_USERS = 200
L_USERS, L_ITEMS = 20_000, 50_000
PRODUCT_ROWS = 1024
FAST_PRODUCTS = ("vpdpbusd", "sdot")
"""Instructions with which the top-N may take 0.6 of the bare product; without them, as long as it."""


def measure() -> dict[str, Any]:
    """Measure the seconds of all three, the ratios (medians over runs), and differences from brute force."""
    seen = read_pairs("train")
    factors = load_gowalla_factors(DIM)
    large = draw_rung_l_factors(factors)
    nothing = sparse.csr_matrix((len(large.users), len(large.items))).astype(np.float32)
    choice = find_fastest_first_pass()
    names = [one.name for one in list_first_passes(DIM)]
    for name in names:  # compile before timing
        find_top_n(Factors(factors.users[:300], factors.items), N, exclude=seen[:300], first_pass=name)
    measured = {**_compare(factors, seen, names, ""), **_compare(large, nothing, names, "l_")}
    allowed = 0.6 if choice.name.startswith(FAST_PRODUCTS) else 1.0
    return {
        **measured,
        **{f"{prefix}of_allowed": measured[f"{prefix}of_product"] / allowed for prefix in ("", "l_")},
        "first_pass": choice.name,
        "choice": describe_choice(choice),
        "differences": sum(
            count_differences(some, excluded, name)
            for some, excluded in ((factors, seen), (large, nothing))
            for name in names
        ),
        "l_users": L_USERS,
        "l_items": L_ITEMS,
        "threads": torch.get_num_threads(),
        "runs": RUNS,
    }


def _compare(factors: Factors, seen: sparse.csr_matrix, names: list[str], prefix: str) -> dict[str, float]:
    """Return the seconds of all three and the ratios, medians over alternating runs.

    Also of the top-N with each of its first passes.
    """
    model = AlternatingLeastSquares(factors=factors.users.shape[1], num_threads=torch.get_num_threads())
    # Given factors instead of a fit: only `recommend` is timed.
    model.user_factors, model.item_factors = factors
    everybody = np.arange(len(factors.users))
    runs = [
        {
            "ours": time_call(lambda: find_top_n(factors, N, exclude=seen)),
            "implicit": time_call(lambda: run_implicit(model, everybody, seen)),
            "product": time_call(lambda: run_product(factors)),
            **{
                name: time_call(partial(find_top_n, factors, N, exclude=seen, first_pass=name))
                for name in names
            },
        }
        for _ in range(RUNS)
    ]
    return {
        f"{prefix}of_implicit": median(run["ours"] / run["implicit"] for run in runs),
        f"{prefix}of_product": median(run["ours"] / run["product"] for run in runs),
        **{
            f"{prefix}{name}_of_{other}": median(run[name] / run[other] for run in runs)
            for name in names
            for other in ("product", "implicit")
        },
        **{f"{prefix}{name}_s": median(run[name] for run in runs) for name in runs[0]},
    }


def time_call(body: Callable[[], Any]) -> float:
    """Return the wall seconds of a call."""
    began = time.perf_counter()
    body()
    return time.perf_counter() - began


def run_implicit(model: AlternatingLeastSquares, users: IntArray, seen: sparse.csr_matrix) -> None:
    """Compute implicit's lists, with one BLAS thread for each of its own threads, as implicit recommends."""
    with threadpool_limits(1, "blas"):
        model.recommend(users, seen, N, filter_already_liked_items=True)


def load_gowalla_factors(dim: int) -> Factors:
    """Return implicit's ALS factors of Gowalla's training pairs, fitted once and kept in a temporary file."""
    file = get_kept_folder() / f"gowalla-als-{dim}.npz"
    if not file.exists():
        model = AlternatingLeastSquares(factors=dim, iterations=15, random_state=7)
        model.fit(read_pairs("train"), show_progress=False)
        np.savez(file, users=model.user_factors, items=model.item_factors)
    with np.load(file) as kept:
        return Factors(kept["users"], kept["items"])


def draw_rung_l_factors(factors: Factors) -> Factors:
    """Return factors of a block of users and of all phones of rung L."""
    random = np.random.default_rng(1)

    def drawn(rows: FloatArray, count: int) -> FloatArray:
        chosen = rows[random.integers(0, len(rows), count)]
        return (chosen + rows.std() * 0.3 * random.standard_normal(chosen.shape)).astype(np.float32)

    return Factors(drawn(factors.users, L_USERS), drawn(factors.items, L_ITEMS))


def run_product(factors: Factors) -> None:
    """Compute every score once, in blocks of users, into the same memory."""
    users, items = torch.from_numpy(factors.users), torch.from_numpy(factors.items).T
    out = torch.empty(PRODUCT_ROWS, items.shape[1])
    for start in range(0, len(users), PRODUCT_ROWS):
        block = users[start : start + PRODUCT_ROWS]
        torch.mm(block, items, out=out[: len(block)])


def count_differences(factors: Factors, seen: sparse.csr_matrix, first_pass: str) -> int:
    """Count the ranks of some random users' lists that differ from scoring and sorting everything."""
    users = np.random.default_rng(2).choice(len(factors.users), CHECKED_USERS, replace=False)
    items = np.arange(len(factors.items))
    found = find_top_n(
        Factors(factors.users[users], factors.items), N, exclude=seen[users], first_pass=first_pass
    )
    wrong = 0
    for row, user in enumerate(users.tolist()):
        scores = compute_exact_scores(factors.users, factors.items, np.full(len(items), user), items)
        scores[seen[user].indices] = -np.inf
        best = np.lexsort((items, -scores))[:N]
        wrong += int((found.items[row] != best).sum() + (found.scores[row] != scores[best]).sum())
    return wrong
