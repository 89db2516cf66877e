"""Trainings: the loss falls, the same seed gives the same bytes, and a loss that is not finite stops them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse

from models.encoders.bilstm import BiLstmAudioEncoder, compute_stacked_bands, save_bilstm
from models.encoders.cnn import ShopImageEncoder, save_shop_image
from models.encoders.interface import EncoderError
from models.encoders.text import HuggingFaceTextEncoder
from models.pretraining.audio_text import pretrain_audio
from models.pretraining.autoencoder import compute_codes, pretrain_autoencoder, reconstruct_rows
from models.pretraining.config import AudioPretraining, ImagePretraining, RowsPretraining, TextPretraining
from models.pretraining.image_views import pretrain_image
from models.pretraining.info_nce import compute_recall
from models.pretraining.shop_bert import pretrain_bert
from models.pretraining.training_loop import NonFiniteLoss
from models.pretraining.variational import pretrain_variational

TEXTS = [
    f"{colour} phone. {size} battery, {maker}" for colour in ("red", "blue", "红色")
    for size in ("large", "small") for maker in ("Acme", "Wan")
]  # fmt: skip
SMALL = TextPretraining(vocabulary=120, dim=16, layers=1, heads=2, max_tokens=24, steps=25, batch=8)


def written(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_the_small_bert_learns_and_is_the_same_to_the_byte(tmp_path: Path) -> None:
    for name in ("one", "two"):
        torch.rand(3)  # whatever the process drew before must not matter
        trained = pretrain_bert(TEXTS, SMALL, 7)
        trained.save(tmp_path / name)
    assert written(tmp_path / "one") == written(tmp_path / "two")
    assert np.mean(trained.losses[-5:]) < np.mean(trained.losses[:5])
    vectors = HuggingFaceTextEncoder(str(tmp_path / "one"), device="cpu").encode(TEXTS)
    assert vectors.shape == (len(TEXTS), 16)
    assert len(np.unique(vectors.round(5), axis=0)) == len(TEXTS)


@pytest.mark.parametrize("objective", ["masked_language", "next_sentence", "sentence_contrast"])
def test_each_text_objective_trains_alone(objective: str) -> None:
    config = SMALL.model_copy(update={"objectives": (objective,), "steps": 2})
    assert len(pretrain_bert(TEXTS, config, 7).losses) == 2


def test_texts_of_one_sentence_still_train() -> None:
    assert (
        len(pretrain_bert(["red", "blue", "red phone"], SMALL.model_copy(update={"steps": 2}), 7).losses) == 2
    )


def pictures() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [np.full((224, 224, 3), random.integers(0, 256, 3), np.uint8) for _ in range(6)]


def test_the_small_cnn_is_the_same_to_the_byte_and_reads_back(tmp_path: Path) -> None:
    config = ImagePretraining(
        dim=8, width=4, axes=4, steps=3, batch=4, objectives=("image_views", "text_image")
    )
    texts = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    for name in ("one", "two"):
        module, losses = pretrain_image(pictures(), texts, config, 7)
        save_shop_image(module, tmp_path / name, {})
    assert len(losses) == 3
    assert written(tmp_path / "one") == written(tmp_path / "two")
    encoder = ShopImageEncoder(tmp_path / "one", "cpu")
    assert encoder.encode(pictures()).shape == (6, 12)
    (tmp_path / "one" / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(EncoderError, match="Delete the folder") as error:
        ShopImageEncoder(tmp_path / "one", "cpu")
    assert "\n" not in str(error.value)


def spoken() -> tuple[list[np.ndarray], np.ndarray]:
    """Return recordings of four phrases, each a tone of its own, said three times, and the vectors of the phrases."""
    random = np.random.default_rng(0)
    time = np.arange(6400) / 16_000
    meanings = np.eye(4, 6, dtype=np.float32)
    sounds = [
        (np.sin(2 * np.pi * hertz * time) * (time < 0.3) + 0.01 * random.normal(size=6400)).astype(np.float32)
        for hertz in (300, 700, 1500, 3000) for _ in range(3)
    ]  # fmt: skip
    return sounds, np.repeat(meanings, 3, 0)


def test_the_bilstm_learns_the_vectors_of_the_phrases(tmp_path: Path) -> None:
    sounds, texts = spoken()
    config = AudioPretraining(hidden=16, steps=60, batch=12, learning_rate=1e-2)
    for name in ("one", "two"):
        module, losses = pretrain_audio([compute_stacked_bands(sound) for sound in sounds], texts, config, 7)
        save_bilstm(module, tmp_path / name, {"space": "x"})
    assert losses[-1] < 0.7 * losses[0]
    assert written(tmp_path / "one") == written(tmp_path / "two")
    encoder = BiLstmAudioEncoder(tmp_path / "one", "cpu")
    heard = torch.from_numpy(encoder.encode(sounds))
    same = torch.from_numpy(texts.argmax(1))
    assert compute_recall(heard, torch.from_numpy(texts), 1, same) >= 0.9
    alone = np.vstack([encoder.encode([sound]) for sound in sounds])
    assert np.allclose(alone, heard, atol=1e-5)


def histories() -> sparse.csr_matrix:
    """Forty users of two tastes; each has four of the six items of their taste."""
    random = np.random.default_rng(0)
    dense = np.zeros((40, 12), np.float32)
    for user in range(40):
        dense[user, 6 * (user % 2) + random.choice(6, 4, replace=False)] = 1
    return sparse.csr_matrix(dense)


@pytest.mark.parametrize("pretrain", [pretrain_autoencoder, pretrain_variational])
def test_autoencoders_complete_a_history_by_its_taste(pretrain: object) -> None:
    config = RowsPretraining(hidden=16, dim=4, steps=200, batch=20, learning_rate=1e-2)
    module, losses = pretrain(histories(), config, 7, True)  # type: ignore[operator]
    again, _ = pretrain(histories(), config, 7, True)  # type: ignore[operator]
    scores = reconstruct_rows(module, histories())
    assert np.array_equal(scores, reconstruct_rows(again, histories()))
    assert np.mean(losses[-20:]) < np.mean(losses[:20])
    own = np.array([scores[user, 6 * (user % 2) : 6 * (user % 2) + 6].mean() for user in range(40)])
    other = np.array([scores[user, 6 * (1 - user % 2) : 6 * (1 - user % 2) + 6].mean() for user in range(40)])
    assert (own > other).all()


def test_codes_have_the_configured_width() -> None:
    content = np.random.default_rng(0).normal(size=(9, 5)).astype(np.float32)
    module, _ = pretrain_autoencoder(content, RowsPretraining(hidden=4, dim=3, steps=2, batch=4), 7, False)
    assert compute_codes(module, content).shape == (9, 3)


def test_a_loss_that_is_not_finite_stops_the_training() -> None:
    content = np.full((4, 3), np.nan, np.float32)
    with pytest.raises(NonFiniteLoss, match="pretrain autoencoder: the loss is nan at step 0"):
        pretrain_autoencoder(content, RowsPretraining(steps=3), 7, False)
