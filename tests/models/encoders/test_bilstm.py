"""The BiLSTM over padded rows gives the states and gradients of torch's packed sequences."""

from __future__ import annotations

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from models.encoders.bilstm import BiLstm


@pytest.mark.parametrize("is_training", [True, False])
def test_the_bilstm_reads_padded_sounds_as_torch_reads_packed_ones(is_training: bool) -> None:
    torch.manual_seed(0)
    module = BiLstm(dim=8, hidden=16, layers=2).train(is_training)
    frames, lengths = torch.randn(5, 9, 320), torch.tensor([9, 1, 4, 9, 7])
    packed = pack_padded_sequence(module.enter(frames), lengths, batch_first=True, enforce_sorted=False)
    expected, _ = pad_packed_sequence(module.lstm(packed)[0], batch_first=True)
    found = module._run_lstm(module.enter(frames), lengths)
    mask = (torch.arange(9) < lengths[:, None]).unsqueeze(2)
    assert torch.allclose(found * mask, expected, atol=1e-6)
    weights = list(module.lstm.parameters())
    told = torch.randn_like(expected)
    gradients = [torch.autograd.grad((one * mask * told).sum(), weights) for one in (found, expected)]
    assert all(torch.allclose(one, other, atol=1e-4) for one, other in zip(*gradients, strict=True))
