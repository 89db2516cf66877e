"""The sequence encoder, with and without the low-pass filter: it is causal and ignores padding."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.network.byte_dropout import ByteDropout
from models.network.low_pass_filter import SPEEDS, LowPassFilter
from models.network.sequence_encoder import SequenceEncoder

DIM = 16


@pytest.fixture(params=[0.0, 0.7], ids=["attention", "filtered"])
def encoder(request: pytest.FixtureRequest) -> SequenceEncoder:
    torch.manual_seed(0)
    made = SequenceEncoder(DIM, 2, 2, 0.1, filtered=request.param).eval()
    with torch.no_grad():
        for part in made.parameters():
            part.add_(torch.randn_like(part), alpha=0.1)
    return made


def sequences(count: int, length: int) -> tuple[Tensor, Tensor, Tensor]:
    days = torch.rand(count, length).cumsum(1) * 5
    return torch.randn(count, length, DIM), torch.randint(3, (count, length)), days


def test_a_state_does_not_change_with_what_comes_after_it(encoder: SequenceEncoder) -> None:
    vectors, kinds, days = sequences(3, 9)
    before = encoder(vectors, kinds, days)
    vectors[:, 5:], kinds[:, 5:], days[:, 5:] = torch.randn(3, 4, DIM), 0, torch.inf
    after = encoder(vectors, kinds, days)
    assert torch.allclose(after[:, :6], before[:, :6], atol=1e-6)
    assert not torch.allclose(after[:, 6:], before[:, 6:], atol=1e-3)


def test_who_did_nothing_has_the_same_state_as_everybody_at_the_start(encoder: SequenceEncoder) -> None:
    states = encoder(*sequences(4, 3))
    assert torch.allclose(states[:, 0], states[:1, 0].expand(4, -1), atol=1e-6)
    nothing = encoder(torch.empty(2, 0, DIM), torch.empty(2, 0, dtype=torch.int64), torch.empty(2, 0))
    assert torch.allclose(nothing[:, 0], states[:2, 0], atol=1e-6)


def test_the_order_matters(encoder: SequenceEncoder) -> None:
    vectors, kinds, days = sequences(2, 6)
    turned = encoder(vectors.flip(1), kinds, days)
    assert not torch.allclose(turned[:, -1], encoder(vectors, kinds, days)[:, -1], atol=1e-3)


def test_times_that_all_share_may_be_given_once(encoder: SequenceEncoder) -> None:
    vectors, kinds, days = sequences(4, 5)
    once = encoder(vectors, kinds[:1], days[:1])
    each = encoder(vectors, kinds[:1].expand(4, -1), days[:1].expand(4, -1))
    assert torch.allclose(once, each, atol=1e-6)


def test_the_filter_leaves_what_never_changes_and_calms_what_does() -> None:
    torch.manual_seed(0)
    smooth = LowPassFilter(DIM)
    still = torch.randn(2, 1, DIM).expand(2, 7, DIM)
    assert torch.allclose(smooth(still.contiguous()), still, atol=1e-6)
    torch.nn.init.zeros_(smooth.detail)
    restless = torch.randn(2, 40, DIM)
    assert smooth(restless)[:, 10:].var(1).mean() < 0.7 * restless[:, 10:].var(1).mean()


def test_slow_channels_remember_longer_than_fast_ones() -> None:
    smooth = LowPassFilter(DIM)
    torch.nn.init.zeros_(smooth.detail)
    once = torch.zeros(1, 12, DIM)
    once[0, 0] = 1
    left = smooth(once)[0, -1].view(SPEEDS, -1)[:, 0]
    assert (left.diff() < 0).all()


def test_a_filter_needs_channels_for_every_speed() -> None:
    with pytest.raises(ValueError, match="8 speeds"):
        LowPassFilter(12)


def test_byte_dropout_keeps_the_mean_and_rests_outside_training() -> None:
    torch.manual_seed(0)
    drop, x = ByteDropout(0.5), torch.ones(301, 77)
    dropped = drop(x)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert dropped.mean() == pytest.approx(1, abs=0.03)
    assert drop.eval()(x) is x
    assert ByteDropout(0.0)(x) is x
