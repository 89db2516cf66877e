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

from benchmarks.evaluated_nights import evaluated
from handpick.dataset.load import load_dataset
from handpick.dataset.splits import test_exam, validation_exam
from handpick.night import Night
from handpick.stages.evaluate.measurement import oracle
from models.data import Dataset, FloatArray
from models.evaluation.lists import Judged, judge
from models.evaluation.ndcg import ndcg
from models.evaluation.recall import recall
from models.evaluation.split import Exam
from models.family import make as make_member
from models.recommender.factory import make
from models.topn.dense import top_lists, top_of_scores
from models.training.options import Plan

RUNG = os.environ.get("RUNG", "S")
SEEDS = range(int(os.environ.get("SEEDS", "3")))
SHOPS: dict[str, dict[str, Any]] = {
    "": {},
    "easy_": {"difficulty": "easy"},
    "hard_": {"difficulty": "hard"},
    "other_": {"seed": 8},
    "third_": {"seed": 9},
}
"""Prefix of the values and parameters of each shop: the one with targets, an easier, a harder, and two with other seeds."""
K = 20
Lists = NDArray[np.int32]


class Ground(NamedTuple):
    """The night, evaluation splits and true utilities that every measurement needs."""

    night: Night
    validation: Exam
    test: Exam
    truth: FloatArray


@functools.cache
def ground(shop: str = "") -> Ground:
    """Load the stored night of a shop, both evaluation splits and the true scores."""
    night = evaluated(RUNG, **SHOPS[shop])
    data = load_dataset(night)
    test = test_exam(night, data)
    truth = oracle(night, test)
    if truth is None:
        raise RuntimeError(f"the shop of {night.settings.home} has no truth")
    return Ground(night, validation_exam(night, data), test, truth)


def fusion_oracle() -> dict[str, Any]:
    """Measure the shares of the oracle's NDCG@20 for all and for query-only users, and cold phones against `content`.

    Targets are for the first shop; the others are for comparison.
    """
    figures: dict[str, Any] = {"rung": RUNG, "seeds": len(SEEDS)}
    for shop in SHOPS:
        figures |= {shop + name: value for name, value in _shares(shop).items()}
    return figures


def _shares(shop: str) -> dict[str, float]:
    """Return the values of `fusion_oracle` for one shop."""
    here = ground(shop)
    lists = [_lists(_fusion(seed, shop), here.test) for seed in SEEDS]
    best = oracle_lists(here, here.truth)
    ours = {
        part: float(np.mean([ndcg_of(here, listed, part) for listed in lists]))
        for part in ("all", "query_only")
    }
    cold = float(np.mean([_recall(here, listed, "cold_item") for listed in lists]))
    content = make_member("content", here.night.settings.family).fit(here.validation.past, 0)
    neighbours = _recall(here, _lists(content, here.test), "cold_item")
    return {
        "share_of_oracle": ours["all"] / ndcg_of(here, best, "all"),
        "cold_phones_over_content": cold / max(neighbours, 1e-9),
        "query_only_share_of_oracle": ours["query_only"] / ndcg_of(here, best, "query_only"),
        "cold_phones_recall_20": cold,
        "cold_phones_content_recall_20": neighbours,
        "ndcg_20": ours["all"],
        "oracle_ndcg_20": ndcg_of(here, best, "all"),
    }


def missing_modality() -> dict[str, Any]:
    """Measure the fall of NDCG@20 when every other phone lacks one modality of its content.

    Two cases: the phones have always lacked it, or it is removed only when lists are made. For comparison, the fall of an
    oracle that does not know this modality of those phones.
    """
    here = ground()
    whole = _mean(here, [_fusion(seed) for seed in SEEDS], here.test)
    best = ndcg_of(here, oracle_lists(here, here.truth), "all")
    all_along, scoring, oracles = {}, {}, {}
    for name in here.test.past.catalogue.modalities:
        gap = replace(here.test, past=_halved(here.test.past, name))
        learned = replace(here.validation, past=_halved(here.validation.past, name))
        all_along[name] = 1 - _mean(here, [_fitted(here, learned, seed) for seed in SEEDS], gap) / whole
        scoring[name] = 1 - _mean(here, [_fusion(seed) for seed in SEEDS], gap) / whole
        blind = oracle(here.night, here.test, without=(name,))
        assert blind is not None
        half = np.where(np.arange(blind.shape[1]) % 2 == 0, blind, here.truth)
        oracles[name] = 1 - ndcg_of(here, oracle_lists(here, half), "all") / best
    return {
        "largest_fall": max(all_along.values()),
        "largest_fall_at_scoring": max(scoring.values()),
        **{f"fall_{name}": fall for name, fall in all_along.items()},
        **{f"fall_at_scoring_{name}": fall for name, fall in scoring.items()},
        **{f"oracle_fall_{name}": fall for name, fall in oracles.items()},
        "rung": RUNG,
        "seeds": len(SEEDS),
    }


def _mean(here: Ground, models: list[Any], test: Exam) -> float:
    """Return the mean NDCG@20 of some models' lists over all users."""
    return float(np.mean([ndcg_of(here, _lists(model, test), "all") for model in models]))


def oracle_lists(here: Ground, truth: FloatArray) -> Lists:
    """Return the best lists by expected opens, among the test users' candidates."""
    return top_of_scores(truth.copy(), K, here.test.exclude, here.test.candidates)


@functools.cache
def _fusion(seed: int, shop: str = "") -> Any:
    here = ground(shop)
    return _fitted(here, here.validation, seed)


def _fitted(here: Ground, validation: Exam, seed: int) -> Any:
    """Return the fusion model as configured, trained with one seed."""
    settings = here.night.settings
    return make(settings.fusion, settings.training).fit(validation.past, seed, Plan(validation))


def _lists(model: Any, test: Exam) -> Lists:
    return top_lists(model.factors(test.past, test.users), K, test.exclude, test.candidates)


def ndcg_of(here: Ground, lists: Lists, part: str) -> float:
    """Return the mean NDCG@20 over the users of a slice."""
    return float(ndcg(_judged(here, lists, part), K).mean())


def _recall(here: Ground, lists: Lists, part: str) -> float:
    return float(recall(_judged(here, lists, part), K).mean())


def _judged(here: Ground, lists: Lists, part: str) -> Judged:
    """Match the lists of a slice's users with their relevant phones."""
    relevant = here.test.slices[part]
    users = np.flatnonzero(np.diff(relevant.indptr))
    return judge(lists[users], relevant[users])


def _halved(data: Dataset, name: str) -> Dataset:
    """Return the data with a modality missing for every other phone."""
    gap = data.catalogue.modalities[name].masked(np.arange(len(data.catalogue)) % 2 == 0)
    return replace(
        data, catalogue=replace(data.catalogue, modalities={**data.catalogue.modalities, name: gap})
    )
