"""Trainable encoders: their learned columns equal those of `encode`, gradients pass, and they save and load themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.encoders.audio import HuggingFaceAudioEncoder
from models.encoders.bilstm import BiLstm, BiLstmAudioEncoder, save_bilstm
from models.encoders.cnn import ShopImageEncoder, ShopImageNetwork, save_shop_image
from models.encoders.image import HuggingFaceImageEncoder
from models.encoders.interface import LearnableEncoder
from models.encoders.text import ConcatenatedTextEncoder, HuggingFaceTextEncoder
from models.network.column_encoder import ColumnEncoder, find_column_encoders
from tests.models.encoders.conftest import TEXTS, Saved
from tests.models.encoders.test_hugging_face import pictures, sounds

KINDS = ("bert", "clip words", "vit", "clip", "cnn", "bilstm")


def made(kind: str, saved: Saved, folder: Path) -> tuple[Any, list[Any]]:
    """Return an encoder of a kind, and contents for it."""
    if kind in ("bert", "clip words"):
        return HuggingFaceTextEncoder(str(saved(kind.removesuffix(" words"))), device="cpu"), list(TEXTS)
    if kind in ("vit", "clip"):
        return HuggingFaceImageEncoder(str(saved(kind)), device="cpu"), pictures(3)
    torch.manual_seed(1)
    if kind == "cnn":
        save_shop_image(ShopImageNetwork(dim=8, width=4, axes=4), folder, {"pictures": 3})
        return ShopImageEncoder(folder, "cpu"), pictures(3)
    save_bilstm(BiLstm(dim=8, hidden=8), folder, {"space": "words"})
    return BiLstmAudioEncoder(folder, "cpu"), sounds(4000, 16000, 900)


@pytest.mark.parametrize("kind", KINDS)
def test_learned_columns_are_those_of_encode_and_move_with_a_step(
    kind: str, saved: Saved, tmp_path: Path
) -> None:
    encoder, contents = made(kind, saved, tmp_path / "first")
    assert isinstance(encoder, LearnableEncoder)
    first, end = encoder.learned_columns
    (learner,) = find_column_encoders("any", encoder, ())
    assert list(learner.columns) == list(range(first, end))
    prepared = [encoder.prepare(content) for content in contents]
    vectors = learner(prepared)
    before = encoder.encode(contents)
    assert np.allclose(vectors.detach().numpy(), before[:, first:end], atol=5e-3)
    torch.manual_seed(0)
    (vectors * torch.randn_like(vectors)).sum().backward()
    with torch.no_grad():
        for weight in encoder.module.parameters():
            if weight.grad is not None:
                weight.add_(0.1 * weight.grad.sign())
    after = encoder.encode(contents)
    assert not np.allclose(after[:, first:end], before[:, first:end], atol=1e-3)
    about = learner.save(tmp_path / "moved")
    again = ColumnEncoder.load(tmp_path / "moved", about)
    assert np.allclose(again.encoder.encode(contents), after, atol=1e-6)


def test_of_concatenated_encoders_frozen_and_untrainable_ones_do_not_learn(saved: Saved) -> None:
    parts = [HuggingFaceTextEncoder(str(saved("bert")), device="cpu", name=name) for name in ("own", "other")]
    (learner,) = find_column_encoders("text", ConcatenatedTextEncoder(parts), ("other",))
    assert learner.columns == range(16) and learner.scale == 0.5**0.5
    assert find_column_encoders("text", ConcatenatedTextEncoder(parts), ("own",))[0].columns == range(16, 32)
    assert not find_column_encoders("text", ConcatenatedTextEncoder(parts), ("text",))
    assert not find_column_encoders("audio", HuggingFaceAudioEncoder(str(saved("wav2vec")), device="cpu"), ())
