"""The sequence encoder alone (`benchmarks.next_item`): exact gradients, exact resume, and it learns."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import next_item
from benchmarks.next_item import NextItemTrainer, SampledSoftmax, Settings, encode_sequences
from benchmarks.sequence import count_repeated_targets, measure_quality

ITEMS = 40
SMALL = Settings(dim=32, layers=1, users=50, negatives=30, rate=1e-2, warm=5, dropout=0.1)


def walks(users: int, seed: int) -> list[np.ndarray]:
    """Histories in which each user walks round a ring of items, from a random place, for a random length."""
    random = np.random.default_rng(seed)
    return [
        (start + np.arange(random.integers(6, 14))) % ITEMS for start in random.integers(ITEMS, size=users)
    ]


def test_the_gradients_of_the_sampled_softmax_are_those_of_its_formula(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(next_item, "MATMUL_DTYPE", torch.float32)
    torch.manual_seed(0)
    shapes = ((7, 8), (7, 8), (5, 8))
    mine = [torch.randn(shape, requires_grad=True) for shape in shapes]
    plain = [part.detach().clone().requires_grad_() for part in mine]
    same = torch.rand(7, 5) < 0.2
    loss = SampledSoftmax.apply(*mine, same, 3.0)
    states, true, drawn = plain
    others = (states @ drawn.T).masked_fill(same, -1e4) + math.log(3.0)
    own = (states * true).sum(1, keepdim=True)
    formula = -torch.cat([own, others], 1).log_softmax(1)[:, 0].mean()
    (2 * loss).backward()
    (2 * formula).backward()
    assert loss.item() == pytest.approx(formula.item(), rel=1e-5)
    for one, other in zip(mine, plain, strict=True):
        assert one.grad is not None and other.grad is not None
        assert torch.allclose(one.grad, other.grad, atol=1e-6)


def test_a_resumed_training_ends_in_the_same_weights(tmp_path: Path) -> None:
    through = NextItemTrainer(walks(120, 1), ITEMS, SMALL, 3)
    through.epoch()
    torch.save(through.state(), tmp_path / "kept.pt")
    through.epoch()
    again = NextItemTrainer(walks(120, 1), ITEMS, SMALL, 9)
    again.restore(torch.load(tmp_path / "kept.pt", weights_only=False))
    again.epoch()
    for one, other in zip(through.average.parameters(), again.average.parameters(), strict=True):
        assert torch.equal(one, other)


def test_it_learns_an_order_and_the_samples_are_counted() -> None:
    sequences = walks(300, 1)
    course = NextItemTrainer([sequence[:-2] for sequence in sequences], ITEMS, SMALL, 3)
    assert course.samples == sum(len(sequence) - 3 for sequence in sequences)
    before = measure_quality(course.average, sequences, ITEMS, 1)[1]
    for _ in range(15):
        course.epoch()
    found, gain = measure_quality(course.average, sequences, ITEMS, 1)
    assert before < 0.4
    assert found > 0.95 and gain > 0.8


def test_states_do_not_depend_on_who_else_is_read() -> None:
    sequences = walks(30, 2)
    network = NextItemTrainer(sequences, ITEMS, SMALL, 3).network
    batched = encode_sequences(network, sequences, 50)
    alone = np.vstack([encode_sequences(network, [sequence], 50) for sequence in sequences])
    assert np.allclose(batched, alone, atol=1e-5)


def test_an_item_that_users_come_back_to_is_missed_where_their_items_are_left_out() -> None:
    trainer = NextItemTrainer(walks(50, 1), ITEMS, SMALL, 0)
    returning = [np.array([3, 8, 3]), np.array([5, 6, 7, 5])]
    assert count_repeated_targets(returning, 1) == 2 and count_repeated_targets(walks(50, 1), 1) < 50
    assert measure_quality(trainer.network, returning, ITEMS, 1) == (0, 0)
    recall, ndcg = measure_quality(trainer.network, returning, ITEMS, 1, leave_out=False)
    assert 0 <= ndcg <= recall <= 1
