"""Hugging Face encoders by path: the real loading code, on tiny models saved in the real format."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from models.encoders.audio import HuggingFaceAudioEncoder
from models.encoders.image import HuggingFaceImageEncoder, normalize_pixels
from models.encoders.interface import Encoder, EncoderError
from models.encoders.text import ConcatenatedTextEncoder, HuggingFaceTextEncoder
from tests.models.encoders.conftest import TEXTS, Saved


def pictures(count: int) -> list[np.ndarray]:
    return list(np.random.default_rng(1).integers(0, 256, (count, 224, 224, 3), dtype=np.uint8))


def sounds(*lengths: int) -> list[np.ndarray]:
    return [np.random.default_rng(n).normal(size=n).astype(np.float32) for n in lengths]


def of_length_one(vectors: np.ndarray) -> bool:
    return bool(np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5))


def test_a_bert_gives_the_mean_of_its_states_over_the_words(saved: Saved) -> None:
    from transformers import AutoModel, AutoTokenizer

    vectors = HuggingFaceTextEncoder(str(saved("bert")), device="cpu").encode(TEXTS)
    tokenizer = AutoTokenizer.from_pretrained(saved("bert"))
    model = AutoModel.from_pretrained(saved("bert"), add_pooling_layer=False).eval()
    for text, vector in zip(TEXTS, vectors, strict=True):
        with torch.no_grad():
            states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        expected = torch.nn.functional.normalize(states.mean(0), dim=0).numpy()
        assert np.allclose(vector, expected, atol=1e-5)


def test_a_text_has_the_same_vector_whatever_it_is_encoded_with(saved: Saved) -> None:
    encoder = HuggingFaceTextEncoder(str(saved("bert")), device="cpu")
    together = encoder.encode([*TEXTS, "phone " * 50])
    alone = np.vstack([encoder.encode([text]) for text in TEXTS])
    assert np.allclose(together[: len(TEXTS)], alone, atol=1e-5)
    assert encoder.encode([]).shape == (0, 16)


def test_concatenated_encoders_have_equal_weight(saved: Saved) -> None:
    part = HuggingFaceTextEncoder(str(saved("bert")), device="cpu")
    both = ConcatenatedTextEncoder([part, part])
    assert both.dim == 32
    assert of_length_one(both.encode(TEXTS))


def test_a_vision_transformer_without_a_pooler_gives_the_same_vectors_twice(saved: Saved) -> None:
    one, two = (
        HuggingFaceImageEncoder(str(saved("vit")), device="cpu").encode(pictures(3)) for _ in range(2)
    )
    assert one.shape == (3, 16)
    assert of_length_one(one)
    assert np.array_equal(one, two)


def test_a_clip_gives_its_image_features_with_its_own_normalisation(saved: Saved) -> None:
    from transformers import CLIPModel

    encoder = HuggingFaceImageEncoder(str(saved("clip")), device="cpu")
    assert list(encoder.mean) == [0.5, 0.5, 0.5]
    pixels = torch.nn.functional.interpolate(
        normalize_pixels(pictures(2), [0.5] * 3, [0.25] * 3), 32, mode="bicubic", antialias=True, align_corners=False
    )  # fmt: skip
    with torch.no_grad():
        told = CLIPModel.from_pretrained(saved("clip")).eval().get_image_features(pixel_values=pixels)
    told = told if isinstance(told, torch.Tensor) else told.pooler_output
    assert np.allclose(encoder.encode(pictures(2)), torch.nn.functional.normalize(told, dim=1), atol=1e-5)


def test_the_text_half_of_a_clip_encodes_texts(saved: Saved) -> None:
    assert of_length_one(HuggingFaceTextEncoder(str(saved("clip")), device="cpu").encode(TEXTS))


@pytest.mark.parametrize("kind", ["wav2vec", "whisper"])
def test_a_sound_has_the_same_vector_alone_and_in_a_batch(saved: Saved, kind: str) -> None:
    encoder = HuggingFaceAudioEncoder(str(saved(kind)), device="cpu")
    heard = encoder.encode(sounds(16_000, 4000, 3))
    assert heard.shape == (3, 16)
    assert of_length_one(heard)
    assert np.array_equal(heard[1:2], encoder.encode(sounds(4000)))


def test_nothing_is_written_to_the_terminal_while_loading(
    saved: Saved, capfd: pytest.CaptureFixture[str]
) -> None:
    HuggingFaceTextEncoder(str(saved("bert")), device="cpu")
    HuggingFaceImageEncoder(str(saved("vit")), device="cpu")
    assert capfd.readouterr() == ("", "")


def test_other_weights_have_another_fingerprint(saved: Saved, tmp_path: Path) -> None:
    folder = shutil.copytree(saved("bert"), tmp_path / "bert")
    before = HuggingFaceTextEncoder(str(folder), device="cpu").fingerprint
    unchanged = HuggingFaceTextEncoder(str(saved("bert")), device="cpu").fingerprint
    assert unchanged.split(":")[1] == before.split(":")[1]
    tensors = load_file(folder / "model.safetensors")
    tensors["embeddings.word_embeddings.weight"] += 1
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    assert HuggingFaceTextEncoder(str(folder), device="cpu").fingerprint != before


def loads(kind: str, folder: Path) -> Encoder[Any]:
    if kind == "bert":
        return HuggingFaceTextEncoder(str(folder), device="cpu")
    return (
        HuggingFaceImageEncoder(str(folder), device="cpu")
        if kind == "vit"
        else HuggingFaceAudioEncoder(str(folder), device="cpu")
    )


def one_line(error: pytest.ExceptionInfo[EncoderError]) -> bool:
    return "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["bert", "vit", "whisper"])
def test_damaged_weights_are_an_error_in_one_line(saved: Saved, tmp_path: Path, kind: str) -> None:
    folder = shutil.copytree(saved(kind), tmp_path / kind)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:500])
    with pytest.raises(EncoderError, match="encoder that transformers can load") as error:
        loads(kind, folder)
    assert one_line(error)


@pytest.mark.parametrize("kind", ["bert", "vit", "wav2vec"])
def test_a_file_that_lacks_weights_is_refused_instead_of_initialized_at_random(
    saved: Saved, tmp_path: Path, kind: str
) -> None:
    folder = shutil.copytree(saved(kind), tmp_path / kind)
    tensors = load_file(folder / "model.safetensors")
    lost = next(name for name in sorted(tensors) if "attention" in name and name.endswith("weight"))
    save_file({name: value for name, value in tensors.items() if name != lost}, folder / "model.safetensors",
              {"format": "pt"})  # fmt: skip
    with pytest.raises(EncoderError, match="its weights lack") as error:
        loads(kind, folder)
    assert one_line(error)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt"])
def test_pickled_weights_are_never_loaded(saved: Saved, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(saved("bert"), tmp_path / "bert")
    torch.save(load_file(folder / "model.safetensors"), folder / name)
    (folder / "model.safetensors").unlink()
    with pytest.raises(EncoderError, match="pickled weights are never loaded") as error:
        HuggingFaceTextEncoder(str(folder), device="cpu")
    assert one_line(error)


def test_a_model_of_another_kind_is_refused(saved: Saved) -> None:
    with pytest.raises(EncoderError, match="takes no pictures"):
        HuggingFaceImageEncoder(str(saved("bert")), device="cpu")
    with pytest.raises(EncoderError, match="takes no audio"):
        HuggingFaceAudioEncoder(str(saved("vit")), device="cpu")


def test_a_missing_model_is_an_error_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(EncoderError, match="Name a folder that holds the model") as error:
        HuggingFaceTextEncoder("nobody/nothing")
    assert one_line(error)
