"""Measures the fusion model, mean of several seeds: share of the oracle, cold phones, and missing modalities.

At rung S with three seeds, unless `RUNG` and `SEEDS` set others.
"""

from __future__ import annotations

import functools
import os
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluated_nights import get_evaluated_night
from handpick.dataset.evaluation_splits import build_test_split, build_validation_split
from handpick.dataset.load import load_dataset
from handpick.night import Night
from handpick.stages.evaluate.measurement import compute_oracle_scores
from models.dataset import Dataset, FloatArray
from models.evaluation.hits import Hits, find_hits
from models.evaluation.ndcg import ndcg_at_k
from models.evaluation.recall import recall_at_k
from models.evaluation.split import EvaluationSplit
from models.member_registry import make_member
from models.recommender.factory import make_fusion_recommender
from models.topn.dense import find_top_n_in_float32, find_top_n_of_scores
from models.training.fit_options import FitOptions

RUNG = os.environ.get("RUNG", "S")
SEEDS = range(int(os.environ.get("SEEDS", "3")))
SHOPS: dict[str, dict[str, Any]] = {
    "": {},
    "easy_": {"difficulty": "easy"},
    "hard_": {"difficulty": "hard"},
    "other_": {"seed": 8},
    "third_": {"seed": 9},
}
"""Prefix of the values and parameters of each shop: the one with targets, an easier, a harder, and two with
other seeds."""
K = 20
Lists = NDArray[np.int32]


class Setup(NamedTuple):
    """The night, evaluation splits and true utilities that every measurement needs."""

    night: Night
    validation: EvaluationSplit
    test: EvaluationSplit
    truth: FloatArray


@functools.cache
def load_setup(shop: str = "") -> Setup:
    """Load the stored night of a shop, both evaluation splits and the true scores."""
    night = get_evaluated_night(RUNG, **SHOPS[shop])
    data = load_dataset(night)
    test = build_test_split(night, data)
    truth = compute_oracle_scores(night, test)
    if truth is None:
        raise RuntimeError(f"the shop of {night.settings.home} has no truth")
    return Setup(night, build_validation_split(night, data), test, truth)


def measure_oracle_share() -> dict[str, Any]:
    """Measure the shares of the oracle's NDCG@20, and cold phones' recall against `content`.

    The shares are of all users and of query-only users.

    Targets are for the first shop; the others are for comparison.
    """
    figures: dict[str, Any] = {"rung": RUNG, "seeds": len(SEEDS)}
    for shop in SHOPS:
        figures |= {shop + name: value for name, value in _measure_shop(shop).items()}
    return figures


def _measure_shop(shop: str) -> dict[str, float]:
    """Return the values of `measure_oracle_share` for one shop."""
    here = load_setup(shop)
    lists = [_make_lists(_fit_shop(seed, shop), here.test) for seed in SEEDS]
    best = make_oracle_lists(here, here.truth)
    ours = {
        part: float(np.mean([compute_slice_ndcg(here, listed, part) for listed in lists]))
        for part in ("all", "query_only")
    }
    cold = float(np.mean([_slice_recall(here, listed, "cold_item") for listed in lists]))
    content = make_member("content", here.night.settings.family).fit(here.validation.past, 0)
    neighbours = _slice_recall(here, _make_lists(content, here.test), "cold_item")
    return {
        "share_of_oracle": ours["all"] / compute_slice_ndcg(here, best, "all"),
        "cold_phones_over_content": cold / max(neighbours, 1e-9),
        "query_only_share_of_oracle": ours["query_only"] / compute_slice_ndcg(here, best, "query_only"),
        "cold_phones_recall_20": cold,
        "cold_phones_content_recall_20": neighbours,
        "ndcg_20": ours["all"],
        "oracle_ndcg_20": compute_slice_ndcg(here, best, "all"),
    }


def measure_missing_modality() -> dict[str, Any]:
    """Measure the fall of NDCG@20 when every other phone lacks one modality of its content.

    Two cases: the phones have always lacked it, or it is removed only when lists are made. For comparison,
    the fall of an oracle that does not know this modality of those phones.
    """
    here = load_setup()
    whole = _mean_ndcg(here, [_fit_shop(seed) for seed in SEEDS], here.test)
    best = compute_slice_ndcg(here, make_oracle_lists(here, here.truth), "all")
    all_along, scoring, oracles = {}, {}, {}
    for name in here.test.past.catalogue.modalities:
        gap = replace(here.test, past=_mask_every_other(here.test.past, name))
        learned = replace(here.validation, past=_mask_every_other(here.validation.past, name))
        all_along[name] = (
            1 - _mean_ndcg(here, [_fit_fusion(here, learned, seed) for seed in SEEDS], gap) / whole
        )
        scoring[name] = 1 - _mean_ndcg(here, [_fit_shop(seed) for seed in SEEDS], gap) / whole
        blind = compute_oracle_scores(here.night, here.test, without=(name,))
        assert blind is not None
        # The oracle is blind to the modality for the same half of the phones that lack it.
        half = np.where(np.arange(blind.shape[1]) % 2 == 0, blind, here.truth)
        oracles[name] = 1 - compute_slice_ndcg(here, make_oracle_lists(here, half), "all") / best
    return {
        "largest_fall": max(all_along.values()),
        "largest_fall_at_scoring": max(scoring.values()),
        **{f"fall_{name}": fall for name, fall in all_along.items()},
        **{f"fall_at_scoring_{name}": fall for name, fall in scoring.items()},
        **{f"oracle_fall_{name}": fall for name, fall in oracles.items()},
        "rung": RUNG,
        "seeds": len(SEEDS),
    }


def _mean_ndcg(here: Setup, models: list[Any], test: EvaluationSplit) -> float:
    """Return the mean NDCG@20 of some models' lists over all users."""
    return float(np.mean([compute_slice_ndcg(here, _make_lists(model, test), "all") for model in models]))


def make_oracle_lists(here: Setup, truth: FloatArray) -> Lists:
    """Return the best lists by expected opens, among the test users' candidates."""
    return find_top_n_of_scores(truth, K, here.test.exclude, here.test.candidates)


@functools.cache
def _fit_shop(seed: int, shop: str = "") -> Any:
    here = load_setup(shop)
    return _fit_fusion(here, here.validation, seed)


def _fit_fusion(here: Setup, validation: EvaluationSplit, seed: int) -> Any:
    """Return the fusion model as configured, trained with one seed."""
    settings = here.night.settings
    return make_fusion_recommender(settings.fusion, settings.training).fit(
        validation.past, seed, FitOptions(validation)
    )


def _make_lists(model: Any, test: EvaluationSplit) -> Lists:
    return find_top_n_in_float32(model.factors(test.past, test.users), K, test.exclude, test.candidates)


def compute_slice_ndcg(here: Setup, lists: Lists, part: str) -> float:
    """Return the mean NDCG@20 over the users of a slice."""
    return float(ndcg_at_k(_match_slice(here, lists, part), K).mean())


def _slice_recall(here: Setup, lists: Lists, part: str) -> float:
    return float(recall_at_k(_match_slice(here, lists, part), K).mean())


def _match_slice(here: Setup, lists: Lists, part: str) -> Hits:
    """Match the lists of a slice's users with their relevant phones."""
    relevant = here.test.slices[part]
    users = np.flatnonzero(np.diff(relevant.indptr))
    return find_hits(lists[users], relevant[users])


def _mask_every_other(data: Dataset, name: str) -> Dataset:
    """Return the data with a modality missing for every other phone."""
    gap = data.catalogue.modalities[name].masked(np.arange(len(data.catalogue)) % 2 == 0)
    return replace(
        data, catalogue=replace(data.catalogue, modalities={**data.catalogue.modalities, name: gap})
    )
