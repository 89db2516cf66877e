"""Cohorts: users whom the model scores, and users who get popular phones.

The second kind are users of whom nothing is known, or who did not consent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from handpick.stages.score.item_metadata import encode_one_hot
from handpick.stages.score.list_generation import make_lists
from handpick.stages.score.list_plan import ListPlan
from handpick.stages.score.rerank import RerankedLists, mark_boosted
from handpick.stages.score.scorer import Scorer, split_into_blocks
from models.dataset import BoolArray, FloatArray, IntArray, StringArray
from models.recommender_interface import Factors
from models.topn.pair_scores import compute_exact_scores

POPULARITY = "popularity"
KeepFacts = Callable[[IntArray, StringArray, Factors | None], None]
"""Keeps what a block of lists was made of."""


@dataclass(frozen=True)
class Cohort:
    """Users with the same kind of scores, and their finished lists.

    Args:
        users: Indices into the dataset's users, ascending.
        sources: `(users,)` names of the models that scored them.
        lists: Their lists.
        scores: `(users, n) float32`, exact; 0 after the end of a list.
        is_added: `(users, n) bool`, places that were filled by relaxing rules.
        held_back: Number of pairs that the maximum per brand kept off lists.
    """

    users: IntArray
    sources: StringArray
    lists: RerankedLists
    scores: FloatArray
    is_added: BoolArray
    held_back: int


def make_cohorts(
    plan: ListPlan,
    scorer: Scorer,
    by_country: FloatArray,
    some_users: IntArray | None = None,
    keep: KeepFacts | None = None,
) -> list[Cohort]:
    """Make the lists of users: by the model, or by popularity.

    Popularity is used without consent, and for users whom no member can score.

    At most the factors of `scoring_batch_users` users are in memory at once.

    Args:
        plan: The night's rules, settings and catalogue.
        scorer: The model.
        by_country: `(countries, items)` popularity.
        some_users: Indices into the dataset's users, ascending; all by default.
        keep: Called with each block's users, the names of their models, and their factors (None for lists by
            popularity).
    """
    data, size = plan.shop.data, plan.score_settings.scoring_batch_users
    all_users = np.arange(len(data.users)) if some_users is None else some_users
    source = np.full(len(data.users), "", object)
    for some in split_into_blocks(all_users, size):
        source[some] = scorer.name_sources(data, some)
    source = source.astype(str)
    by_model = all_users[data.users.is_consented[all_users] & (source[all_users] != "")]
    others = np.setdiff1d(all_users, by_model)
    _, country = plan.shop.countries

    # Popularity as factors, so that the same top-N, rules and re-ranking serve both cohorts.
    def popular_factors(users: IntArray) -> Factors:
        return Factors(encode_one_hot(country[users], len(by_country)), np.ascontiguousarray(by_country.T))

    found = []
    if len(by_model):
        made = []
        for some in split_into_blocks(by_model, size):
            factors = scorer.factors(data, some)
            made.append(_score_block(plan, factors, some, source[some]))
            if keep is not None:
                keep(some, source[some], factors)
        found.append(_concatenate_blocks(made))
    if len(others):
        names = np.full(len(data.users), POPULARITY)
        if keep is not None:
            keep(others, names[others], None)
        found.append(
            _concatenate_blocks(
                [
                    _score_block(plan, popular_factors(some), some, names[some])
                    for some in split_into_blocks(others, size)
                ]
            )
        )
    return found


def _score_block(plan: ListPlan, factors: Factors, users: IntArray, source: StringArray) -> Cohort:
    """Make the lists of one block of users, with exact scores by the factors without boosts."""
    made = make_lists(plan, factors, users)
    # The published score is the model's own: boosts decide the order of a list, and are left out here.
    scores = np.zeros(made.lists.items.shape, np.float32)
    row, place = np.nonzero(made.lists.items >= 0)
    scores[row, place] = compute_exact_scores(
        factors.users, factors.items, row, made.lists.items[row, place].astype(np.int64)
    )
    if plan.boosts.any():
        mark_boosted(made.lists, scores)
    return Cohort(users, source, made.lists, scores, made.is_added, made.held_back)


def _concatenate_blocks(parts: list[Cohort]) -> Cohort:
    """Concatenate the blocks of one cohort."""
    return Cohort(
        users=np.concatenate([part.users for part in parts]),
        sources=np.concatenate([part.sources for part in parts]),
        lists=RerankedLists(
            *(np.concatenate(arrays) for arrays in zip(*(part.lists for part in parts), strict=True))
        ),
        scores=np.concatenate([part.scores for part in parts]),
        is_added=np.concatenate([part.is_added for part in parts]),
        held_back=sum(part.held_back for part in parts),
    )
