"""Candidate generation: each user's best allowed phones, from which re-ranking makes the list."""

from __future__ import annotations

from collections.abc import Collection

from scipy import sparse

from handpick.stages.score.rules import Rules
from handpick.stages.score.topn_engines import Engine
from models.dataset import IntArray
from models.recommender_interface import Factors
from models.topn.exact import TopN, find_top_n


def find_candidates(
    factors: Factors,
    rules: Rules,
    users: IntArray,
    size: int,
    *,
    relaxed: Collection[str] = (),
    taken: sparse.csr_matrix | None = None,
    engine: Engine = find_top_n,
) -> TopN:
    """Find the best allowed phones of some users.

    Args:
        factors: Factors of these users and the whole catalogue.
        rules: The night's rules.
        users: Indices into the dataset's users.
        size: Candidates for each user.
        relaxed: Names of rules that are not applied.
        taken: `(len(users), items)`, an entry for each phone that is already on the user's list.
        engine: Runs the top-N.

    Returns:
        `(len(users), size)`, rows in the order of `users`.
    """
    kind_of, allowed = rules.find_allowed_by_kind(relaxed)
    excluded = rules.find_excluded_pairs(relaxed)[users]
    if taken is not None:
        excluded = (excluded + taken).tocsr()
    return engine(factors, size, exclude=excluded, allowed=allowed, kind=kind_of[users])
