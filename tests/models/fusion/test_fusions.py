"""All fusions: missing modalities are ignored, weights sum to one, and the formulas are those of the papers."""

from __future__ import annotations

import pytest
import torch

from models.fusion.attention import Attention
from models.fusion.factory import FUSIONS, build_fusion
from models.fusion.masked_softmax import compute_masked_softmax

ROWS, MODALITIES, DIM = 12, 4, 8


@pytest.fixture
def parts() -> torch.Tensor:
    return torch.randn(ROWS, MODALITIES, DIM, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def present() -> torch.Tensor:
    mask = torch.rand(ROWS, MODALITIES, generator=torch.Generator().manual_seed(2)) < 0.6
    mask[0], mask[1] = False, True
    mask[2] = torch.tensor([False, True, False, False])
    return mask


@pytest.mark.parametrize("name", FUSIONS)
def test_weights_sum_to_one_over_what_is_present_and_are_zero_elsewhere(
    name: str, parts: torch.Tensor, present: torch.Tensor
) -> None:
    torch.manual_seed(3)
    weights = build_fusion(name, MODALITIES, DIM)(parts, present).weights
    assert (weights >= 0).all() and (weights[~present] == 0).all()
    assert torch.allclose(weights.sum(1), present.any(1).float(), atol=1e-5)


@pytest.mark.parametrize("name", FUSIONS)
def test_what_a_missing_modality_holds_changes_nothing(
    name: str, parts: torch.Tensor, present: torch.Tensor
) -> None:
    torch.manual_seed(3)
    fusion = build_fusion(name, MODALITIES, DIM)
    noise = torch.where(present.unsqueeze(-1), parts, 100 * torch.randn_like(parts))
    assert torch.allclose(fusion(parts, present).vector, fusion(noise, present).vector, atol=1e-4)


@pytest.mark.parametrize("name", FUSIONS)
def test_a_row_without_any_modality_is_zero_and_its_gradients_are_finite(
    name: str, parts: torch.Tensor, present: torch.Tensor
) -> None:
    torch.manual_seed(3)
    fusion = build_fusion(name, MODALITIES, DIM)
    fused = fusion(parts.requires_grad_(), present)
    assert (fused.vector[0] == 0).all()
    fused.vector.square().sum().backward()
    assert all(weight.grad is None or torch.isfinite(weight.grad).all() for weight in fusion.parameters())
    assert parts.grad is not None and torch.isfinite(parts.grad).all()


def test_attention_is_the_sum_of_the_parts_by_a_softmax_of_its_scores(
    parts: torch.Tensor, present: torch.Tensor
) -> None:
    torch.manual_seed(3)
    fusion = Attention(MODALITIES, DIM)
    fused = fusion(parts, present)
    for row in range(1, ROWS):
        there = [m for m in range(MODALITIES) if present[row, m]]
        if not there:
            continue
        scores = [
            (fusion.score[m] * torch.tanh(fusion.hidden(parts[row, m]))).sum() + fusion.trust[m]
            for m in there
        ]
        alpha = torch.stack(scores).softmax(0)
        expected = sum(a * parts[row, m] for a, m in zip(alpha, there, strict=True))
        assert torch.allclose(fused.vector[row], torch.as_tensor(expected), atol=1e-5)


def test_a_masked_softmax_of_one_entry_is_that_entry() -> None:
    weights = compute_masked_softmax(torch.tensor([[5.0, -3.0, 1.0]]), torch.tensor([[False, True, False]]))
    assert weights.tolist() == [[0.0, 1.0, 0.0]]


def test_what_adds_nothing_to_the_first_layers_weighs_nothing() -> None:
    fusion = build_fusion("features", MODALITIES, DIM).eval()
    with torch.no_grad():
        for layer in ("straight", "enter"):
            fusion.get_parameter(f"{layer}.weight")[:, DIM : 2 * DIM] = 0
    parts, present = torch.randn(5, MODALITIES, DIM), torch.ones(5, MODALITIES, dtype=torch.bool)
    weights = fusion(parts, present).weights
    assert (weights[:, 1] == 0).all() and (weights[:, 0] > 0).all()
