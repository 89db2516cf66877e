"""The inference steps: each increases the likelihood of what a user chose, and uses nothing but the evidence given."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from models.network.iterative_inference import (
    CHOSEN,
    EVIDENCE_KINDS,
    Evidence,
    ItemBags,
    IterativeInference,
)

DIM, ITEMS = 8, 30
ONE = torch.tensor(1.0)


@pytest.fixture
def phones() -> Tensor:
    torch.manual_seed(0)
    return torch.randn(ITEMS, DIM)


def bags(*lists: list[int]) -> ItemBags:
    """Return bags of each user's phones."""
    start = np.cumsum([0, *(len(one) for one in lists)])[:-1]
    return ItemBags(
        torch.tensor([item for one in lists for item in one], dtype=torch.int64), torch.tensor(start)
    )


def evidence(chosen: ItemBags, shown: ItemBags | None = None, owned: ItemBags | None = None) -> Evidence:
    nothing = chosen.empty(len(chosen.start))
    return Evidence(chosen, shown or nothing, owned or nothing)


def moved(steps: IterativeInference, known: Evidence, phones: Tensor, rest: Tensor | None = None) -> Tensor:
    """Return the vectors that the steps reach from a guess of zero."""
    users = len(known.chosen.start)
    return steps(
        torch.zeros(users, DIM),
        known,
        phones,
        phones,
        torch.zeros(users, len(phones)) if rest is None else rest,
        ONE,
    )


def likelihood(vectors: Tensor, chosen: ItemBags, phones: Tensor) -> Tensor:
    """Return `(n,)` the mean log-likelihood of what each user chose."""
    scores = (vectors @ phones.T).log_softmax(1)
    ends = [*chosen.start[1:].tolist(), len(chosen.items)]
    return torch.stack(
        [
            scores[row, chosen.items[start:end]].mean()
            for row, (start, end) in enumerate(zip(chosen.start.tolist(), ends, strict=True))
        ]
    )


def test_each_step_makes_what_was_chosen_likelier(phones: Tensor) -> None:
    chosen = bags([1, 2, 2, 5], [7], [20, 21, 22, 23, 24, 25])
    values = [
        likelihood(moved(IterativeInference(DIM, steps), evidence(chosen), phones), chosen, phones)
        for steps in range(4)
    ]
    for before, after in pairwise(values):
        assert (after > before + 1e-3).all()


def test_a_step_is_the_gradient_of_the_log_likelihood_shrunk_by_how_little_is_known(phones: Tensor) -> None:
    chosen = bags([3, 4, 4])
    one = IterativeInference(DIM, 1, (CHOSEN,))
    vectors = torch.zeros(1, DIM, requires_grad=True)
    (gradient,) = torch.autograd.grad(3 * likelihood(vectors, chosen, phones).sum(), vectors)
    half = one.log_half.exp()[0, 0]
    assert torch.allclose(moved(one, evidence(chosen), phones), 0.5 * gradient / (3 + half), atol=1e-5)


def test_a_user_without_events_keeps_the_guess_and_users_do_not_affect_each_other(phones: Tensor) -> None:
    steps = IterativeInference(DIM, 3)
    both = moved(steps, evidence(bags([], [1, 2])), phones)
    assert torch.equal(both[0], torch.zeros(DIM))
    assert torch.allclose(both[1:], moved(steps, evidence(bags([1, 2])), phones), atol=1e-6)


def test_a_phone_that_could_not_be_chosen_is_no_alternative_and_gradients_stay_finite(phones: Tensor) -> None:
    steps, rest = IterativeInference(DIM, 2), torch.zeros(1, ITEMS)
    rest[:, 10:] = -1e4
    known = evidence(bags([1, 2]), shown=bags([3]), owned=bags([4]))
    excluded = moved(steps, known, phones, rest)
    alone = steps(torch.zeros(1, DIM), known, phones, phones[:10], torch.zeros(1, 10), ONE)
    assert torch.allclose(excluded, alone, atol=1e-5)
    excluded.sum().backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in steps.parameters())


def test_kinds_that_are_left_out_are_not_used(phones: Tensor) -> None:
    known = evidence(bags([1, 2]), shown=bags([3]), owned=bags([4]))
    for kind in EVIDENCE_KINDS:
        steps = IterativeInference(DIM, 2, tuple(other for other in EVIDENCE_KINDS if other != kind))
        without = known._replace(**{kind: known.chosen.empty(1)})
        assert torch.equal(moved(steps, known, phones), moved(steps, without, phones))
    assert torch.equal(moved(IterativeInference(DIM, 2, ()), known, phones), torch.zeros(1, DIM))


def test_evidence_of_some_users_and_of_the_same_as_newcomers() -> None:
    known = evidence(bags([1, 2], [], [5]), shown=bags([], [3], []), owned=bags([9], [], [8]))
    rows = torch.tensor([2, 0])
    taken = known.chosen.take(rows)
    assert taken.items.tolist() == [5, 1, 2] and taken.start.tolist() == [0, 1]
    new = known.as_newcomers(rows)
    assert not len(new.chosen.items) and not len(new.shown.items)
    assert new.owned.items.tolist() == [8, 9] and new.owned.counts().tolist() == [1, 1]
