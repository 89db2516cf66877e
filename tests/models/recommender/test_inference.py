"""Inference on the user's vector: its steps climb the likelihood of what a user chose, and look at nothing else."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from models.config import FusionConfig
from models.data import Dataset, Interactions
from models.evaluation.split import Exam
from models.network.iterative_inference import CHOSEN, KINDS, OWNED, SHOWN, Evidence, Inference, Trace
from models.network.user_sequences import IMPRESSION, tell
from models.recommender import FusionRecommender, recommender
from tests.models.recommender.conftest import CONFIG, TRAINING

DIM, ITEMS = 8, 30
ONE = torch.tensor(1.0)


@pytest.fixture
def phones() -> Tensor:
    torch.manual_seed(0)
    return torch.randn(ITEMS, DIM)


def trace(*lists: list[int]) -> Trace:
    """Each asker's phones."""
    start = np.cumsum([0, *(len(one) for one in lists)])[:-1]
    return Trace(
        torch.tensor([item for one in lists for item in one], dtype=torch.int64), torch.tensor(start)
    )


def evidence(chosen: Trace, shown: Trace | None = None, owned: Trace | None = None) -> Evidence:
    nothing = chosen.none(len(chosen.start))
    return Evidence(chosen, shown or nothing, owned or nothing)


def moved(steps: Inference, known: Evidence, phones: Tensor, rest: Tensor | None = None) -> Tensor:
    """From a guess of nothing."""
    askers = len(known.chosen.start)
    return steps(
        torch.zeros(askers, DIM),
        known,
        phones,
        phones,
        torch.zeros(askers, len(phones)) if rest is None else rest,
        ONE,
    )


def likelihood(vectors: Tensor, chosen: Trace, phones: Tensor) -> Tensor:
    """`(n,)` the mean log-likelihood of what each chose."""
    scores = (vectors @ phones.T).log_softmax(1)
    ends = [*chosen.start[1:].tolist(), len(chosen.items)]
    return torch.stack(
        [
            scores[row, chosen.items[start:end]].mean()
            for row, (start, end) in enumerate(zip(chosen.start.tolist(), ends, strict=True))
        ]
    )


def test_each_step_makes_what_was_chosen_likelier(phones: Tensor) -> None:
    chosen = trace([1, 2, 2, 5], [7], [20, 21, 22, 23, 24, 25])
    values = [
        likelihood(moved(Inference(DIM, steps), evidence(chosen), phones), chosen, phones)
        for steps in range(4)
    ]
    for before, after in pairwise(values):
        assert (after > before + 1e-3).all()


def test_a_step_is_the_gradient_of_the_log_likelihood_shrunk_by_how_little_is_known(phones: Tensor) -> None:
    chosen = trace([3, 4, 4])
    one = Inference(DIM, 1, (CHOSEN,))
    vectors = torch.zeros(1, DIM, requires_grad=True)
    (gradient,) = torch.autograd.grad(3 * likelihood(vectors, chosen, phones).sum(), vectors)
    half = one.log_half.exp()[0, 0]
    assert torch.allclose(moved(one, evidence(chosen), phones), 0.5 * gradient / (3 + half), atol=1e-5)


def test_who_did_nothing_keeps_the_guess_and_nobody_changes_anybody_else(phones: Tensor) -> None:
    steps = Inference(DIM, 3)
    both = moved(steps, evidence(trace([], [1, 2])), phones)
    assert torch.equal(both[0], torch.zeros(DIM))
    assert torch.allclose(both[1:], moved(steps, evidence(trace([1, 2])), phones), atol=1e-6)


def test_a_phone_that_could_not_be_chosen_is_no_alternative_and_gradients_stay_finite(phones: Tensor) -> None:
    steps, rest = Inference(DIM, 2), torch.zeros(1, ITEMS)
    rest[:, 10:] = -1e4
    known = evidence(trace([1, 2]), shown=trace([3]), owned=trace([4]))
    barred = moved(steps, known, phones, rest)
    alone = steps(torch.zeros(1, DIM), known, phones, phones[:10], torch.zeros(1, 10), ONE)
    assert torch.allclose(barred, alone, atol=1e-5)
    barred.sum().backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in steps.parameters())


def test_kinds_that_are_left_out_are_not_looked_at(phones: Tensor) -> None:
    known = evidence(trace([1, 2]), shown=trace([3]), owned=trace([4]))
    for kind in KINDS:
        steps = Inference(DIM, 2, tuple(other for other in KINDS if other != kind))
        without = known._replace(**{kind: known.chosen.none(1)})
        assert torch.equal(moved(steps, known, phones), moved(steps, without, phones))
    assert torch.equal(moved(Inference(DIM, 2, ()), known, phones), torch.zeros(1, DIM))


def test_evidence_of_some_askers_and_of_newcomers_among_them() -> None:
    known = evidence(trace([1, 2], [], [5]), shown=trace([], [3], []), owned=trace([9], [], [8]))
    rows = torch.tensor([2, 0])
    taken = known.chosen.take(rows)
    assert taken.items.tolist() == [5, 1, 2] and taken.start.tolist() == [0, 1]
    new = known.of_newcomers(rows)
    assert not len(new.chosen.items) and not len(new.shown.items)
    assert new.owned.items.tolist() == [8, 9] and new.owned.counts().tolist() == [1, 1]


def shown_and_owned(data: Dataset) -> Dataset:
    """Every other choice came from a slate of three, two minutes before; every other user came with a phone."""
    events, random = data.interactions, np.random.default_rng(1)
    rows = np.repeat(np.arange(0, len(events), 2), 3)
    slates = Interactions(
        events.user[rows],
        random.integers(0, len(data.catalogue), len(rows)),
        np.full(len(rows), IMPRESSION, np.int8),
        np.zeros(len(rows), np.float32),
        events.at[rows] - 120,
    )
    parts = [np.concatenate(pair) for pair in zip(vars(events).values(), vars(slates).values(), strict=True)]
    both = Interactions(*parts)
    order = np.lexsort((both.at, both.user))
    users = len(data.users)
    owned = np.where(np.arange(users) % 2, random.integers(0, len(data.catalogue), users), -1)
    return replace(
        data,
        interactions=Interactions(*(part[order] for part in vars(both).values())),
        users=replace(data.users, owned_item=owned),
    )


def test_trails_hold_what_came_before_a_moment_the_latest_ones(data: Dataset) -> None:
    told = shown_and_owned(data)
    stories, events = tell(told), told.interactions
    shown = np.flatnonzero((events.user == 5) & (events.event_type == IMPRESSION))
    middle = events.at[shown[len(shown) // 2]]
    first, end = stories.shown.latest(np.array([5]), np.array([middle]), 3)
    expected = events.item[shown[events.at[shown] < middle]][-3:]
    assert len(expected) == 3
    assert stories.shown.item[first[0] : end[0]].tolist() == expected.tolist()


def test_lists_rest_on_what_users_were_shown_and_what_they_own(data: Dataset) -> None:
    told = shown_and_owned(data)
    model = FusionRecommender(CONFIG, TRAINING.model_copy(update={"epochs": 1})).fit(told, 1)
    users = np.arange(len(told.users))
    scores = model.score(told, users)

    def moved_by(change: Dataset) -> np.ndarray:
        return np.asarray(np.abs(model.score(change, users) - scores).max(1) > 1e-3)

    events = told.interactions
    seen = np.bincount(events.user[events.event_type == IMPRESSION], minlength=len(users)) > 0
    no_slates = replace(told, interactions=events.where(events.event_type != IMPRESSION))
    assert moved_by(no_slates)[seen].mean() > 0.9
    assert not moved_by(no_slates)[~seen].any()
    owned = told.users.owned_item
    no_phones = replace(told, users=replace(told.users, owned_item=np.full_like(owned, -1)))
    assert moved_by(no_phones)[owned >= 0].mean() > 0.9
    assert not moved_by(no_phones)[owned < 0].any()


def test_expectations_over_every_second_phone_give_nearly_the_same_lists(
    model: FusionRecommender, validation: Exam, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = model.score(validation.past, validation.users)
    monkeypatch.setattr(recommender, "EXPECTED", len(validation.past.catalogue) // 2)
    half = model.score(validation.past, validation.users)
    assert not np.array_equal(half, whole)
    agreement = [np.corrcoef(a, b)[0, 1] for a, b in zip(half, whole, strict=True)]
    assert np.mean(agreement) > 0.9


def test_without_behaviour_only_the_owned_phone_is_looked_at(validation: Exam) -> None:
    config = FusionConfig(**{**CONFIG.model_dump(), "without": ("behaviour",)})
    model = FusionRecommender(config, TRAINING.model_copy(update={"epochs": 1})).fit(validation.past, 1)
    assert model.network is not None and model.network.inference.kinds == (OWNED,)
    assert SHOWN not in model.network.inference.turn
