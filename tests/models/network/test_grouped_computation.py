"""Computing in groups gives the same as at once: windows of similar length, examples of the same day."""

from __future__ import annotations

import torch

from models.network.per_day_product import multiply_per_day
from models.network.sequence_encoder import SequenceEncoder, group_by_length


def test_every_window_is_in_one_group_that_is_as_long_as_its_longest() -> None:
    lengths = torch.tensor([3, 50, 0, 8, 9, 16, 33, 1])
    days = torch.where(torch.arange(50) < lengths[:, None], 1.0, torch.inf)
    groups = group_by_length(days)
    assert torch.cat([rows for rows, _ in groups]).sort().values.tolist() == list(range(len(lengths)))
    assert [(sorted(rows.tolist()), longest) for rows, longest in groups] == [
        ([0, 2, 3, 7], 8), ([4, 5], 16), ([1, 6], 50),
    ]  # fmt: skip


def test_states_of_a_group_are_those_of_padded_windows() -> None:
    torch.manual_seed(0)
    encoder = SequenceEncoder(16, 2, 2, 0.2).eval()
    lengths = torch.randint(0, 30, (20,))
    is_there = torch.arange(30) < lengths[:, None]
    days = torch.where(is_there, torch.rand(20, 30).cumsum(1), torch.inf)
    vectors, kinds = torch.randn(20, 30, 16), torch.randint(0, 6, (20, 30))
    whole = encoder(vectors, kinds, days)
    for rows, longest in group_by_length(days):
        part = encoder(vectors[rows, :longest], kinds[rows, :longest], days[rows, :longest])
        for row, states in zip(rows.tolist(), part, strict=True):
            known = int(lengths[row]) + 1
            assert torch.allclose(states[:known], whole[row, :known], atol=1e-5)


def test_the_product_of_each_day_is_that_of_a_copy_of_the_day_for_each_example() -> None:
    torch.manual_seed(0)
    temporal, day = torch.randn(5, 7, 3), torch.tensor([0, 0, 2, 2, 2, 4])
    weights = torch.randn(6, 3, requires_grad=True)
    found, expected = (
        multiply_per_day(weights, temporal, day),
        torch.einsum("nk,nik->ni", weights, temporal[day]),
    )
    assert torch.allclose(found, expected, atol=1e-6)
    upstream = torch.randn_like(found)
    gradients = [torch.autograd.grad((one * upstream).sum(), weights)[0] for one in (found, expected)]
    assert torch.allclose(gradients[0], gradients[1], atol=1e-6)
